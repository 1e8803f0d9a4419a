"""`vsrife benchmark`: how fast the filter is on this machine. `benchmarks/` takes its figures and machine from it."""

from __future__ import annotations

import itertools
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrife.errors import RifeError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vsrife.engine import Engine

__all__ = [
    "FLAGS",
    "Spread",
    "add_to",
    "back_and_forth",
    "machine",
    "moving_planes",
    "parse_size",
    "peak_mib",
    "timed",
    "versions",
]

SIZES = ("640x360", "1280x720", "1920x1080")
ROUNDS = 3
SECONDS = 2.0
"""How long a round lasts where the number of frames is not given."""
FEWEST = 3
"""Made frames of such a round at least."""
WARM_UP = 2
SMALLEST, LARGEST = 16, 16384
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8", "asimd", "bf16")
"""Flags of a CPU that say how fast it multiplies."""
SCRIPT = Path(__file__).with_name("benchmark.vpy")
LIMIT = 900
"""Seconds after which a subprocess is given up."""


@dataclass(frozen=True)
class Spread:
    """Median and quartiles of some measurements, and how many they were."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float], digits: int = 3) -> Spread:
        """Of measurements, rounded; quartiles are interpolated between them, of one they are that one.

        Raises:
            ValueError: there are none.
        """
        if not values:
            raise ValueError("Spread: values must not be empty")
        middle = statistics.median(values)
        low, high = (middle, middle)
        if len(values) > 1:
            low, _, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(round(middle, digits), round(low, digits), round(high, digits), len(values))

    def text(self, digits: int = 1) -> str:
        """As a table shows it: the median, and in parentheses the quartiles."""
        return f"{self.median:.{digits}f} ({self.low:.{digits}f}–{self.high:.{digits}f})"


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "benchmark",
        help="measure made frames a second on this machine",
        description="Doubles moving 8-bit 4:2:0 pictures and prints made frames a second: of the engine alone (frames "
        "in memory, one after another) and of the whole filter, medians of the rounds with their quartiles. Then how "
        "long a new process takes to its first made frame.",
    )
    parser.add_argument("--sizes", nargs="+", default=SIZES, metavar="WxH", help=f"default: {' '.join(SIZES)}")
    parser.add_argument("--model", default=None, help="as in `vsrife models`; default: the bundled one")
    parser.add_argument("--device", default="auto", help="as the filter's argument")
    parser.add_argument("--precision", default="auto", help="as the filter's argument")
    parser.add_argument("--frames", type=int, metavar="N", help=f"made frames in a round; default: {SECONDS:g} s")
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help=f"default: {ROUNDS}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
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
            raise RifeError(f"benchmark: {name} must be 1 to 10000, got {value}")
    if options.json and not options.json.parent.is_dir():
        raise RifeError(f"benchmark: json must lie in a folder that exists, got {options.json}")
    record = measure(sizes, options)
    print(table(record))
    if options.json:
        try:
            options.json.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        except OSError as error:
            raise RifeError(f"benchmark: json cannot be written: {error}") from error


def measure(sizes: Sequence[tuple[int, int]], options: argparse.Namespace) -> dict[str, Any]:
    """Everything that is printed."""
    engine = _engine(options.model, options.device, options.precision)
    rounds, arguments = range(options.rounds), _arguments(options)
    rows = []
    for width, height in sizes:
        alone, whole, peaks = [], [], []
        for _ in rounds:
            alone.append(engine_rate(engine, width, height, options.frames))
            told = _filter_run(width, height, options.frames, arguments)
            whole.append(told["made"] / told["seconds"])
            peaks.append(told["peak_mib"])
        rows.append({
            "size": f"{width}x{height}",
            "engine_made_fps": asdict(Spread.of(alone)),
            "filter_made_fps": asdict(Spread.of(whole)),
            "filter_peak_mib": max(peaks),
        })  # fmt: skip
    width, height = sizes[0]
    torch_alone, first = [], []
    for _ in rounds:
        torch_alone.append(_seconds_to_import_torch())
        first.append(_filter_run(width, height, 1, arguments)["first_seconds"])
    return {
        "machine": machine() | {"device": str(engine.device)},
        "packages": versions(),
        "model": options.model or "bundled",
        "precision": str(engine.dtype).removeprefix("torch."),
        "sizes": rows,
        "import_torch_seconds": asdict(Spread.of(torch_alone)),
        "first_made_frame_seconds": asdict(Spread.of(first)),
    }


def table(record: dict[str, Any]) -> str:
    """A record as text."""
    here, packages = record["machine"], record["packages"]
    cores = f"{here['cores']} core" + ("s" if here["cores"] != 1 else "")
    rows = [("made frames a second", "engine alone", "whole filter", "its peak memory")]
    for row in record["sizes"]:
        engine, whole = (Spread(**row[key]).text() for key in ("engine_made_fps", "filter_made_fps"))
        peak = "–" if row["filter_peak_mib"] is None else f"{row['filter_peak_mib']} MiB"
        rows.append((row["size"], engine, whole, peak))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    first, alone = (Spread(**record[key]).text(2) for key in ("first_made_frame_seconds", "import_torch_seconds"))
    return "\n".join((
        f"vsrife {packages['vsrife']}, {record['model']} model, {record['precision']} on {here['device']}, "
        f"PyTorch {packages['torch']}; {here['cpu']}, {cores}",
        "",
        *lines,
        "",
        f"A new process shows its first made frame ({record['sizes'][0]['size']}) after {first} s; "
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
        raise RifeError(
            f"benchmark: a size must be WIDTHxHEIGHT, even numbers of {SMALLEST} to {LARGEST}, got {text[:60]}"
        )
    return width, height


def engine_rate(engine: Engine, width: int, height: int, frames: int | None) -> float:
    """Made frames a second between moving 8-bit 4:2:0 pictures in memory, each half-way, one after another."""
    import numpy as np

    from vsrife.engine import Colour, Interpolator, Options, PictureFormat, Source, Task

    form = PictureFormat("yuv", 8, False, 1, 1, width, height)
    interpolator = Interpolator(engine, form, Options())
    pictures = moving_planes(width, height)
    target = [np.empty_like(plane) for plane in pictures[0]]

    def made() -> Iterator[None]:
        left = Source(0, pictures[0], Colour())
        for number in itertools.count(1):
            right = Source(number, pictures[back_and_forth(number, len(pictures))], Colour())
            interpolator.render(Task(left, right, 0.5, form), target)
            left = right
            yield

    count, seconds = timed(made(), frames)
    return count / seconds


def timed(
    frames: Iterator[object], wanted: int | None, clock: Callable[[], float] = time.perf_counter
) -> tuple[int, float]:
    """How many things came of an iterator in how many seconds, after `WARM_UP` of them.

    Args:
        frames: does not end.
        wanted: how many; None for those of `SECONDS`, but `FEWEST`.
        clock: counts seconds.
    """
    for _ in range(WARM_UP):
        next(frames)
    began, done, passed = clock(), 0, 0.0
    while done < (wanted or FEWEST) or (wanted is None and passed < SECONDS):
        next(frames)
        done, passed = done + 1, clock() - began
    return done, max(passed, 1e-9)


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


def machine() -> dict[str, Any]:
    """What this runs on: CPU, its `FLAGS`, cores this process may use, memory, system, Python and the day."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    facts = {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    have = set((facts.get("flags") or facts.get("features") or "").split())
    usable = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))
    memory = None
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    return {
        "cpu": facts.get("model name") or platform.processor() or platform.machine(),
        "flags": [flag for flag in FLAGS if flag in have],
        "cores": len(usable(0)),
        "memory_gib": memory,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d"),
    }


