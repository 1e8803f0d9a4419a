"""How near the engine is to its floor: `python benchmarks/floor.py [--sizes WxH …] [--rounds N] [--json FILE]`.

The floor is the network's convolutions alone, as the engine runs them, on inputs that lie ready. Beside it: the engine
from planes to planes (one new source frame, one made frame, YUV420P8), and its parts. Everything runs on as many
frames at once as the engine works on, in turns, each round beginning with another one; a figure is the time a made
frame takes, the median of the rounds. CPU only. Weights: the bundled model. Pictures: a texture that moves.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from vsrife.cli.figures import Spread, machine, versions
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
from vsrife.engine.kernel_estimator import KernelEstimator, strip_rows
from vsrife.motion import Motion
from vsrife.networks import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Callable

CPU = torch.device("cpu")
RESULTS = Path(__file__).parent / "results" / "floor-cpu.json"


def texture(height: int, width: int, shift: int) -> np.ndarray:
    """Smooth noise of 8 bit, moved to the right."""
    coarse = torch.rand(1, 1, height // 8 + 2, width // 8 + 18, generator=torch.Generator().manual_seed(1))
    wide = torch.nn.functional.interpolate(coarse, scale_factor=8, mode="bicubic")[0, 0]
    whole = (wide[:height, 64 - shift : 64 - shift + width].clamp(0, 1) * 219 + 16).round()
    return whole.to(torch.uint8).numpy().copy()


class Parts:
    """What is measured, for one size: each a function that does it once."""

    def __init__(self, width: int, height: int, precision: str) -> None:
        dtype = resolve_precision(precision, CPU)
        self.engine = shared_engine(DEFAULT, None, CPU, dtype)
        self._form = PictureFormat("yuv", 8, False, 1, 1, width, height)
        half = (height // 2, width // 2)
        self._frames = [
            [texture(height, width, shift), *(texture(*half, shift // 2) for _ in range(2))] for shift in (0, 6)
        ]
        self._numbers = itertools.count()
        self._interpolator = Interpolator(self.engine, self._form, Options(picture="published"))
        estimator = self.engine.estimator
        if not isinstance(estimator, KernelEstimator):
            raise SystemExit("floor: the compiled kernels are not here")
        self._estimator = estimator
        self._half_way = torch.full((1, 1, 1, 1), 0.5)
        align = self.engine.config.alignment(1)
        self._pictures = [
            self.engine.to_rgb(tuple(map(torch.from_numpy, frame)), self._form, Colour(), align)
            for frame in self._frames
        ]
        self._encoded, self._motion = self.engine.executor.run(self._estimate)

    @torch.inference_mode()
    def _estimate(self) -> tuple[list[torch.Tensor], Motion]:
        encoded = [self._estimator.encode(picture) for picture in self._pictures]
        return encoded, self._estimator.estimate(*encoded, self._half_way, 1)[0]

    def whole(self) -> None:
        """The engine: a new frame encoded, one made."""
        number = next(self._numbers)
        out = [np.empty_like(plane) for plane in self._frames[0]]
        left, right = (HostFrame(k, self._frames[k % 2], Colour()) for k in (number, number + 1))
        self._interpolator.render(Task(left, right, Timestep(0.5), self._form), out)

    def encoded(self) -> None:
        """A source frame encoded."""
        self._estimator.encode(self._pictures[0])

    def inputs(self) -> None:
        """All blocks' inputs."""
        assert self.engine.kernels
        for index, scale in enumerate(self._estimator.config.scales):
            block_input = self.engine.kernels.block_input(
                *self._encoded,
                Motion(self._motion.maps[:index], self._motion.accumulates_mask),
                self._half_way,
                scale=scale,
                packing=self._estimator.packing,
            )
            strip, height = self._strip(index, scale)
            for start in range(0, height, strip.shape[1] - 1):
                block_input.fill(start - 1, strip[:, : height - start + 1])

    def convolutions(self) -> None:
        """The network's convolutions: of one source frame's features, and of all blocks."""
        if self._estimator.head:
            self._estimator.head(self._pictures[0].permute(0, 3, 1, 2))
        for index, scale in enumerate(self._estimator.config.scales):
            strip, height = self._strip(index, scale)
            self._estimator.blocks[index](Unfilled(), strip, 0, height)

    def _strip(self, index: int, scale: float) -> tuple[torch.Tensor, int]:
        height, width = (int(size / scale) for size in self._encoded[0].shape[1:3])
        dtype, channels = self._estimator.plan.entries[index], self._estimator.packing.input_channels
        rows = strip_rows(height, width * channels * dtype.itemsize)
        return torch.zeros(1, rows + 1, width, channels, dtype=dtype), height


class Unfilled:
    """A block's input that leaves its strips as they are."""

    def fill(self, first_row: int, out: torch.Tensor) -> None:
        pass


def measured(parts: Parts, work: Callable[[], None], times: int, pool: ThreadPoolExecutor) -> float:
    """Milliseconds a frame, with as many at once as the engine works on."""

    def several() -> None:
        for _ in range(times):
            with torch.inference_mode():
                work()

    executor = parts.engine.executor
    inside = work.__name__ == "whole"  # which goes to the engine's threads by itself
    started = time.perf_counter()
    tasks = [pool.submit(several if inside else lambda: executor.run(several)) for _ in range(executor.concurrency)]
    for task in tasks:
        task.result()
    return (time.perf_counter() - started) * 1e3 / (times * executor.concurrency)


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", nargs="+", default=["640x360", "1280x720", "1920x1080"], metavar="WxH")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precision", default="auto", choices=["auto", "bf16", "fp32"])
    parser.add_argument("--json", type=Path, default=RESULTS)
    options = parser.parse_args()
    record: dict[str, object] = {
        "machine": machine(),
        "versions": versions(["torch", "vsrife", "numpy"]),
        "precision": str(resolve_precision(options.precision, CPU)).removeprefix("torch."),
        "sizes": {},
    }
    print("| size | convolutions | engine | engine / convolutions | inputs of the blocks | a source frame |")
    print("|---|---|---|---|---|---|")
    for size in options.sizes:
        width, height = map(int, size.split("x"))
        parts = Parts(width, height, options.precision)
        works = [parts.whole, parts.convolutions, parts.inputs, parts.encoded]
        times = max(1, round(4e6 / (width * height)))
        found: dict[str, list[float]] = defaultdict(list)
        with ThreadPoolExecutor(parts.engine.executor.concurrency) as pool:
            for work in works:
                measured(parts, work, 1, pool)
            for turn in range(options.rounds):
                for k in range(len(works)):
                    work = works[(turn + k) % len(works)]
                    found[work.__name__].append(measured(parts, work, times, pool))
        spreads = {name: Spread.of(values) for name, values in found.items()}
        ratio = Spread.of([a / b for a, b in zip(found["whole"], found["convolutions"], strict=True)])
        record["sizes"][size] = {
            "ms": {name: vars(spread) for name, spread in spreads.items()},
            "engine over convolutions": vars(ratio),
        }
        cells = [spreads[name].text() + " ms" for name in ("convolutions", "whole")]
        rest = [spreads[name].text() + " ms" for name in ("inputs", "encoded")]
        print(f"| {size.replace('x', '×')} | {cells[0]} | {cells[1]} | {ratio.median:.2f} | {rest[0]} | {rest[1]} |")
        sys.stdout.flush()
    options.json.parent.mkdir(exist_ok=True)
    options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
