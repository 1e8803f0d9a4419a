"""What these tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image
from support import texture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

WIDTH, HEIGHT = 64, 48


@pytest.fixture(autouse=True)
def _on_one_thread(one_thread: None) -> None:
    """All of these tests."""


@pytest.fixture
def moved() -> Callable[..., Tensor]:
    """A texture that moves by (3, 1) pixels a step, uint8 3×H×W."""

    def make(step: float, width: int = WIDTH, height: int = HEIGHT, seed: int = 7) -> Tensor:
        return torch.from_numpy((texture(width, height, 3 * step, step, seed) * 255).round().astype(np.uint8))

    return make


@pytest.fixture
def write(moved: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Write that as a picture, its folders made; returns what was written."""

    def picture(path: Path, step: float = 0, **size: int) -> Tensor:
        path.parent.mkdir(parents=True, exist_ok=True)
        made = moved(step, **size)
        Image.fromarray(made.permute(1, 2, 0).numpy()).save(path)
        return made

    return picture
