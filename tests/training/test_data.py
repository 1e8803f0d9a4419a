"""Which triplets are drawn, and who sees which."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vsrife.training.data import Batches, FootageTriplets, SceneTriplets, TripletSet, _choose_frames, augment


@given(
    length=st.integers(1, 40),
    share=st.integers(1, 4),
    processes=st.integers(1, 4),
    steps=st.integers(1, 20),
    start=st.integers(0, 20),
    seed=st.integers(0, 3),
)
def test_processes_share_the_very_steps_of_one(
    length: int, share: int, processes: int, steps: int, start: int, seed: int
) -> None:
    batch, start = share * processes, min(start, steps)
    alone = list(Batches(length, batch, steps, seed=seed))
    parts = [list(Batches(length, batch, steps, start, rank, processes, seed)) for rank in range(processes)]
    together = [list(chain(*step)) for step in zip(*parts, strict=True)]
    assert together == alone[start:]
    assert len(Batches(length, batch, steps, start)) == steps - start
    places = list(chain(*alone))
    for epoch in range(len(places) // length):  # every whole epoch has all, in an order of its own
        seen = places[epoch * length : (epoch + 1) * length]
        assert sorted(seen) == [(epoch, index) for index in range(length)]


def test_epochs_are_shuffled_anew_and_by_the_seed() -> None:
    orders = [[index for step in Batches(50, 10, 10, seed=seed) for _, index in step] for seed in (0, 1)]
    assert orders[0][:50] != orders[0][50:]
    assert orders[0] != orders[1]


@dataclass
class Window:
    pictures: np.ndarray
    times: np.ndarray
    name: str = "w"


def window(times: list[float]) -> Window:
    """Every picture is filled with its number."""
    numbers = np.arange(len(times), dtype=np.uint8)
    return Window(np.broadcast_to(numbers[:, None, None, None], (len(times), 40, 48, 3)), np.array(times))


def test_t_is_where_the_middle_frame_lies_by_its_real_time() -> None:
    times = [0.0, 1.0, 1.5, 4.0, 4.25]
    source = FootageTriplets([window(times)])
    seen = set()
    for seed in range(60):
        (first, middle, last), t = source.draw(0, np.random.default_rng(seed), any_time=True)
        i, j, k = (int(p[0, 0, 0]) for p in (first, middle, last))
        assert i < j < k
        assert t == pytest.approx((times[j] - times[i]) / (times[k] - times[i]))
        seen.add((i, j, k))
    assert len(seen) == 10  # each of the ten there are


@pytest.mark.parametrize("seed", range(20))
def test_the_middle_is_half_way(seed: int) -> None:
    times = np.array([0.0, 1.0, 2.0, 3.0, 3.5, 4.0])
    first, middle, last = _choose_frames(times, np.random.default_rng(seed), any_time=False)
    assert times[middle] - times[first] == times[last] - times[middle]


def test_where_none_is_half_way_the_nearest_is_taken() -> None:
    assert _choose_frames(np.array([0.0, 0.1, 1.0, 1.8]), np.random.default_rng(0), any_time=False) == (1, 2, 3)


def test_items_are_functions_of_their_place() -> None:
    sets = [TripletSet([SceneTriplets(3, 48), SceneTriplets(2, 48, seed=5)], 32, seed=1, any_time=True) for _ in (0, 1)]
    assert len(sets[0]) == 5
    places = [(epoch, index) for epoch in (0, 1) for index in range(5)]
    one = {place: sets[0][place] for place in places}
    other = {place: sets[1][place] for place in reversed(places)}
    for place in places:
        assert all(torch.equal(a, b) for a, b in zip(one[place], other[place], strict=True))
    assert not torch.equal(one[0, 0].truth, one[1, 0].truth)
    assert not torch.equal(one[0, 0].truth, one[0, 3].truth)


def numbered(number: int, height: int = 40, width: int = 52) -> np.ndarray:
    """A picture every pixel of which can be told from the others: y, x, 100 + number."""
    y, x = np.mgrid[0:height, 0:width].astype(np.uint8)
    return np.stack([y, x, np.full_like(x, 100 + number)], -1)


@pytest.mark.parametrize("seed", range(40))
def test_augmentation_moves_whole_pictures_and_time_alike(seed: int) -> None:
    sample = augment(numbered(0), numbered(1), numbered(2), 0.3, 32, np.random.default_rng(seed))
    stack = torch.stack(sample[:3]).numpy()
    assert stack.shape == (3, 3, 32, 32)
    if stack[0, 0].min() >= 100:
        stack = stack[:, ::-1]  # colours reversed
    order = (stack[:, 2, 0, 0] - 100).tolist()  # first, last, truth
    assert order in ([0, 2, 1], [2, 0, 1])
    assert float(sample.timestep) == pytest.approx(0.3 if order[0] == 0 else 0.7)
    assert (stack[0, :2] == stack[1, :2]).all()
    assert (stack[0, :2] == stack[2, :2]).all()
    y, x = stack[0, 0].astype(int), stack[0, 1].astype(int)
    steps = sorted(abs(int(d)) for d in (y[1, 0] - y[0, 0], y[0, 1] - y[0, 0], x[1, 0] - x[0, 0], x[0, 1] - x[0, 0]))
    assert steps == [0, 0, 1, 1]  # a mirrored or turned piece of the picture, none of it twice
    assert len({(a, b) for a, b in zip(y.flat, x.flat, strict=True)}) == 32 * 32


def test_all_augmentations_occur() -> None:
    kinds = set()
    for seed in range(400):
        sample = augment(numbered(0), numbered(1), numbered(2), 0.3, 32, np.random.default_rng(seed))
        stack = torch.stack(sample[:3]).numpy()
        coloured = bool(stack[0, 0].min() >= 100)
        stack = stack[:, ::-1] if coloured else stack
        y, x = stack[0, 0].astype(int), stack[0, 1].astype(int)
        kinds.add(
            (
                coloured,
                int(stack[0, 2, 0, 0]),
                *(int(d) for d in (y[1, 0] - y[0, 0], x[1, 0] - x[0, 0], y[0, 1] - y[0, 0], x[0, 1] - x[0, 0])),
            )
        )
    assert len(kinds) == 2 * 2 * 8


def test_without_a_generator_the_middle_is_cut_out() -> None:
    sample = augment(numbered(0), numbered(1), numbered(2), 0.25, 32, None)
    assert sample.img0[:, 0, 0].tolist() == [4, 10, 100]
    assert float(sample.timestep) == 0.25
    small = augment(numbered(0, 20, 20), numbered(1, 20, 20), numbered(2, 20, 20), 0.5, 32, None)
    assert small.truth.shape == (3, 32, 32)
    assert small.truth[0, :, 0].tolist() == [*range(20), *range(19, 7, -1)]


def test_scenes_have_the_time_they_say() -> None:
    source = SceneTriplets(4, 48, reach=30)
    (first, truth, last), t = source.draw(0, np.random.default_rng(3), any_time=True)
    assert 0 < t < 1
    assert source.draw(0, np.random.default_rng(3), any_time=False)[1] == 0.5
    assert first.shape == truth.shape == last.shape == (48, 48, 3)
    assert first.dtype == np.uint8
    assert not np.array_equal(first, last)
