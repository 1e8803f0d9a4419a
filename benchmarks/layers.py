"""The convolutions of a frame in turns: `python benchmarks/layers.py [--model NAME] [--size WxH] [--turns N] [--bf16]`.

Each layer as oneDNN and as the filter computes it, on one thread: processor time in milliseconds, the smallest and the
median, and the thousand millions of multiplications a second of the smallest. CPU only.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import TYPE_CHECKING

import torch

from vsrife.engine import shared_engine
from vsrife.engine.convolutions import Convolution
from vsrife.engine.kernel_estimator import KernelEstimator, strip_rows
from vsrife.motion.openmp import set_threads
from vsrife.networks import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Callable

CPU = torch.device("cpu")
Measured = dict[tuple[object, ...], tuple[int, list[float], list[float], float]]


class Unfilled:
    """A block's input that leaves its strips as they are."""

    def fill(self, first_row: int, out: torch.Tensor) -> None:
        pass


def spent(work: Callable[[], object]) -> float:
    """Milliseconds of this thread's processor time."""
    begun = time.thread_time()
    work()
    return (time.thread_time() - begun) * 1e3


def compare(convolution: Convolution, x: torch.Tensor, turns: int) -> tuple[int, list[float], list[float], float]:
    """How often the layer was met, its times by oneDNN and by the filter, and millions of multiplications."""
    out = convolution(x)
    x = x.to(convolution._dtype)
    convolution._run_fused(x)
    theirs, ours = [], []
    for _ in range(turns):
        theirs.append(spent(lambda: convolution._run_fused(x)))
        ours.append(spent(lambda: convolution(x)))
    places = x if convolution._transposed else out
    return 1, theirs, ours, places.shape[2] * places.shape[3] * convolution._weight.numel() / 1e6


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default=DEFAULT)
    parser.add_argument("--size", default="640x360", metavar="WxH")
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--bf16", action="store_true", help="in place of fp32")
    options = parser.parse_args()
    dtype = torch.bfloat16 if options.bf16 else torch.float32
    engine = shared_engine(options.model, None, CPU, dtype)
    estimator, found, call = engine.estimator, Measured(), Convolution.__call__
    if not isinstance(estimator, KernelEstimator):
        raise SystemExit("layers: the compiled kernels are not here")

    def measured(self: Convolution, x: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        kind = f"{x.shape[1]} → {self._bias.numel()}{', transposed' if self._transposed else ''}, /{self._stride[0]}"
        key = kind, f"{x.shape[2]}×{x.shape[3]}", self._in_c is not None and self._in_c.pays(x.shape[2:])
        Convolution.__call__ = call
        number, *rest = found.get(key) or compare(self, x, options.turns)
        found[key] = number + (key in found), *rest
        result = self(x, out)
        Convolution.__call__ = measured
        return result

    align, (width, height) = engine.config.alignment(1), map(int, options.size.split("x"))
    height, width = height + -height % align, width + -width % align
    set_threads(1)
    Convolution.__call__ = measured
    with torch.inference_mode():
        if estimator.head:
            estimator.head(torch.rand(1, 3, height, width))
        for index, scale in enumerate(engine.config.scales):
            rows, columns, channels = int(height / scale), int(width / scale), estimator.packing.input_channels
            entry = estimator.plan.entries[index]
            size = strip_rows(rows, columns * channels * entry.itemsize) + 1, columns, channels
            strip = torch.rand(1, *size, dtype=entry)
            estimator.blocks[index](Unfilled(), strip, 0, rows)
    print("| layer, size | a frame | oneDNN | the filter | ratio | G/s |\n|---|---|---|---|---|---|")
    total = [0.0, 0.0]
    for (kind, size, own), (number, theirs, ours, products) in found.items():
        least, middle = (min(theirs), min(ours)), (statistics.median(theirs), statistics.median(ours))
        total = [total[k] + number * least[k] for k in (0, 1)]
        cells = f"{least[0]:.2f}, {middle[0]:.2f} | " + (f"{least[1]:.2f}, {middle[1]:.2f}" if own else "the same")
        ratio = f"{least[0] / least[1]:.2f}, {middle[0] / middle[1]:.2f}" if own else "–"
        print(f"| {kind}, {size} | {number} | {cells} | {ratio} | {products / least[1]:.0f} |")
    print(f"| all, the smallest | | {total[0]:.1f} | {total[1]:.1f} | {total[0] / total[1]:.2f} | |")


if __name__ == "__main__":
    main()
