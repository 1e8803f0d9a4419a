"""What the host does for a made frame while a card computes: `python benchmarks/host.py [--json FILE]`, without a card.

Two figures. `engine`: processor time of a made frame from planes to planes, with and without the detector of scene
changes, for a card whose driver does nothing: PyTorch's operations run on a picture of one tile on the CPU, Triton
looks at the arguments of its launches, and the kernels are empty. `filter`: output frames a second of a doubled clip
when frames cost nothing, from one thread of VapourSynth and from eight. Time is that of all threads of the process,
so that other programs matter less; a figure is the median of the rounds.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
import torch
import vapoursynth as vs
from triton.compiler import CompiledKernel

from vsrife.cli.figures import Spread, machine, versions
from vsrife.engine import Colour, Engine, HostFrame, Interpolator, Options, PictureFormat, Task, Timestep, convolutions
from vsrife.motion import devices, gpu_convolution
from vsrife.networks import DEFAULT
from vsrife.weights import load_network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

RESULTS = Path(__file__).parent / "results" / "host-cpu.json"
SIDE = 64
"""Of the picture, one tile of the network's coarsest block."""
FRAMES, FILTERED = 100, 500


class Empty:
    """A kernel that does nothing; what Triton does beside it is done."""

    function = packed_metadata = None

    def launch_metadata(self, *_: object) -> None: ...

    def run(self, *_: object) -> None: ...

    def __getitem__(self, grid: tuple[int, ...]) -> Any:
        return CompiledKernel.__getitem__(self, grid)

    def _init_handles(self) -> None: ...


class Driver:
    """Triton's driver of a card that does nothing."""

    def __init__(self) -> None:
        target = importlib.import_module("triton.backends.compiler").GPUTarget("cuda", 90, 32)
        self.get_current_device: Any = lambda *_: 0
        self.get_current_stream = self.get_current_device
        self.get_current_target = lambda: target

    @staticmethod
    def compile(kernel: Any, key: str, signature: object, device: int, *_: object) -> Any:
        """An empty kernel, where Triton keeps its own."""
        empty = Empty()
        kernel.device_caches[device][0][key] = empty
        return empty


def transposed(x: Tensor, weight: Tensor, *_: object, **__: object) -> Tensor:
    """Memory for a transposed convolution, which takes a CPU long in fp16."""
    count, _, height, width = x.shape
    return x.new_empty(count, 2 * height, 2 * width, weight.shape[1]).permute(0, 3, 1, 2)


def stubbed() -> ExitStack:
    """As on a card whose driver does nothing, for the tensors of the CPU."""
    jit, runtime = (importlib.import_module(f"triton.runtime.{name}") for name in ("jit", "driver"))
    stack = ExitStack()
    runtime.driver.set_active(Driver())
    for change in (
        patch.object(jit.JITFunction, "_do_compile", Driver.compile),
        patch.object(devices, "_by_triton", lambda device: True),
        patch.object(devices, "why_no_triton", lambda device: ""),
        patch.object(gpu_convolution, "_has_matrix_units", lambda device: True),
        patch.object(convolutions, "conv_transpose2d", transposed),
    ):
        stack.enter_context(change)
    return stack


def measured(make: Callable[[int], object], count: int, rounds: int) -> Iterator[float]:
    """Seconds of processor time of one call, in each round."""
    for number in range(count // 4):
        make(number)
    for turn in range(1, rounds + 1):
        started = time.process_time()
        for number in range(turn * count, (turn + 1) * count):
            make(number)
        yield (time.process_time() - started) / count


def engine(rounds: int) -> dict[str, Spread]:
    """Milliseconds of a made frame."""
    form = PictureFormat("yuv", 8, False, 1, 1, SIDE, SIDE)
    planes = [np.full(form.shape(plane), 60 + plane, np.uint8) for plane in range(3)]
    target = [np.empty_like(plane) for plane in planes]
    with stubbed():
        interpolator = Interpolator(
            Engine(load_network(DEFAULT, None, fetch=False), torch.device("cpu"), torch.float16), form, Options()
        )

        def task(number: int) -> Task:
            left, right = (HostFrame(n, planes, Colour()) for n in (number, number + 1))
            return Task(left, right, Timestep(0.5, motion_at=0.5), form)

        calls = {
            "made": lambda number: interpolator.render(task(number), target),
            "made and judged": lambda number: interpolator.render_unless_cut(task(number), target, 2),
        }
        return {name: Spread.of([1e3 * one for one in measured(call, FRAMES, rounds)]) for name, call in calls.items()}


def filter_of(threads: int, rounds: int) -> Spread:
    """Output frames a second of a doubled clip."""
    core: Any = vs.core
    core.num_threads = threads
    clip = core.std.BlankClip(format=vs.YUV420P8, width=SIDE, height=SIDE, length=FILTERED, fpsnum=24, keep=True)
    with (
        patch.object(Interpolator, "render", lambda *_: None),
        patch.object(Interpolator, "render_unless_cut", lambda *_: 0.0),
        patch.object(Interpolator, "cut_score", lambda *_: 0.0),
    ):
        node, rates = core.rife.RIFE(clip, device="cpu"), []
        for _ in range(rounds):
            started = time.process_time()
            count = sum(1 for _ in node.frames())
            rates.append(count / (time.process_time() - started))
            node = core.rife.RIFE(clip, device="cpu")
        return Spread.of(rates)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    result: dict[str, Any] = {"machine": machine(), "versions": versions()}
    for name, spread in engine(arguments.rounds).items():
        result.setdefault("engine, ms", {})[name] = vars(spread)
        print(f"engine, {name}: {spread.median:.3f} ms")
    for threads in (1, 8):
        spread = filter_of(threads, arguments.rounds)
        result.setdefault("filter, output frames a second", {})[f"{threads} threads"] = vars(spread)
        print(f"filter, {threads} threads: {spread.median:.0f} output frames a second")
    arguments.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
