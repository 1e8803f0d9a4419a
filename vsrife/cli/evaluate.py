"""`vsrife evaluate`: how near models come to frames that were there, on test sets and on clips of one's own."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrife.cli.figures import machine, versions
from vsrife.cli.filter_options import MOTION, add_filter_options, filter_options
from vsrife.errors import ArgumentError, RifeError
from vsrife.networks.catalog import DEFAULT

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from vsrife.evaluation import Choice, EnginePredictor, Report, Suite, Worst

__all__ = ["add_to"]

WEIGHTS = (".safetensors", ".pkl", ".pth", ".param")
UNTOLD = ("flownet", "model")
"""Names of files that say nothing: their folder's says more."""
VMAF, ST_LPIPS = "vmaf", "st_lpips"
ROWS = 10
"""Of the sheet."""
PACKAGES = ("vsrife", "torch", "numpy", "VapourSynth", "vapoursynth-bestsource", "pillow", "imageio-ffmpeg")


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "evaluate",
        help="measure models on test sets and clips",
        description="Interpolates known frames with each model and with a plain blend, and prints a Markdown table of "
        "mean PSNR, SSIM, interpolation error, sharpness (gradient energy divided by the true frame's) and, if an "
        "ffmpeg with libvmaf is found, VMAF, all of 8-bit RGB. Published test sets are recognised by the contents of "
        "their folders. From a video, a .vpy script or a folder of frames, frames are dropped and interpolated again, "
        "never across a cut.",
    )
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="test sets, videos, scripts or folders of frames"
    )
    parser.add_argument(
        "--model",
        nargs="+",
        default=[DEFAULT],
        metavar="MODEL",
        help="names that `vsrife models` lists, weights files, or NAME=FILE if a file does not state its version; "
        f"default: {DEFAULT}",
    )
    add_filter_options(parser, MOTION)
    parser.add_argument(
        "--suite", metavar="NAME", help="kind of the test sets, if it is not recognised: vimeo90k, clip, …"
    )
    parser.add_argument(
        "--metrics",
        nargs="+",
        metavar="NAME",
        help="metrics to compute; default: psnr, ssim, ie, sharpness, vmaf and those usually reported for a set; also "
        "psnr_luma, ssim_paper, ie_paper, sharpness_luma, and st_lpips, which needs the package stlpips-pytorch",
    )
    parser.add_argument("--factor", type=int, metavar="N", help="keep one of N frames; default: 2, or the set's")
    parser.add_argument(
        "--span",
        default=":",
        metavar="A:B",
        help="part of each clip, as shares of its duration: 0.5:1 is the second half",
    )
    parser.add_argument("--every", type=int, default=1, metavar="N", help="use every Nth case")
    parser.add_argument("--limit", type=int, metavar="N", help="use at most N cases")
    parser.add_argument(
        "--size", metavar="WxH", help="scale clips down to fit into this size; a single number is the width"
    )
    parser.add_argument("--repeats", action="store_true", help="keep cases of a clip in which a picture is repeated")
    parser.add_argument("--ffmpeg", type=Path, metavar="FILE", help="an ffmpeg with libvmaf, if none is found")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures of every case to this file")
    parser.add_argument(
        "--sheet",
        type=Path,
        metavar="FILE",
        help="draw the worst cases of the first model into this PNG, "
        "and all models' pictures of them side by side if there are several",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure, print a table for each path, and write the files.

    Raises:
        RifeError: an argument that cannot be used, or a path that cannot be measured.
    """
    for name in ("json", "sheet"):
        path: Path | None = getattr(options, name)
        if path and (not path.parent.is_dir() or path.is_dir()):
            raise ArgumentError(name, path, "a file in a folder that exists")

    from vsrife.evaluation import BASELINE, Choice, Worst, find_suite, parse_size, parse_span, save_sheet
    from vsrife.files import atomic_write

    size = parse_size(options.size) if options.size else (None, None)
    span = parse_span(options.span)
    choice = Choice(span, options.every, options.limit, options.factor, size, options.repeats)
    metrics, ffmpeg = _available(options.metrics, options.ffmpeg)
    suites = [find_suite(path, options.suite, choice) for path in options.paths]
    predictors = _predictors(options, BASELINE)
    worst = Worst(next(iter(predictors)), ROWS)
    reports = []
    for path, suite in zip(options.paths, suites, strict=True):
        report = _measured(path, suite, predictors, metrics or _usual(suite, ffmpeg), ffmpeg, worst)
        print(f"{_heading(path, report)}, {_how(predictors)}\n\n{report.table()}\n", flush=True)
        reports.append({"path": str(path)} | report.record())
    if options.sheet:
        with atomic_write(options.sheet) as partial:
            save_sheet(partial, worst)
    if options.json:
        record = _record(options, choice, predictors, reports)
        with atomic_write(options.json) as partial:
            partial.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _available(names: Sequence[str] | None, given: Path | None) -> tuple[tuple[str, ...], Path | None]:
    """The metrics that were asked for and can be had, and the ffmpeg for VMAF; metrics that cannot are reported."""
    from vsrife.evaluation import KNOWN, find_ffmpeg, has_st_lpips

    wanted = tuple(dict.fromkeys(names or ()))
    for name in wanted:
        if name not in KNOWN:
            raise ArgumentError("metrics", name, f"of {', '.join(KNOWN)}")
    ffmpeg = find_ffmpeg(given) if VMAF in wanted or not wanted else None
    missing = {}
    if ffmpeg is None and (VMAF in wanted or not wanted):
        missing[VMAF] = "no ffmpeg with libvmaf is found (pip install imageio-ffmpeg, or --ffmpeg)"
    if ST_LPIPS in wanted and not has_st_lpips():
        missing[ST_LPIPS] = "its weights are not here (pip install stlpips-pytorch)"
    left = tuple(name for name in wanted if name not in missing)
    for name, reason in missing.items():
        message = f"{name} cannot be measured: {reason}"
        if wanted and not left:
            raise RifeError(message)
        print(f"evaluate: {message}", file=sys.stderr)
    return left, ffmpeg


def _usual(suite: Suite, ffmpeg: Path | None) -> tuple[str, ...]:
    """The metrics of a suite where none are asked for."""
    from vsrife.evaluation import KNOWN, USUAL

    usual = {*USUAL, *suite.reported, *([VMAF] if ffmpeg else [])}
    return tuple(name for name in KNOWN if name in usual)


def _predictors(options: argparse.Namespace, baseline: str) -> dict[str, EnginePredictor]:
    """By what the table calls them."""
    from vsrife.evaluation import load_predictor

    found: dict[str, EnginePredictor] = {}
    for text in dict.fromkeys(options.model):
        model, file = _model(text)
        label = text
        if file is not None:
            label = file.absolute().parent.name if file.stem in UNTOLD else file.stem or file.name
        if label in found or label in (baseline, ""):
            label = text
        found[label] = load_predictor(
            model,
            file,
            **filter_options(options, MOTION),
            log=lambda line: print(line, file=sys.stderr),
        )
    return found


def _model(text: str) -> tuple[str | None, Path | None]:
    """A name, a file, or both."""
    name, equals, file = text.rpartition("=")
    path = Path(file).expanduser()
    is_file = path.suffix.lower() in WEIGHTS or path.is_file() or (path / "flownet.param").is_file()
    if equals or is_file:
        return name or None, path
    return text, None


def _measured(
    path: Path,
    suite: Suite,
    predictors: dict[str, EnginePredictor],
    metrics: tuple[str, ...],
    ffmpeg: Path | None,
    worst: Worst,
) -> Report:
    from tqdm import tqdm

    from vsrife.evaluation import Vmaf, evaluate

    device = next(iter(predictors.values())).engine.device
    with ExitStack() as stack:
        vmaf = stack.enter_context(Vmaf(ffmpeg, moving=suite.moving)) if ffmpeg and VMAF in metrics else None
        cases = tqdm(suite.cases(), suite.name, suite.length, unit="case", leave=False, disable=None)
        report = evaluate(
            cases,
            predictors,
            metrics,
            suite=suite.name,
            vmaf=vmaf,
            watch=lambda *shown: worst.add(_name(path), *shown),
            device=device if device.type == "cuda" else None,
            workers=max(predictor.engine.executor.concurrency for predictor in predictors.values()),
        )
    if not report.scores:
        raise RifeError(f"{suite.name} has no case without a cut or a repeat; --repeats keeps the latter")
    return report


def _how(predictors: dict[str, EnginePredictor]) -> str:
    """On what, and in which precision."""
    engine = next(iter(predictors.values())).engine
    return f"{str(engine.dtype).removeprefix('torch.')} on {engine.device}"


def _heading(path: Path, report: Report) -> str:
    """What was measured."""
    what = _name(path) if report.suite == _name(path) else f"{_name(path)}: {report.suite}"
    return f"{what}, {report.pictures} interpolated picture{'s' if report.pictures != 1 else ''}"


def _name(path: Path) -> str:
    return path.expanduser().resolve().name


def _record(
    options: argparse.Namespace,
    choice: Choice,
    predictors: dict[str, EnginePredictor],
    reports: list[dict[str, Any]],
) -> dict[str, Any]:
    """Everything that was measured, and how."""
    engine = next(iter(predictors.values())).engine
    given = {name: value for name, value in vars(options).items() if name not in ("run", "paths")}
    arguments = {name: str(value) if isinstance(value, Path) else value for name, value in given.items()}
    return {
        "machine": machine() | {"device": str(engine.device)},
        "packages": versions(PACKAGES),
        "arguments": arguments | {"span": [str(share) for share in choice.span]},
        "precision": str(engine.dtype).removeprefix("torch."),
        "models": list(predictors),
        "suites": reports,
    }
