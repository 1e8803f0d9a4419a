"""The memory that the filters of a device keep for later."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import torch

from vsrife.engine import Colour, Engine, HostFrame, Interpolator, Options, PictureFormat, Task, Timestep, shared_engine
from vsrife.engine.cache_budget import MIB, CacheBudget, budget_of, limit_from_environment, usual_limit
from vsrife.errors import RifeError

CPU = torch.device("cpu")
FORM = PictureFormat("rgb", 8, False, 0, 0, 128, 64)


class Bytes:
    """A cache of a size, which notes that it was emptied."""

    def __init__(self, size: int) -> None:
        self.size = size

    def release(self) -> None:
        self.size = 0


def test_the_cache_used_longest_ago_is_emptied_first() -> None:
    budget = CacheBudget(lambda: 25)
    first, second, third = Bytes(10), Bytes(10), Bytes(10)
    for each in (first, second, first, third):
        budget.use(each)
    assert [each.size for each in (first, second, third)] == [10, 0, 10]


def test_the_cache_in_use_is_kept_whatever_its_size() -> None:
    budget = CacheBudget(lambda: 25)
    small, large = Bytes(10), Bytes(1000)
    for each in (small, large, large):
        budget.use(each)
    assert (small.size, large.size) == (0, 1000)


def test_caches_that_are_gone_count_no_more() -> None:
    budget = CacheBudget(lambda: 25)
    gone, kept, last = Bytes(20), Bytes(10), Bytes(10)
    budget.use(gone)
    del gone
    gc.collect()
    budget.use(kept)
    budget.use(last)
    assert (kept.size, last.size) == (10, 10)


def test_the_limit_is_the_users_or_a_part_of_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VSRIFE_CACHE_MIB", raising=False)
    assert limit_from_environment() is None
    assert 256 * MIB <= usual_limit(CPU) <= 1024 * MIB
    monkeypatch.setenv("VSRIFE_CACHE_MIB", "48")
    assert limit_from_environment() == 48 * MIB
    for wrong in ("-1", "1.5", "many", "9" * 10):
        monkeypatch.setenv("VSRIFE_CACHE_MIB", wrong)
        with pytest.raises(RifeError, match=f"^VSRIFE_CACHE_MIB must be a whole number of MiB, got '?{wrong}"):
            limit_from_environment()


@pytest.fixture(scope="module")
def engine() -> Engine:
    return shared_engine("nano", None, CPU, torch.float32)


def interpolated(filter_: Interpolator, seed: int) -> np.ndarray:
    """The frame between two random ones."""
    random = np.random.default_rng(seed)
    frames = [
        HostFrame(number, [random.integers(0, 256, (64, 128), dtype=np.uint8) for _ in range(3)], Colour(1, True, 0))
        for number in range(2)
    ]
    made = [np.zeros((64, 128), np.uint8) for _ in range(3)]
    filter_.render(Task(frames[0], frames[1], Timestep(0.5), FORM), made)
    return np.stack(made)


def test_many_filters_stay_within_the_budget(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSRIFE_CACHE_MIB", "2")
    filters = [Interpolator(engine, FORM, Options()) for _ in range(12)]
    pictures = [interpolated(each, seed) for seed, each in enumerate(filters)]
    caches = [each._recovery._makers[0]._frames for each in filters]
    sizes = [cache.size for cache in caches]
    assert sizes[-1] > MIB // 4
    assert sum(sizes[:-1]) <= 2 * MIB < 12 * sizes[-1]
    # what was given up is computed anew, to the same frames
    assert all((interpolated(each, seed) == pictures[seed]).all() for seed, each in enumerate(filters))


def test_every_filter_of_a_device_has_the_same_budget() -> None:
    assert budget_of(CPU) is budget_of(torch.device("cpu"))
