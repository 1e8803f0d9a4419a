"""Whether the number of threads changes the bits of one of oneDNN's convolutions: tried, as oneDNN promises nothing."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import torch

from vsrife.motion.thread_count import threads_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

__all__ = ["same_bits"]

PERIOD = 4093
"""Different pixels of an input, which repeats them: random numbers take longer than a convolution, and more memory."""
_lock = threading.Lock()
_found: dict[tuple[object, ...], bool] = {}


def same_bits(
    convolve: Callable[[Tensor, Tensor], Tensor],
    shape: Sequence[int],
    weight: Sequence[int],
    dtype: torch.dtype,
    layer: tuple[object, ...],
    threads: tuple[int, int],
) -> bool:
    """Whether a convolution has the same bits on both numbers of threads; tried once in a process.

    Its order of summation depends on all of these arguments and not on the values. These are such that each sum is 0
    but for what rounding leaves, which another order of summation changes, also after a result is rounded to bf16.

    Args:
        convolve: input and weights to output, without bias, on as many threads as PyTorch has.
        shape: of the input, N×C×h×w.
        weight: of the weights, C being the second dimension, or the first of transposed convolutions.
        dtype: dtype of input and weights.
        layer: all else that says which convolution it is; whether it is transposed first.
        threads: the two numbers.
    """
    key = tuple(shape), tuple(weight), dtype, layer, threads
    with _lock:
        if key not in _found:
            random = torch.Generator().manual_seed(1)
            count, channels, height, width = shape
            pixels = _cancelling(torch.randn(PERIOD, channels, generator=random), 1, 1).to(dtype)
            x = pixels[torch.arange(count * height * width) % PERIOD].view(count, height, width, channels)
            x = x.permute(0, 3, 1, 2)
            weights = _cancelling(torch.randn(key[1], generator=random), 0 if layer[0] else 1, -1).to(dtype)
            results = []
            for number in threads:
                with threads_of(number):
                    results.append(convolve(x, weights))
            _found[key] = torch.equal(*results)
        return _found[key]


def _cancelling(values: Tensor, dim: int, sign: int) -> Tensor:
    """Values whose second half of channels is the first one times a sign; the last of an odd number is 0."""
    half = values.shape[dim] // 2
    first = values.narrow(dim, 0, half)
    rest = values.narrow(dim, 2 * half, values.shape[dim] - 2 * half).zero_()
    return torch.cat((first, sign * first, rest), dim)
