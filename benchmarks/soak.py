"""A long day in an editor: `python benchmarks/soak.py [--frames 20000] [--json FILE]`.

Four filters at once in one script, frames asked for in random order and several at a time, the script loaded anew every
so many frames. Every frame's bytes are held against those of a straight run, made first, in order, one at a time, by a
script of its own. Memory is read after each load, with what glibc's allocator keeps for reuse handed back.

Prints frames asked for, wrong ones, and the memory's slope with its standard error, in KiB per 1000 frames.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import hashlib
import json
import random
import statistics
import sys
import tempfile
import time
from collections import deque
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from vsengine.policy import GlobalStore, Policy
from vsengine.vpy import load_script

from vsrife.cli.figures import machine, versions

if TYPE_CHECKING:
    from collections.abc import Iterator

    import vapoursynth as vs

SCRIPT = """
from vapoursynth import core

def drawn(n, f):
    f = f.copy()
    for plane in range(f.format.num_planes):
        rows = f[plane]
        for y in range(rows.shape[0]):
            for x in range(rows.shape[1]):
                rows[y, x] = (3 * x * y + 40 * ((x + 2 * n) // 8 % 2) + 60 * ((y + n) // 16 % 2)) % 200 + 20
    return f

blank = core.std.BlankClip(width=96, height=64, format={format}, length=24, keep=True)
clip = core.std.ModifyFrame(blank, blank, drawn)
clip = core.std.Loop(clip, 20)
core.rife.RIFE(clip, multi=2).set_output(0)
core.rife.RIFE(clip, multi=2.5, dedup=1, skip=1).set_output(1)
core.rife.RIFE(core.resize.Bicubic(clip, format={deep}), fps_num=60, fps_den=1).set_output(2)
core.rife.At(clip, timestep=0.3, sc_mode="blend").set_output(3)
"""
OUTPUTS = 4
AT_ONCE = 6
A_LOAD = 500
"""Frames between two loads of the script."""


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    record = soaked(options.frames, options.seed)
    print(
        f"{record['frames']} frames in {record['loads']} loads of the script, {record['seconds']:.0f} s: "
        f"{record['wrong']} wrong; memory {record['rss_mib'][0]:.0f} MiB after the first load, "
        f"{record['rss_mib'][-1]:.0f} after the last, slope {record['slope_kib']:.0f} ± {record['error_kib']:.0f} KiB "
        f"per 1000 frames over the second half; threads {min(record['threads'])} to {max(record['threads'])}"
    )
    if options.json:
        text = json.dumps({"machine": machine(), "packages": versions()} | record, indent=1)
        options.json.write_text(text + "\n", encoding="utf-8")


def soaked(frames: int, seed: int) -> dict[str, Any]:
    """Everything that is printed."""
    rng = random.Random(seed)
    began = time.monotonic()
    rss, threads, wrong, done = [], [], 0, 0
    with Policy(GlobalStore()) as policy, tempfile.TemporaryDirectory() as folder:
        import vapoursynth as vs

        script = Path(folder) / "soak.vpy"
        script.write_text(SCRIPT.format(format=int(vs.YUV420P8), deep=int(vs.YUV422P10)), encoding="utf-8")
        with outputs(script, policy) as clips:
            lengths = [clip.num_frames for clip in clips]
            known = [[digest(clip.get_frame(n)) for n in range(clip.num_frames)] for clip in clips]
        while done < frames:
            with outputs(script, policy) as clips:
                wrong += asked(clips, known, lengths, rng, min(A_LOAD, frames - done))
            done += min(A_LOAD, frames - done)
            rss.append(resident())
            threads.append(psutil.Process().num_threads())
            print(f"\r{done} frames, {rss[-1]:.0f} MiB, {wrong} wrong ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    slope, error = trend(rss[len(rss) // 2 :])
    scale = 1024 * 1000 / A_LOAD
    return {
        "frames": done,
        "straight_run": sum(lengths),
        "loads": len(rss),
        "wrong": wrong,
        "seconds": time.monotonic() - began,
        "rss_mib": rss,
        "threads": threads,
        "slope_kib": slope * scale,
        "error_kib": error * scale,
    }


@contextmanager
def outputs(path: Path, policy: Policy) -> Iterator[list[vs.VideoNode]]:
    """The clips of a script, in an environment of its own that is gone afterwards."""
    with load_script(path, policy) as script:
        script.result()
        with script.environment.use():
            yield [script.environment.outputs[k].clip for k in range(OUTPUTS)]


def asked(clips: list[vs.VideoNode], known: list[list[str]], lengths: list[int], rng: random.Random, count: int) -> int:
    """Ask for frames, several at a time; how many were wrong."""
    waiting: deque[tuple[int, int, Any]] = deque()
    wrong = 0
    for output, n in seeks(lengths, rng, count):
        waiting.append((output, n, clips[output].get_frame_async(n)))
        if len(waiting) >= AT_ONCE:
            wrong += checked(waiting.popleft(), known)
    while waiting:
        wrong += checked(waiting.popleft(), known)
    return wrong


def seeks(lengths: list[int], rng: random.Random, count: int) -> Iterator[tuple[int, int]]:
    """Random places, from each of which some frames are played, forwards or back."""
    given = 0
    while given < count:
        output = rng.randrange(OUTPUTS)
        n, step = rng.randrange(lengths[output]), rng.choice((1, 1, 1, -1, 7))
        for _ in range(rng.randint(1, 12)):
            if given < count and 0 <= n < lengths[output]:
                yield output, n
                given += 1
                n += step


def checked(task: tuple[int, int, Any], known: list[list[str]]) -> bool:
    """Whether a frame is not what it was."""
    output, n, future = task
    return digest(future.result()) != known[output][n]


def digest(frame: vs.VideoFrame) -> str:
    """Of a frame's samples and of what it says of itself."""
    import numpy as np

    with frame:
        total = hashlib.blake2b(digest_size=16)
        for plane in range(frame.format.num_planes):
            total.update(np.ascontiguousarray(frame[plane]).tobytes())
        total.update(repr(sorted((name, str(value)) for name, value in frame.props.items())).encode())
        return total.hexdigest()


def resident() -> float:
    """MiB this process holds."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
    return float(psutil.Process().memory_info().rss / 2**20)


def trend(values: list[float]) -> tuple[float, float]:
    """The slope of a line through them, and its standard error."""
    if len(values) < 3:
        return 0.0, 0.0
    slope, intercept = statistics.linear_regression(range(len(values)), values)
    rest = [value - intercept - slope * n for n, value in enumerate(values)]
    spread = sum((n - (len(values) - 1) / 2) ** 2 for n in range(len(values)))
    return slope, (sum(r * r for r in rest) / (len(values) - 2) / spread) ** 0.5


if __name__ == "__main__":
    main()
