"""What these tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from support import texture

from vsrife.evaluation import load_predictor
from vsrife.footage import Frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from fractions import Fraction

    from torch import Tensor

    from vsrife.evaluation import EnginePredictor


@pytest.fixture(autouse=True)
def _on_one_thread(one_thread: None) -> None:
    """All of these tests."""


@pytest.fixture(scope="session")
def predictor() -> EnginePredictor:
    return load_predictor(device="cpu", precision="fp32")


@pytest.fixture(scope="session")
def picture() -> Callable[..., Tensor]:
    """A texture moved by (x, y) pixels, uint8 3×H×W."""

    def make(x: float, y: float = 0, seed: int = 7, width: int = 160, height: int = 96) -> Tensor:
        return torch.from_numpy((texture(width, height, -x, -y, seed) * 255).round().astype(np.uint8))

    return make


class Known:
    """Footage of pictures that are there, shown at given times; it is read at full size."""

    name = "known"

    def __init__(self, pictures: Sequence[Tensor], times: Sequence[Fraction]) -> None:
        self.pictures, self.times = pictures, times
        self.height, self.width = pictures[0].shape[1:]
        self.length = len(pictures)

    def frames(self, start: int, stop: int, *, scale: Fraction | float = 1) -> Iterator[Frame]:
        assert scale == 1
        return (Frame(n, self.times[n], self.pictures[n]) for n in range(start, min(stop, self.length)))


@pytest.fixture
def known() -> type[Known]:
    return Known
