"""`vsrife benchmark`: how fast the filter is on this machine."""

from __future__ import annotations

import json
import re
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrife.cli.figures import Spread, machine, rate, versions
from vsrife.cli.processes import answer_of, describe_end, run_process
from vsrife.errors import ArgumentError, RifeError
from vsrife.files import atomic_write
from vsrife.networks.catalog import DEFAULT
from vsrife.networks.config import SMALLEST

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["add_to", "back_and_forth", "moving_planes", "parse_size", "timed"]

SIZES = ("640x360", "1280x720", "1920x1080")
ROUNDS = 3
SECONDS = 2.0
"""How long a round lasts where the number of frames is not given."""
FEWEST = 4
"""Made frames of such a round at least."""
WARM_UP = 4
LARGEST = 16384
SCRIPT = Path(__file__).with_name("benchmark.vpy")
LIMIT = 900
"""Seconds after which a subprocess is given up."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "benchmark",
        help="measure interpolated frames a second on this machine",
        description="Doubles the rate of moving 8-bit 4:2:0 pictures and prints interpolated frames per second for the "
        "engine alone (frames in memory, one after another) and for the whole filter: the median over the rounds, "
        "with quartiles. Also prints the time that a new process needs for its first interpolated frame.",
    )
    parser.add_argument(
        "--sizes", nargs="+", default=SIZES, metavar="WxH", help=f"picture sizes; default: {' '.join(SIZES)}"
    )
    parser.add_argument("--model", default=None, help="a name that `vsrife models` lists; default: the filter's")
    parser.add_argument("--device", default="auto", help="as the argument of the filter")
    parser.add_argument("--precision", default="auto", help="as the argument of the filter")
    parser.add_argument(
        "--frames", type=int, metavar="N", help=f"interpolated frames per round; default: as many as {SECONDS:g} s take"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help=f"number of rounds; default: {ROUNDS}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure, print the table and write the file.

    Raises:
        RifeError: an argument that cannot be used, or a filter that does not run.
    """
    sizes = [parse_size(text) for text in options.sizes]
    for name in ("frames", "rounds"):
        value = getattr(options, name)
        if value is not None and not 1 <= value <= 10_000:
            raise ArgumentError(name, value, "1 to 10000")
    if options.json and not options.json.parent.is_dir():
        raise ArgumentError("json", options.json, "a folder that exists", verb="lie in")
    record = measure(sizes, options)
    print(table(record))
    if options.json:
        with atomic_write(options.json) as partial:
            partial.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def measure(sizes: Sequence[tuple[int, int]], options: argparse.Namespace) -> dict[str, Any]:
    """Everything that is printed."""
    rows, engine = [], {}
    for width, height in sizes:
        alone, whole, peaks = [], [], []
        for _ in range(options.rounds):
            engine = _measure("engine", width, height, options.frames, options)
            alone.append(rate(engine["moments"], 1))
            answer = _measure("filter", width, height, options.frames, options)
            whole.append(rate(answer["moments"], 1))
            peaks.append(answer["peak_mib"])
        rows.append({
            "size": f"{width}x{height}",
            "engine_made_fps": asdict(Spread.of(alone)),
            "filter_made_fps": asdict(Spread.of(whole)),
            "filter_peak_mib": max(peaks, key=lambda peak: peak or 0),
        })  # fmt: skip
    torch_alone, first = [], []
    for _ in range(options.rounds):
        torch_alone.append(_seconds_to_import_torch())
        first.append(_measure("filter", *sizes[0], 1, options)["first_seconds"])
    return {
        "machine": machine() | {"device": engine["device"]},
        "packages": versions(),
        "model": options.model or DEFAULT,
        "precision": engine["precision"],
        "sizes": rows,
        "import_torch_seconds": asdict(Spread.of(torch_alone)),
        "first_made_frame_seconds": asdict(Spread.of(first)),
    }


