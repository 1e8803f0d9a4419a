"""The check that finds whether the order of a convolution's sums depends on the number of threads."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d

from vsrife.engine.same_bits import same_bits

NAMES = itertools.count()


def check(order: str, dtype: torch.dtype, channels: int = 6, *, transposed: bool = False) -> bool:
    """The check of a convolution that sums its channels by threads, in one order or in another."""
    calls = []

    def convolve(x: Tensor, weight: Tensor) -> Tensor:
        calls.append(torch.get_num_threads())
        parts = list(range(channels))
        if order == "reversed" and calls[-1] == 2:
            parts.reverse()
        total = torch.zeros(())
        for part in parts:
            pixels = x[:, part : part + 1].float()
            if transposed:
                total = total + conv_transpose2d(pixels, weight[part : part + 1].float(), stride=2)
            else:
                total = total + conv2d(pixels, weight[:, part : part + 1].float())
        return total.to(dtype)

    before = torch.get_num_threads()
    weight = (channels, 8, 3, 3) if transposed else (8, channels, 3, 3)
    arguments = (convolve, (1, channels, 12, 12), weight, dtype, (transposed, next(NAMES)), (1, 2))
    found = same_bits(*arguments)
    assert same_bits(*arguments) == found
    assert calls == [1, 2], "each number is tried once"
    assert torch.get_num_threads() == before
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("transposed", [False, True])
def test_another_order_of_a_sum_is_found(dtype: torch.dtype, transposed: bool) -> None:
    assert check("same", dtype, transposed=transposed)
    assert not check("reversed", dtype, transposed=transposed)


def test_an_odd_number_of_channels() -> None:
    assert check("same", torch.float32, 3)
    assert not check("reversed", torch.float32, 7)
