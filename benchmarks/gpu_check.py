"""Pictures, speed and memory of a graphics card: `python benchmarks/gpu_check.py [OUT.json]` on a machine with CUDA.

First the probe of `vsrife.engine.probe`, whose table says at which level the card is used. For three sizes: PSNR of the
card's fp32 and fp16 pictures to the CPU's fp32 ones, the median time of the same frame made again (host planes in, host
planes out), and the most memory that the card used. For films that are doubled, of which every frame is new and
compared by the detector of scene changes: interpolated frames a second, by size, depth, level and number of frames that
are asked for at once. It takes a few minutes.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import product

import numpy as np
import torch

from vsrife.cli.doctor import LIMITS, ask
from vsrife.cli.doctor_text import card_rows
from vsrife.engine import (
    Colour,
    HostFrame,
    Interpolator,
    Options,
    PictureFormat,
    Task,
    Timestep,
    resolve_precision,
    shared_engine,
)

SIZES = ((640, 360), (1280, 720), (1920, 1080))
RUNS = 20
FILMS = ((1920, 1080, 8), (1920, 1080, 10), (3840, 2160, 10))
LEVELS = ("eager", "graphs", "ring")
AT_ONCE = (1, 4, 16)
"""Frames that are asked for at once, as many as VapourSynth has threads."""
FRAMES = 200
"""Interpolated frames of a film that are timed."""
PICTURES = 8
"""Different source frames, over and over: every number is new to the filter."""


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


def render(device: str, precision: str, width: int, height: int, runs: int) -> tuple[list[np.ndarray], float]:
    """The frame half-way, and the median seconds that it takes."""
    where = torch.device(device)
    engine = shared_engine("4.26", None, where, resolve_precision(precision, where))
    form = PictureFormat("yuv", 8, False, 1, 1, width, height)
    interpolator = Interpolator(engine, form, Options())
    left, right = frames(width, height)
    out = [np.empty_like(plane) for plane in left.planes]
    seconds = []
    for _ in range(runs + 3):
        started = time.perf_counter()
        interpolator.render(Task(left, right, Timestep(0.5), form), out)
        seconds.append(time.perf_counter() - started)
    return out, statistics.median(seconds[3:]) if runs else seconds[-1]


def film(device: str, precision: str, width: int, height: int, bits: int, at_once: int, count: int = FRAMES) -> float:
    """Interpolated frames a second while a film is doubled."""
    where = torch.device(device)
    engine = shared_engine("4.26", None, where, resolve_precision(precision, where))
    form = PictureFormat("yuv", bits, False, 1, 1, width, height)
    interpolator = Interpolator(engine, form, Options(requests=at_once))
    pictures = frames(width, height, PICTURES, bits)
    targets = threading.local()

    def make(number: int) -> None:
        left, right = (HostFrame(n, pictures[n % PICTURES].planes, Colour()) for n in (number, number + 1))
        if not hasattr(targets, "planes"):
            targets.planes = [np.empty_like(plane) for plane in pictures[0].planes]
        interpolator.cut_score(left, right)
        interpolator.render(Task(left, right, Timestep(0.5, motion_at=0.5, shares_motion=True), form), targets.planes)

    with ThreadPoolExecutor(at_once) as pool:
        warm_up = 2 * at_once + 3
        list(pool.map(make, range(warm_up)))
        started = time.perf_counter()
        list(pool.map(make, range(warm_up, warm_up + count)))
        return count / (time.perf_counter() - started)


def psnr(a: list[np.ndarray], b: list[np.ndarray]) -> float:
    """Over all planes, in dB."""
    error = np.mean([np.mean((x.astype(np.float64) - y) ** 2) for x, y in zip(a, b, strict=True)])
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def main() -> None:
    """Measure and write."""
    if not torch.cuda.is_available():
        sys.exit("gpu_check: this machine has no CUDA device")
    result = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "card": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "probe": ask("card", LIMITS["card"], "cuda:0"),
        "cases": [],
    }
    print("\n".join(f"{name:<8}{value}" for name, value in card_rows("cuda:0", result["probe"])), flush=True)
    for width, height in SIZES:
        truth, _ = render("cpu", "fp32", width, height, 0)
        for precision in ("fp32", "fp16"):
            torch.cuda.reset_peak_memory_stats()
            planes, seconds = render("cuda:0", precision, width, height, RUNS)
            result["cases"].append(
                {
                    "size": f"{width}x{height}",
                    "precision": precision,
                    "psnr_to_cpu_fp32": round(psnr(planes, truth), 2),
                    "ms_a_made_frame": round(seconds * 1e3, 3),
                    "peak_mib": round(torch.cuda.max_memory_allocated() / 2**20),
                }
            )
            print(result["cases"][-1], flush=True)
    result["films"] = []
    for (width, height, bits), level in product(FILMS, LEVELS):
        os.environ["VSRIFE_CUDA"] = level
        for at_once in AT_ONCE:
            rate = film("cuda:0", "fp16", width, height, bits, at_once)
            found = {
                "film": f"{width}x{height}",
                "bits": bits,
                "level": level,
                "at_once": at_once,
                "made_frames_a_second": round(rate, 1),
            }
            result["films"].append(found)
            print(found, flush=True)
    if len(sys.argv) > 1:
        with open(sys.argv[1], "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
