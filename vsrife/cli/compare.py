"""`vsrife compare`: a sheet of pictures, a short video and a timeline of a clip and what is made of it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrife.cli.filter_options import add_filter_options, filter_options
from vsrife.errors import ArgumentError, RifeError

if TYPE_CHECKING:
    import argparse

    from vsrife.compare import Comparison
    from vsrife.evaluation import Choice
    from vsrife.footage import Footage

__all__ = ["add_to"]

NEEDED = {"PIL": "Pillow", "matplotlib": "matplotlib", "av": "PyAV"}
MULTI = 2, 16
WORST = 6
"""Places far from the truth that a page shows."""
MOST = 26
"""Moments: each has a letter."""
LONGEST = 600
"""Seconds of video."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "compare",
        help="show how a clip is interpolated: pictures, a short video, a timeline",
        description="Reads a clip once, drops every other frame in up to 60 places and interpolates it again. Writes a "
        "sheet of pictures (neighbours, blend, interpolated frame, truth, error, motion), a short video of source, "
        "blend and interpolation side by side, and a timeline of motion, cuts, repeats and stills to a folder, and "
        "prints a summary.",
    )
    parser.add_argument("path", type=Path, metavar="CLIP", help="a video, a .vpy script or a folder of frames")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="folder to write to; default: the clip's name with -compare, in the current folder; results of an earlier "
        "run are replaced",
    )
    parser.add_argument(
        "--span",
        default=":",
        metavar="A:B",
        help="part of the clip, as shares of its duration: 0.5:1 is the second half",
    )
    parser.add_argument(
        "--size", metavar="WxH", help="scale the clip down to fit into this size; a single number is the width"
    )
    parser.add_argument(
        "--at", nargs="+", type=float, default=[], metavar="SECONDS", help="moments to show; default: chosen by motion"
    )
    add_filter_options(parser)
    parser.add_argument(
        "--multi",
        type=int,
        default=2,
        metavar="N",
        help="frame rate of the video as a multiple of the clip's; default: 2",
    )
    parser.add_argument("--seconds", type=float, default=6.0, help="length of the video in seconds; default: 6")
    parser.add_argument("--no-video", action="store_true", help="write no video")
    parser.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="also write a self-contained page with a slider over blend, published picture, interpolated frame and "
        "truth, the timeline, the worst places and the figures",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Compare, draw, and print the summary.

    Raises:
        RifeError: an argument that cannot be used, or a clip that cannot be read or shown.
    """
    _check(options)
    path: Path = options.path.expanduser().absolute()
    out: Path = (options.out or Path(f"{path.stem or path.name}-compare")).expanduser()
    if out.exists() and not out.is_dir():
        raise RifeError(f"out must be a folder, got the file {out}")
    if not out.absolute().parent.is_dir():
        raise ArgumentError("out", out, "a folder, or a new one in a folder that exists")
    if options.html and (options.html.is_dir() or not options.html.absolute().parent.is_dir()):
        raise ArgumentError("html", options.html, "a file in a folder that exists")
    _run(options, path, out)


def _check(options: argparse.Namespace) -> None:
    """Errors that can be found before anything is loaded."""
    missing = [name for module, name in NEEDED.items() if not find_spec(module)]
    if missing:
        raise RifeError(f'{" and ".join(missing)} must be installed; pip install ".[video]"')
    if not MULTI[0] <= options.multi <= MULTI[1]:
        raise ArgumentError("multi", options.multi, f"{MULTI[0]} to {MULTI[1]}")
    if not 0 < options.seconds <= LONGEST:
        raise ArgumentError("seconds", options.seconds, f"above 0 and at most {LONGEST}")
    if len(options.at) > MOST:
        raise ArgumentError("at", len(options.at), f"at most {MOST} moments")
    for second in options.at:
        if not 0 <= second < float("inf"):
            raise ArgumentError("at", second, "seconds from the clip's start on")


def _run(options: argparse.Namespace, path: Path, out: Path) -> None:
    from tqdm import tqdm

    from vsrife.compare import compare, figures, pictures, save_moments, save_page, save_timeline, summary
    from vsrife.evaluation import Choice, load_predictor, parse_size, parse_span
    from vsrife.files import atomic_write
    from vsrife.footage import open_footage

    size = parse_size(options.size) if options.size else (None, None)
    choice = Choice(parse_span(options.span), size=size)
    footage = open_footage(path)
    arguments = filter_options(options)
    weights = Path(arguments["model_path"]).expanduser() if "model_path" in arguments else None
    predictor = load_predictor(**(arguments | {"model_path": weights}))
    published = None
    if options.html and arguments.get("picture") != "published":
        published = load_predictor(**(arguments | {"model_path": weights, "picture": "published"}))
    frames = len(choice.within(footage.length))
    scale = choice.scale(footage.width, footage.height)

    with (
        tqdm(total=frames, desc="Looking over", unit="frame", leave=False, disable=None) as looking,
        tqdm(total=0, desc="Making again", unit="frame", leave=False, disable=None) as making,
    ):

        def remade(done: int, total: int) -> None:
            making.total = total
            making.update()

        found = compare(
            footage,
            predictor,
            choice,
            options.at,
            published=published,
            worst=WORST if options.html else 1,
            on_survey=lambda _: looking.update(),
            on_rebuild=remade,
        )
    shown = pictures(footage, found, predictor, scale, arguments.get("scale", 1.0), published)
    try:
        out.mkdir(exist_ok=True)
    except OSError as error:
        raise RifeError(f"out must be a folder that can be made, got {out} ({error.strerror})") from error
    sheet, timeline, video = (out / f"{path.stem or path.name}{end}" for end in ("-sheet.png", "-timeline.png", ".mp4"))
    lines = [figures(found.report)] if found.report.pictures else []
    if scale != 1:
        lines.append("shrunk to {2}x{1}".format(*shown[0].first.shape))
    with atomic_write(sheet) as partial:
        save_moments(partial, f"{footage.name}: what is made between frames", lines, shown)
    with atomic_write(timeline) as partial:
        save_timeline(partial, footage.name, found.survey, {each.letter: each.second for each in shown})
    written = {"sheet": sheet, "timeline": timeline}
    if options.html:
        with atomic_write(options.html) as partial:
            save_page(partial, footage.name, summary(footage, found).splitlines()[:-1], found, shown, timeline)
        written["page"] = options.html
    if not options.no_video:
        _save_video(video, footage, found, choice, options, arguments)
        written["video"] = video
    print(summary(footage, found))
    for name, file in written.items():
        print(f"{name + ':':10}{file}")


def _save_video(
    path: Path,
    footage: Footage,
    found: Comparison,
    choice: Choice,
    options: argparse.Namespace,
    arguments: dict[str, Any],
) -> None:
    from tqdm import tqdm

    from vsrife.compare import VideoOptions, save_video

    scale = choice.scale(footage.width, footage.height)
    wanted = VideoOptions(options.multi, options.seconds, scale, arguments)
    with tqdm(desc="Video", unit="frame", leave=False, disable=None) as bar:

        def encoded(done: int, total: int) -> None:
            bar.total = total
            bar.update()

        save_video(path, footage.clip, found.survey, wanted, options.at[0] if options.at else None, encoded)