def table(record: dict[str, Any]) -> str:
    """A record as text."""
    here, packages = record["machine"], record["packages"]
    cores = f"{here['cores']} core" + ("s" if here["cores"] != 1 else "")
    rows = [("interpolated frames a second", "engine alone", "whole filter", "its peak memory")]
    for row in record["sizes"]:
        engine, whole = (Spread(**row[key]).text() for key in ("engine_made_fps", "filter_made_fps"))
        peak = "–" if row["filter_peak_mib"] is None else f"{row['filter_peak_mib']} MiB"
        rows.append((row["size"], engine, whole, peak))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    first, alone = (Spread(**record[key]).text(2) for key in ("first_made_frame_seconds", "import_torch_seconds"))
    return "\n".join((
        f"vsrife {packages['vsrife']}, model {record['model']}, {record['precision']} on {here['device']}, "
        f"PyTorch {packages['torch']}; {here['cpu']}, {cores}",
        "",
        *lines,
        "",
        f"A new process shows its first interpolated frame ({record['sizes'][0]['size']}) after {first} s; "
        f"PyTorch alone is imported after {alone} s.",
    ))  # fmt: skip


def parse_size(text: str) -> tuple[int, int]:
    """Width and height of `640x360`.

    Raises:
        RifeError: it is no such text, a side is too small or large, or odd, which 4:2:0 cannot be.
    """
    found = re.fullmatch("([0-9]{1,5})x([0-9]{1,5})", text)
    width, height = (int(side) for side in found.groups()) if found else (0, 0)
    if min(width, height) < SMALLEST or max(width, height) > LARGEST or width % 2 or height % 2:
        raise ArgumentError("a size", text, f"WIDTHxHEIGHT, even numbers of {SMALLEST} to {LARGEST}")
    return width, height


def timed(frames: Iterator[object], wanted: int | None, clock: Callable[[], float] = time.perf_counter) -> list[float]:
    """The clock when things came of an iterator, from the last of `WARM_UP` things on.

    Args:
        frames: does not end.
        wanted: how many after the warm-up; None for those of `SECONDS`, but `FEWEST`.
        clock: counts seconds.
    """
    for _ in range(WARM_UP):
        next(frames)
    moments = [clock()]
    while len(moments) <= (wanted or FEWEST) or (wanted is None and moments[-1] - moments[0] < SECONDS):
        next(frames)
        moments.append(clock())
    return moments


def moving_planes(width: int, height: int, count: int = 4) -> list[list[NDArray[np.uint8]]]:
    """8-bit 4:2:0 pictures of a smooth texture that moves by (6, 2) pixels from one to the next."""
    import numpy as np

    waves = np.random.default_rng(1).uniform((0.02, 0, 0), (0.3, 2 * np.pi, 2 * np.pi), (16, 3))
    pictures = []
    for n in range(count):
        planes = []
        for step, phase in ((1, 0.0), (2, 1.0), (2, 2.0)):
            y, x = np.mgrid[0:height:step, 0:width:step].astype(np.float32)
            x, y = x + 6 * n, y + 2 * n
            total = sum(np.sin(f * (x * np.cos(d) + y * np.sin(d)) + p + phase) for f, d, p in waves)
            planes.append((128 + 12 * total).clip(16, 235).astype(np.uint8))
        pictures.append(planes)
    return pictures


def back_and_forth(number: int, length: int) -> int:
    """0, 1, … to the last, back again and so on: every step is one of neighbours."""
    place: int = number % (2 * length - 2)
    return min(place, 2 * length - 2 - place)


def _measure(what: str, width: int, height: int, frames: int | None, options: argparse.Namespace) -> dict[str, Any]:
    """The answer of a process of its own, see `benchmark.vpy`, and the seconds to its first interpolated frame.

    Raises:
        RifeError: an argument cannot be used, or the process fails.
    """
    arguments = {"device": options.device, "precision": options.precision}
    arguments |= {"model": options.model} if options.model else {}
    request = {"what": what, "width": width, "height": height, "frames": frames, "arguments": arguments}
    began = time.perf_counter()
    answer, _ = answer_of([sys.executable, str(SCRIPT), json.dumps(request)], LIMIT)
    if "refused" in answer:
        raise RifeError(answer["refused"])
    if "error" in answer:
        raise RifeError(f"the filter does not run: {answer['error']}")
    return answer | {"first_seconds": answer["first"] - began}


def _seconds_to_import_torch() -> float:
    """Seconds from the start of a process until it has imported PyTorch.

    Raises:
        RifeError: it cannot be imported.
    """
    began = time.perf_counter()
    done = run_process([sys.executable, "-c", "import torch, time; print(time.perf_counter())"], LIMIT)
    if done.returncode:
        raise RifeError(f"PyTorch cannot be imported: {describe_end(done)}")
    return float(done.stdout) - began