def versions(names: Sequence[str] = ("vsrife", "torch", "numpy", "VapourSynth")) -> dict[str, str | None]:
    """Of packages, None for those that are not here."""
    found: dict[str, str | None] = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def peak_mib(process: int | str = "self") -> int | None:
    """The most memory a running process has had resident, in MiB; None where the system does not say."""
    status = Path(f"/proc/{process}/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="utf-8"))
        return round(int(found[1]) / 1024) if found else None
    if process != "self" or sys.platform == "win32":
        return None
    import resource

    unit = 2**20 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)


def back_and_forth(number: int, length: int) -> int:
    """0, 1, … to the last, back again and so on: every step is one of neighbours."""
    place: int = number % (2 * length - 2)
    return min(place, 2 * length - 2 - place)


def _arguments(options: argparse.Namespace) -> dict[str, str]:
    """What the filter is called with."""
    chosen = {"device": options.device, "precision": options.precision}
    return chosen | ({"model": options.model} if options.model else {})


def _engine(model: str | None, device: str, precision: str) -> Engine:
    from vsrife.networks import DEFAULT
    from vsrife.weights import resolve

    try:
        from vsrife.engine import resolve_device, resolve_precision, shared_engine
    except ImportError as error:
        raise RifeError(f"benchmark: PyTorch cannot be imported ({error}); pip install torch") from error
    where = resolve_device(device)
    return shared_engine(resolve(model or DEFAULT).name, None, where, resolve_precision(precision, where))


def _filter_run(width: int, height: int, frames: int | None, arguments: dict[str, str]) -> dict[str, Any]:
    """What a process that doubles a clip says, see `benchmark.vpy`, and when its first made frame was there."""
    asked = {"width": width, "height": height, "frames": frames, "arguments": arguments}
    began = time.perf_counter()
    done = _process([sys.executable, str(SCRIPT), json.dumps(asked)])
    told: dict[str, Any] = json.loads(done.splitlines()[-1])
    return told | {"first_seconds": told["first"] - began}


def _seconds_to_import_torch() -> float:
    """From the start of a process until it has imported that."""
    began = time.perf_counter()
    return float(_process([sys.executable, "-c", "import torch, time; print(time.perf_counter())"])) - began


def _process(command: list[str]) -> str:
    """What a command prints; an error that ends it is ours."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=LIMIT)
    except subprocess.TimeoutExpired as error:
        raise RifeError(f"benchmark: the filter was not done after {LIMIT} s") from error
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise RifeError(f"benchmark: the filter does not run: {said[-1][:500]}")
    return done.stdout
