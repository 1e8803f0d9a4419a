"""The mean of several views against doing it by hand at full size."""

from __future__ import annotations

import pytest
import torch

from vsrife.motion import BlockMap, MeanMotion, Motion, swap_ends
from vsrife.tta import TTA_VIEWS, Flip, View, flipped

HEIGHT, WIDTH = 20, 30


def constant(flow: tuple[float, float, float, float], mask: float) -> Motion:
    data = torch.tensor([*flow, mask]).view(1, 5, 1, 1).expand(1, 5, HEIGHT, WIDTH)
    return Motion((BlockMap(data, 1),))


def grid() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.arange(HEIGHT, dtype=torch.float32), torch.arange(WIDTH, dtype=torch.float32)


def test_each_view_is_turned_back() -> None:
    """One real motion, in each view's own terms, must average to itself."""
    x0, y0, x1, y1, mask = 1.0, 2.0, -3.0, 4.0, 0.7
    views = []
    for view in TTA_VIEWS[8]:
        sx, sy = (-1 if view.flip.across else 1), (-1 if view.flip.down else 1)
        flow = (sx * x0, sy * y0, sx * x1, sy * y1)
        if view.swapped:
            flow = (*flow[2:], *flow[:2])
        views.append((view, constant(flow, -mask if view.swapped else mask)))
    for rule in ("own", "mean", "logit"):
        flow, weight, _ = MeanMotion(tuple(views), HEIGHT, WIDTH, rule).blend(*grid())
        assert torch.allclose(flow[0, :, 5, 5], torch.tensor([x0, y0, x1, y1]))
        assert torch.allclose(weight, torch.tensor(mask).sigmoid())


def test_positions_are_mirrored() -> None:
    ramp = torch.arange(WIDTH, dtype=torch.float32).expand(1, 5, HEIGHT, WIDTH)
    motion = Motion((BlockMap(ramp, 1),))
    flow, *_ = MeanMotion(((View(Flip(True, False)), motion),), HEIGHT, WIDTH, "own").blend(*grid())
    assert torch.equal(flow[0, 0, 0], -(WIDTH - 1 - torch.arange(WIDTH, dtype=torch.float32)))
    assert torch.equal(flow[0, 1, 0], WIDTH - 1 - torch.arange(WIDTH, dtype=torch.float32))


def test_mask_rules() -> None:
    views = ((View(), constant((0, 0, 0, 0), 3.0)), (View(swapped=True), constant((0, 0, 0, 0), 1.0)))
    weights = {
        rule: float(MeanMotion(views, HEIGHT, WIDTH, rule).blend(*grid())[1][0, 0, 0, 0])
        for rule in ("own", "mean", "logit")
    }
    three, minus_one = (float(torch.tensor(x).sigmoid()) for x in (3.0, -1.0))
    assert weights["own"] == pytest.approx(three)
    assert weights["mean"] == pytest.approx((three + minus_one) / 2)
    assert weights["logit"] == pytest.approx(float(torch.tensor(1.0).sigmoid()))


def test_views_and_flips() -> None:
    assert [len(TTA_VIEWS[n]) for n in (1, 2, 4, 8)] == [1, 2, 4, 8]
    assert len(set(TTA_VIEWS[8])) == 8
    assert TTA_VIEWS[1] == (View(),)
    picture = torch.arange(6.0).view(1, 1, 2, 3)
    assert torch.equal(flipped(picture, Flip(True, True)).flatten(), torch.arange(6.0).flip(0))
    assert flipped(picture, Flip()) is picture
    data = torch.arange(7.0).view(1, 7, 1, 1)
    assert swap_ends(data).flatten().tolist() == [2, 3, 0, 1, -4, 5, 6]
