"""ST-LPIPS against its authors' own code, where that is installed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from unittest.mock import MagicMock

import pytest
import torch

from vsrife.errors import RifeError
from vsrife.evaluation import has_st_lpips
from vsrife.evaluation.perceptual import st_lpips

if TYPE_CHECKING:
    from torch import Tensor

needs_weights = pytest.mark.skipif(not has_st_lpips(), reason="stlpips-pytorch is not installed")


def pair(height: int, width: int, strength: float) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(height)
    truth = torch.randint(0, 256, (2, 3, height, width), generator=generator)
    made = truth + strength * torch.randn(truth.shape, generator=generator)
    return made.round().clamp(0, 255).to(torch.uint8), truth.to(torch.uint8)


@needs_weights
@pytest.mark.parametrize(("height", "width"), [(21, 21), (64, 80), (97, 131)])
def test_it_is_the_authors_figure(height: int, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IPython", "torchsummary", "torchvision", "torchvision.models"):  # imported there, of no use here
        monkeypatch.setitem(sys.modules, name, MagicMock())
    from stlpips_pytorch import stlpips

    model = stlpips.LPIPS(net="alex", variant="shift_tolerant", verbose=False)
    for strength in (2, 40):
        made, truth = pair(height, width, strength)
        with torch.no_grad():
            expected = model(made.float() / 127.5 - 1, truth.float() / 127.5 - 1).flatten().double()
        torch.testing.assert_close(st_lpips(made, truth), expected, rtol=1e-4, atol=1e-7)
        torch.testing.assert_close(st_lpips(made[1], truth[1]), expected[1], rtol=1e-4, atol=1e-7)


@needs_weights
def test_likeness() -> None:
    made, truth = pair(64, 64, 4)
    worse, _ = pair(64, 64, 60)
    assert st_lpips(truth, truth).tolist() == [0, 0]
    assert (st_lpips(made, truth) < st_lpips(worse, truth)).all()


@needs_weights
def test_small_pictures_are_one_line() -> None:
    picture = torch.zeros(3, 20, 40)
    with pytest.raises(RifeError, match=r"^pictures must be at least 21×21 for ST-LPIPS, got 20×40"):
        st_lpips(picture, picture)


def test_without_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsrife.evaluation.perceptual.PACKAGE", "a_package_that_is_not_here")
    monkeypatch.setattr("vsrife.evaluation.perceptual._weights", _fresh())
    assert not has_st_lpips()
    with pytest.raises(RifeError, match=r"^ST-LPIPS needs its weights; pip install stlpips-pytorch"):
        st_lpips(torch.zeros(3, 32, 32), torch.zeros(3, 32, 32))


def _fresh() -> object:
    """The reader of weights without what it has read before."""
    from vsrife.evaluation import perceptual

    return perceptual._weights.__wrapped__
