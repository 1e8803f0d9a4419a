"""The page of a comparison: one HTML file with its pictures, which a slider lays over one another."""

from __future__ import annotations

import base64
import html
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from vsrife.compare.comparison import MADE, PUBLISHED
from vsrife.compare.sheet import clock, decibels
from vsrife.evaluation import BASELINE
from vsrife.evaluation.metrics import sharpness
from vsrife.evaluation.report import FIGURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from vsrife.compare.comparison import Comparison
    from vsrife.compare.sheet import Shown
    from vsrife.evaluation import Report

__all__ = ["save_page"]

TEMPLATE = Path(__file__).with_name("page.html")
QUALITY = 92
"""Of the JPEG pictures, whose chroma is not subsampled."""
LISTED = 15
"""Places of the table, the worst first."""
NAMES = {BASELINE: "blend", PUBLISHED: "published", MADE: "vsrife"}


def save_page(
    path: Path, title: str, lines: Sequence[str], comparison: Comparison, moments: Sequence[Shown], timeline: Path
) -> None:
    """Write the page.

    Args:
        path: path of the HTML file.
        title: heading of the page.
        lines: what is written below the heading.
        comparison: comparison of the clip.
        moments: moments to show, at least one.
        timeline: PNG of the timeline.

    Raises:
        OSError: a file cannot be read or written.
    """
    data = {
        "lines": lines,
        "width": moments[0].first.shape[2],
        "figures": _figures(comparison.report),
        "worst": _worst(comparison, moments),
        "timeline": _embedded("png", timeline.read_bytes()),
        "moments": [_moment(each) for each in moments],
    }
    page = TEMPLATE.read_text(encoding="utf-8")
    # as JSON in a script, where a < could end it
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    path.write_text(page.replace("{title}", html.escape(title)).replace("{data}", text), encoding="utf-8")


def _moment(moment: Shown) -> dict[str, Any]:
    first, last = moment.place.first, moment.place.last
    pictures = {
        "first": (f"frame {first}", moment.first, ""),
        "last": (f"frame {last}", moment.last, ""),
        **{
            kind: (kind, picture, _compared(picture, moment.truth))
            for kind, picture in (("blend", moment.blend), ("published", moment.published), ("vsrife", moment.made))
            if picture is not None
        },
    }
    if moment.truth is not None:
        pictures["truth"] = (f"frame {first + 1}, the truth", moment.truth, "")
    return {
        "letter": moment.letter,
        "what": f"{clock(moment.second, 2)}, between frames {first} and {last}: {moment.what}",
        "pictures": [
            {"kind": kind, "name": name, "figures": figures, "source": _embedded("jpeg", _jpeg(picture))}
            for kind, (name, picture, figures) in pictures.items()
        ],
    }


def _compared(picture: Tensor, truth: Tensor | None) -> str:
    if truth is None:
        return ""
    return f"{decibels(picture, truth)}, sharpness {float(sharpness(picture, truth)):.2f}"


def _figures(report: Report) -> list[list[str]]:
    """The mean figures: a heading, and a row for each way to make a frame."""
    rows = [["", *(FIGURES[metric].heading for metric in report.metrics)]]
    for model in report.models:
        means = (f"{report.mean(model, metric):.{FIGURES[metric].digits}f}" for metric in report.metrics)
        rows.append([NAMES[model], *means])
    return rows


def _worst(comparison: Comparison, moments: Sequence[Shown]) -> list[list[str]]:
    """The places whose frame is furthest from the truth: a heading, and a row for each."""
    survey, report = comparison.survey, comparison.report
    letters = {moment.place.name: moment.letter for moment in moments}
    psnr: dict[str, dict[str, float]] = {}
    for score in report.scores:
        psnr.setdefault(score.case, {})[score.model] = score.figures["psnr"]
    rows = [["", "time", "frame", *(f"{NAMES[model]}, dB" for model in report.models)]]
    for name in sorted(psnr, key=lambda each: psnr[each][MADE])[:LISTED]:
        frame = int(name.partition("-")[0]) + 1
        second = float(survey.times[frame - survey.first])
        figures = (f"{psnr[name][model]:.2f}" for model in report.models)
        rows.append([letters.get(name, ""), clock(second, 2), str(frame), *figures])
    return rows


def _jpeg(picture: Tensor) -> bytes:
    image = Image.fromarray(picture.permute(1, 2, 0).contiguous().numpy())
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY, subsampling=0)
    return file.getvalue()


def _embedded(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
