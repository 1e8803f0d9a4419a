"""How fast frames come by how they are asked for: `python benchmarks/seeks.py [--sizes WxH …] [--rounds N]`.

In turns, each round beginning with another way: `seek` asks for one made frame after another, each between two source
frames that were not used before, as scrubbing does; `few` does the same with the threads that a frame has beside
others. 1, 2, 4, … are a clip doubled from the beginning to the end with so many requests at once, as `vspipe -r` has
them, without `-r` as many as there are cores. Milliseconds a made frame, of time and of all cores together; then the
memory that the process had at most. Two revisions are compared by turns with `PYTHONPATH` naming either. CPU only.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import statistics
import time
from collections import defaultdict

import vapoursynth as vs

from vsrife.motion.thread_count import frame_in_progress

SHIFTS, SPEED = 240, 4
"""Source frames, and pixels that the picture moves from one to the next."""


def moving(width: int, height: int) -> vs.VideoNode:
    """A texture that moves to the left, YUV420P8, without Python behind its frames."""
    noise = vs.core.std.BlankClip(None, 64, 48, vs.YUV420P8, length=1)

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out, state = f.copy(), 1
        for plane in range(3):
            rows = out[plane]
            for y, x in itertools.product(range(rows.shape[0]), range(rows.shape[1])):
                state = state * 1103515245 + 12345 & 0x7FFFFFFF
                rows[y, x] = 32 + (state >> 16) % 192
        return out

    wide = noise.std.ModifyFrame(noise, fill).resize.Bicubic(width + SHIFTS * SPEED, height)
    parts = [wide.std.CropAbs(width, height, left=shift * SPEED) for shift in range(SHIFTS)]
    return vs.core.std.Splice(parts)


def seek(made: vs.VideoNode, order: itertools.count[int], frames: int) -> None:
    """Frames far apart, one after another."""
    for _ in range(frames):
        made.get_frame(2 * (next(order) * 37 % (SHIFTS - 1)) + 1).close()


def read(made: vs.VideoNode, frames: int, requests: int) -> None:
    """The first frames, with so many asked for at once."""
    for frame in made[: 2 * frames].frames(prefetch=requests, backlog=0, close=True):
        frame.height  # noqa: B018 - it is computed


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", nargs="+", default=["640x360", "1280x720"], metavar="WxH")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=24, help="made frames of a turn at 640x360, fewer at others")
    parser.add_argument("--requests", type=int, nargs="+", default=[1, vs.core.num_threads, 4])
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--model", default=None)
    options = parser.parse_args()
    print("| size | way | ms a made frame | ms of all cores | rounds |\n|---|---|---|---|---|")
    for size in options.sizes:
        width, height = map(int, size.split("x"))
        extra = {} if options.model is None else {"model": options.model}
        made = vs.core.rife.RIFE(moving(width, height), precision=options.precision, device="cpu", **extra)
        made.std.SetVideoCache(0)
        frames = max(1, round(options.frames * 640 * 360 / (width * height)))
        order = itertools.count(1)
        ways = ["seek", "few", *dict.fromkeys(options.requests)]
        found: dict[object, list[float]] = defaultdict(list)
        busy: dict[object, list[float]] = defaultdict(list)
        read(made, 3, 2)
        seek(made, order, 1)
        for turn in range(options.rounds):
            for k in range(len(ways)):
                way = ways[(turn + k) % len(ways)]
                begun, spent = time.perf_counter(), processor_seconds()
                if way == "seek":
                    seek(made, order, frames)
                elif way == "few":
                    with frame_in_progress(1):
                        seek(made, order, frames)
                else:
                    read(made, frames, int(way))
                took = time.perf_counter() - begun
                found[way].append(took / frames * 1e3)
                busy[way].append((processor_seconds() - spent) / frames * 1e3)
        for way in ways:
            cells = statistics.median(found[way]), statistics.median(busy[way])
            rounds = " ".join(f"{value:.0f}" for value in found[way])
            print(f"| {size} | {way} | {cells[0]:.1f} | {cells[1]:.1f} | {rounds} |", flush=True)
        faster = statistics.median(a / b for a, b in zip(found["few"], found["seek"], strict=True))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"{size}: few / seek {faster:.2f}; memory at most {peak} MiB")


def processor_seconds() -> float:
    """Processor time of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
