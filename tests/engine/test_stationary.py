"""Things that stand still: what is found in made-up pairs, and how holes are filled."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support import LETTERS, lettered, texture

from vsrife.engine.picture import PictureFormat
from vsrife.engine.stationary import fill, find_stationary

SIZE = 160, 96


def found(first: np.ndarray, last: np.ndarray) -> np.ndarray | None:
    form = PictureFormat("rgb", 32, True, 0, 0, *SIZE)
    mask = find_stationary([*torch.from_numpy(first)], [*torch.from_numpy(last)], form)
    return None if mask is None else mask[0, 0].numpy()


@pytest.mark.parametrize("step", [(6, 0), (0, 10), (25, 5)])
def test_letters_over_a_pan_are_found_with_compressions_noise(step: tuple[float, float]) -> None:
    rng = np.random.default_rng(1)
    pair = [lettered(texture(*SIZE, n * step[0], n * step[1]), 40, 50) for n in (0, 1)]
    noisy = [(each + rng.uniform(-2, 2, each.shape) / 255).astype(np.float32) for each in pair]
    for first, last in (pair, noisy):
        mask = found(first, last)
        assert mask is not None
        assert np.mean(mask[40:55, 50:92][LETTERS] == 1) > 0.97
        far = np.ones(mask.shape, bool)
        far[34:61, 44:98] = False
        assert np.mean(mask[far] > 0) < 0.02


def test_nothing_is_found_where_all_moves_or_nothing_does() -> None:
    still, moved = (texture(*SIZE, shift, 0) for shift in (0, 8))
    assert found(still, moved) is None
    assert found(lettered(still, 40, 50), lettered(still, 40, 50)) is None
    assert found(lettered(still, 40, 50), lettered(moved, 34, 50)) is None


def test_holes_are_filled_from_around_them() -> None:
    y, x = np.mgrid[0:48, 0:65].astype(np.float32)
    planes = [torch.full((48, 65), 7.0), torch.from_numpy(2 * x + y)]
    hole = torch.zeros(48, 65, dtype=torch.bool)
    hole[20:28, 30:42] = True
    broken = [torch.where(hole, 1000.0, plane) for plane in planes]
    for filled, plane in zip(fill(broken, [hole, hole]), planes, strict=True):
        assert torch.equal(filled[~hole], plane[~hole])
        assert (filled - plane).abs().max() <= 8
    assert torch.equal(fill(broken, [hole, hole])[0], planes[0])
    assert torch.equal(fill([planes[0]], [torch.ones_like(hole)])[0], torch.zeros(48, 65))
