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
    resolve_precision,
    shared_engine,
)
from vsrife.engine.packed_form import PackedForm, strip_rows
from vsrife.motion import Motion, cpu
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
        self._interpolator = Interpolator(self.engine, self._form, Options())
        fast = self.engine._fast
        if not isinstance(fast, PackedForm):
            raise SystemExit("floor: the compiled kernels are not here")
        self._fast = fast
        align = self.engine.config.alignment(1)
        self._views = [
            self.engine.view(tuple(map(torch.from_numpy, frame)), self._form, Colour(), align).permute(0, 3, 1, 2)
            for frame in self._frames
        ]
        self._looks = [self.engine.slot.run(lambda view=view: self._look(view)) for view in self._views]
        self._motion, _ = self.engine.slot.run(lambda: self._found(*self._looks))
        assert isinstance(self._motion, Motion)

    @torch.inference_mode()
    def _look(self, view: torch.Tensor) -> torch.Tensor:
        return self.engine.look(view)

    @torch.inference_mode()
    def _found(self, *looks: torch.Tensor) -> tuple[Motion, torch.Tensor | None]:
        return self.engine.motion(*looks, 0.5, 1)

    def whole(self) -> None:
        """The engine: a new frame encoded, one made."""
        number = next(self._numbers)
        out = [np.empty_like(plane) for plane in self._frames[0]]
        left, right = (HostFrame(k, self._frames[k % 2], Colour()) for k in (number, number + 1))
        self._interpolator.render(Task(left, right, 0.5, self._form), out)

    def encoded(self) -> None:
        """A source frame: what the network sees of it."""
        self.engine.look(self._views[0])

    def levels(self) -> None:
        """All blocks' inputs."""
        for index, scale in enumerate(self._fast.config.scales):
            level = cpu.Level(
                *self._looks,
                Motion(self._motion.maps[:index], self._motion.accumulates_mask),
                0.5,
                scale=scale,
                packing=self._fast._packing,
            )
            strip, height = self._strip(index, scale)
            for start in range(0, height, strip.shape[1] - 1):
                level.fill(start - 1, strip[:, : height - start + 1])

    def convolutions(self) -> None:
        """The network's convolutions: of one source frame's features, and of all blocks."""
        if self._fast._head:
            self._fast._head(self._views[0])
        for index, scale in enumerate(self._fast.config.scales):
            self._fast._blocks[index](lambda _row, _out: None, *self._strip(index, scale))

    def _strip(self, index: int, scale: float) -> tuple[torch.Tensor, int]:
        height, width = (int(size / scale) for size in self._looks[0].shape[1:3])
        dtype = self._fast._entry_dtype(index)
        rows = strip_rows(height, width * self._fast._packing.inputs * dtype.itemsize)
        return torch.zeros(1, rows + 1, width, self._fast._packing.inputs, dtype=dtype), height


def measured(parts: Parts, work: Callable[[], None], times: int, pool: ThreadPoolExecutor) -> float:
    """Milliseconds a frame, with as many at once as the engine works on."""

    def several() -> None:
        for _ in range(times):
            with torch.inference_mode():
                work()

    slot = parts.engine.slot
    inside = work.__name__ == "whole"  # which goes to the engine's threads by itself
    started = time.perf_counter()
    tasks = [pool.submit(several if inside else lambda: slot.run(several)) for _ in range(slot.lanes)]
    for task in tasks:
        task.result()
    return (time.perf_counter() - started) * 1e3 / (times * slot.lanes)


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
        works = [parts.whole, parts.convolutions, parts.levels, parts.encoded]
        times = max(1, round(4e6 / (width * height)))
        found: dict[str, list[float]] = defaultdict(list)
        with ThreadPoolExecutor(parts.engine.slot.lanes) as pool:
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
        rest = [spreads[name].text() + " ms" for name in ("levels", "encoded")]
        print(f"| {size.replace('x', '×')} | {cells[0]} | {cells[1]} | {ratio.median:.2f} | {rest[0]} | {rest[1]} |")
        sys.stdout.flush()
    options.json.parent.mkdir(exist_ok=True)
    options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
