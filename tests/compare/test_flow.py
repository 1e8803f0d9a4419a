"""Motion as numbers and as colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from vsrife.compare.flow import FlowFinder, colour_wheel, coloured

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from vsrife.evaluation import EnginePredictor


@pytest.mark.parametrize(
    ("flow", "colour"),
    [
        ((10, 0), (255, 0, 0)),
        ((0, 10), (128, 255, 0)),
        ((-10, 0), (0, 255, 255)),
        ((0, -10), (128, 0, 255)),
        ((0, 0), (255, 255, 255)),
        ((5, 0), (255, 128, 128)),
        ((70, 0), (255, 0, 0)),
    ],
    ids=["right", "down", "left", "up", "still", "half", "beyond"],
)
def test_hue_is_the_direction(flow: tuple[float, float], colour: tuple[int, int, int]) -> None:
    seen = coloured(torch.tensor(flow, dtype=torch.float32)[:, None, None].expand(2, 3, 4), 10)
    assert seen.shape == (3, 3, 4)
    assert seen.dtype == torch.uint8
    assert (seen.float() - torch.tensor(colour)[:, None, None]).abs().max() <= 1


def test_the_key_has_the_colours_of_motion_from_its_middle() -> None:
    wheel = colour_wheel(101)
    assert wheel.shape == (4, 101, 101)
    for (x, y), hue in {(98, 50): (255, 0, 0), (2, 50): (0, 255, 255), (50, 98): (128, 255, 0)}.items():
        assert (wheel[:3, y, x].int() - torch.tensor(hue)).abs().max() < 16
    assert wheel[:, 50, 50].tolist() == [255] * 4
    assert wheel[3, 0, 0] == 0


@pytest.mark.parametrize("step", [(5, 0), (0, 4), (-3, 2)])
def test_motion_is_that_of_the_picture(
    step: tuple[float, float], predictor: EnginePredictor, picture: Callable[..., Tensor]
) -> None:
    flow = FlowFinder(predictor.engine)(picture(0), picture(*step))
    inner = flow[:, 16:-16, 16:-16]
    # the network is within a fifth on texture that is nearly periodic
    assert inner.flatten(1).median(1).values.tolist() == pytest.approx(step, abs=0.2 * max(map(abs, step)))


def test_a_picture_that_is_known_again_changes_nothing(
    predictor: EnginePredictor, picture: Callable[..., Tensor]
) -> None:
    pictures = [picture(3 * k) for k in range(3)]
    one = FlowFinder(predictor.engine)
    one(pictures[0], pictures[1])
    again = one(pictures[1], pictures[2])
    assert torch.equal(again, FlowFinder(predictor.engine)(pictures[1].clone(), pictures[2]))
    small = [each[:, :64, :96].contiguous() for each in pictures]
    assert torch.equal(one(*small[:2]), FlowFinder(predictor.engine)(*small[:2]))
