"""Memory is lent again, never to two at once."""

from __future__ import annotations

import gc

import pytest
import torch

from vsrife.motion.pool import IDLE, Pool


def test_lent_memory_is_not_lent_again() -> None:
    pool = Pool()
    tensors = [pool.empty(4, 5) for _ in range(6)]
    assert len({tensor.data_ptr() for tensor in tensors}) == 6
    for number, tensor in enumerate(tensors):
        tensor.fill_(number)
    assert [float(tensor.mean()) for tensor in tensors] == [0, 1, 2, 3, 4, 5]


def test_returned_memory_is_lent_again() -> None:
    pool = Pool()
    first = pool.empty(4, 5)
    address = first.data_ptr()
    del first
    gc.collect()
    assert pool.empty(4, 5).data_ptr() == address


@pytest.mark.parametrize("inference", [False, True])
def test_memory_of_which_a_view_is_left_is_not_lent_again(inference: bool) -> None:
    pool = Pool()
    with torch.inference_mode(inference):
        lent = pool.empty(1, 5, 4, 4).fill_(7)
        address, view = lent.data_ptr(), lent[:, 4:5].permute(0, 2, 3, 1)
        del lent
        gc.collect()
        other = pool.empty(1, 5, 4, 4).fill_(8)
        assert other.data_ptr() != address
        assert (view == 7).all()
        del view
        gc.collect()
        assert pool.empty(1, 5, 4, 4).data_ptr() == address


def test_other_shapes_get_their_own_and_few_idle_blocks_are_kept() -> None:
    pool = Pool()
    tensors = [pool.empty(size, 3) for size in range(2, 12)]
    del tensors
    gc.collect()
    assert pool.empty(100, 3).shape == (100, 3)
    gc.collect()
    assert len(pool._idle) <= IDLE
