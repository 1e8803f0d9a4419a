"""What training makes small."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, pad

if TYPE_CHECKING:
    from vsrife.networks import Estimate, Stages

__all__ = ["bels", "distillation_loss", "endpoint_error", "laplacian_loss", "missing_detail"]

BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
SMALL = (1 / 4, 2 / 4, 1 / 4)
PATCH = 16
MARGIN = 0.01
"""How much worse than the teacher's a picture must be, in mean |error| of its channels, for its flow to be taught."""
LEAST = 1e-6
"""The mean square error below which a picture is as good as the truth: 60 dB."""


def laplacian_loss(made: Tensor, truth: Tensor, levels: int = 5) -> Tensor:
    """L1 between Laplacian pyramids (Niklaus and Liu 2018, as in section 4.1 of the paper).

    The sum over `levels` bands, the finest first, and what is left below them, of each one's mean absolute difference.
    The published code leaves the last out, and with it the mean colour, which a RefineNet is free to change.

    Args:
        made: N×3×H×W.
        truth: the same.
        levels: fewer where a side would become smaller than 2.
    """
    difference = made.float() - truth.float()  # the pyramid is linear
    loss = difference.new_zeros(())
    for _ in range(levels):
        if min(difference.shape[-2:]) < 4:
            break
        smaller = _blurred(difference)[..., ::2, ::2]
        loss = loss + (difference - _enlarged(smaller, difference.shape[-2:])).abs().mean()
        difference = smaller
    return loss + difference.abs().mean()


def bels(made: Tensor, truth: Tensor) -> Tensor:
    """log10 of each picture's mean square error, the mean over N×3×H×W pictures in 0..1: -PSNR / 10."""
    error = (made.float() - truth.float()).square().mean((1, 2, 3))
    return error.clamp(min=LEAST).log10().mean()


def distillation_loss(stages: Stages, img0: Tensor, img1: Tensor, truth: Tensor) -> Tensor:
    """How far every stage's flow is from the teacher's, where the teacher's picture is the better one (section 3.3).

    The mean over pixels of the Euclidean distance of the four flow components, summed over the stages; nothing of it
    reaches the teacher.
    """
    if stages.teacher is None:
        return img0.new_zeros(())
    taught = stages.teacher.flow.detach()
    best = _error(stages.teacher, img0, img1, truth)
    loss = img0.new_zeros(())
    for stage in stages.student:
        worse = (_error(stage, img0, img1, truth) > best + MARGIN).to(taught.dtype)
        loss = loss + (_length(stage.flow - taught) * worse).mean()
    return loss


def endpoint_error(flow: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Mean distance of two flows in pixels, each end weighted by how much is seen of it.

    Args:
        flow: N×4×H×W.
        wanted: the same.
        weight: N×1×H×W, of picture 0.
    """
    error = flow.float() - wanted.float()
    return (weight * _length(error[:, :2]) + (1 - weight) * _length(error[:, 2:])).mean()


def missing_detail(made: Tensor, wanted: Tensor) -> Tensor:
    """The share of the wanted pictures' gradient energy that the made ones lack, 0..1, patch by patch.

    What a patch of `PATCH` pixels has more than is wanted makes up for nothing. Both pictures are blurred by
    (1, 2, 1) / 4 first, in which a checkerboard vanishes: the cheapest energy there is, and networks find it.
    """
    energies = []
    for picture in (made, wanted):
        smooth = _blurred(picture.float(), SMALL)
        across, down = smooth.diff(dim=-1)[..., :-1, :].square(), smooth.diff(dim=-2)[..., :-1].square()
        energies.append(avg_pool2d((across + down).mean(1, keepdim=True), PATCH, ceil_mode=True))
    own, other = energies
    lack = (other - own).clamp(min=0).sum((1, 2, 3)) / other.sum((1, 2, 3)).clamp(min=1e-6)
    return lack.mean()


@torch.no_grad()
def _error(estimate: Estimate, img0: Tensor, img1: Tensor, truth: Tensor) -> Tensor:
    """Mean |error| of the channels of what motion and mask alone make: N×1×H×W."""
    return (estimate.blend(img0, img1) - truth).abs().mean(1, keepdim=True)


def _length(flow: Tensor) -> Tensor:
    """Of vectors, N×C×H×W → N×1×H×W; its gradient is 0 where it is 0."""
    return (flow.square().sum(1, keepdim=True) + 1e-12).sqrt()


def _blurred(picture: Tensor, taps: tuple[float, ...] = BINOMIAL) -> Tensor:
    channels, size = picture.shape[1], len(taps)
    row = picture.new_tensor(taps)
    kernel = (row[:, None] * row).expand(channels, 1, size, size)
    return conv2d(pad(picture, (size // 2,) * 4, mode="reflect"), kernel, groups=channels)


def _enlarged(picture: Tensor, size: torch.Size) -> Tensor:
    """To twice the size: zeros put between the samples, blurred, four times as bright."""
    spread = picture.new_zeros(*picture.shape[:2], *size)
    spread[..., ::2, ::2] = picture
    return 4 * _blurred(spread)
