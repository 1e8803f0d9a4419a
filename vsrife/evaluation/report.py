"""Reports of measurements: means, a Markdown table, and JSON with every value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from vsrife.evaluation.metrics import CAP, mean_figure, mean_psnr

if TYPE_CHECKING:
    from collections.abc import Iterable
    from fractions import Fraction

__all__ = ["FIGURES", "Figure", "Report", "Score"]


class Figure(NamedTuple):
    """How a metric is printed: its heading and the digits after the point."""

    heading: str
    digits: int


FIGURES = {
    "psnr": Figure("PSNR", 2),
    "psnr_luma": Figure("PSNR of luma", 2),
    "ssim": Figure("SSIM", 4),
    "ssim_paper": Figure("SSIM, the paper's", 4),
    "ie": Figure("IE", 2),
    "ie_paper": Figure("IE, the paper's", 3),
    "sharpness": Figure("sharpness", 3),
    "sharpness_luma": Figure("sharpness of luma", 3),
    "vmaf": Figure("VMAF", 2),
    "st_lpips": Figure("ST-LPIPS", 4),
}
DECIBELS = ("psnr", "psnr_luma")
ALL = "all"
NONE = "–"


@dataclass(frozen=True)
class Score:
    """The figures of one interpolated picture.

    Args:
        model: name of the model.
        case: name of the case.
        time: of the picture, between the case's first and last.
        figures: metric → value; PSNR is infinite where the picture is met exactly, and what has no value is not a
            number.
        clip: clip of the case.
        group: group of the case.
    """

    model: str
    case: str
    time: Fraction
    figures: dict[str, float]
    clip: str = ""
    group: str = ""


@dataclass(frozen=True)
class Report:
    """Scores of one suite.

    Args:
        suite: its name.
        metrics: those measured, in the order of the table.
        scores: in the order of the cases; of each, model by model.
    """

    suite: str
    metrics: tuple[str, ...]
    scores: tuple[Score, ...]

    @property
    def models(self) -> tuple[str, ...]:
        """In the order of the table."""
        return tuple(dict.fromkeys(score.model for score in self.scores))

    @property
    def pictures(self) -> int:
        """How many each model made."""
        return len(self.scores) // max(len(self.models), 1)

    @property
    def groups(self) -> tuple[str, ...]:
        """Those there are, and `all` where these are several."""
        groups = tuple(dict.fromkeys(score.group for score in self.scores))
        return (*groups, ALL) if len(groups) > 1 else groups

    def mean(self, model: str, metric: str, group: str | None = None) -> float:
        """Mean of pictures, or where a suite has clips, of the clips' means; not a number where there are none.

        PSNR is the mean of the pictures' dB, as the published scripts have it, each at most 100 dB.
        """
        clips: dict[str, list[float]] = {}
        for score in self.scores:
            if score.model == model and group in (None, ALL, score.group):
                clips.setdefault(score.clip, []).append(score.figures[metric])
        mean = mean_psnr if metric in DECIBELS else mean_figure
        return mean_figure(map(mean, clips.values()))

    def table(self) -> str:
        """Markdown, its columns aligned."""
        groups = self.groups
        named = len(groups) > 1
        rows = [["model", *([""] if named else []), *(FIGURES[metric].heading for metric in self.metrics)]]
        for group in groups:
            for model in self.models:
                cells = [_told(metric, self.mean(model, metric, group)) for metric in self.metrics]
                rows.append([_escaped(model), *([group] if named else []), *cells])
        return _aligned(rows, left=1 + named)

    def record(self) -> dict[str, Any]:
        """Everything, as JSON has it: PSNR at most 100, null for what has no value, times as fractions."""
        return {
            "suite": self.suite,
            "pictures": self.pictures,
            "means": [
                {"model": model, "group": group}
                | {metric: _plain(metric, self.mean(model, metric, group)) for metric in self.metrics}
                for group in self.groups
                for model in self.models
            ],
            "cases": [
                {"case": score.case, "time": str(score.time), "clip": score.clip, "group": score.group}
                | {"model": score.model}
                | {metric: _plain(metric, score.figures[metric]) for metric in self.metrics}
                for score in self.scores
            ],
        }


def _told(metric: str, value: float) -> str:
    return NONE if math.isnan(value) else f"{value:.{FIGURES[metric].digits}f}"


def _plain(metric: str, value: float) -> float | None:
    if math.isnan(value):
        return None
    return round(min(value, CAP) if metric in DECIBELS else value, 6)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _aligned(rows: Iterable[list[str]], left: int) -> str:
    """The first row is the heading, the first `left` columns are text and the others figures."""
    rows = list(rows)
    widths = [max(3, *(len(row[column]) for row in rows)) for column in range(len(rows[0]))]

    def line(cells: list[str]) -> str:
        padded = [
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * width if column < left else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    return "\n".join([line(rows[0]), line(rule), *map(line, rows[1:])])
