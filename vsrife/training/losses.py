"""Loss functions of training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, pad

if TYPE_CHECKING:
    from vsrife.networks import Estimate, Stages

__all__ = ["distillation_loss", "endpoint_error", "laplacian_loss", "log10_mse", "missing_detail"]

BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
SMALL = (1 / 4, 2 / 4, 1 / 4)
PATCH = 16
MARGIN = 0.01
"""Distillation applies where the mean |error| over the channels exceeds the teacher's by more than this."""
LEAST = 1e-6
"""The mean square error, 60 dB, below which a picture counts as perfect."""


def laplacian_loss(picture: Tensor, truth: Tensor, levels: int = 5) -> Tensor:
    """L1 between the Laplacian pyramids of N×3×H×W pictures (Niklaus and Liu 2018, as in section 4.1 of the paper).

    The sum over `levels` bands, the finest first, and the remainder below them, of each one's mean absolute difference.
    The published code leaves the remainder out, and with it the mean colour, which a RefineNet is free to change. There
    are fewer levels where a side would become smaller than 2.
    """
    difference = picture.float() - truth.float()  # the pyramid is linear
    loss = difference.new_zeros(())
    for _ in range(levels):
        if min(difference.shape[-2:]) < 4:
            break
        smaller = _blur(difference)[..., ::2, ::2]
        loss = loss + (difference - _enlarge(smaller, difference.shape[-2:])).abs().mean()
        difference = smaller
    return loss + difference.abs().mean()


def log10_mse(picture: Tensor, truth: Tensor) -> Tensor:
    """The mean over N×3×H×W pictures in 0..1 of log10 of their mean square error: -PSNR / 10."""
    error = (picture.float() - truth.float()).square().mean((1, 2, 3))
    return error.clamp(min=LEAST).log10().mean()


def distillation_loss(stages: Stages, img0: Tensor, img1: Tensor, truth: Tensor) -> Tensor:
    """Distance of every stage's flow to the teacher's, where the teacher's picture is better (section 3.3).

    The mean over pixels of the Euclidean distance of the four flow components, summed over the stages; it has no
    gradient for the teacher.
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
    """Mean distance of two N×4×H×W flows in pixels, each end weighted by the N×1×H×W weight of its picture."""
    error = flow.float() - wanted.float()
    return (weight * _length(error[:, :2]) + (1 - weight) * _length(error[:, 2:])).mean()


def missing_detail(picture: Tensor, wanted: Tensor) -> Tensor:
    """The share of the wanted pictures' gradient energy that N×3×H×W pictures lack, 0..1, patch by patch.

    A surplus in one patch of `PATCH` pixels does not compensate for another's lack. Both pictures are blurred by
    (1, 2, 1) / 4 first, which removes checkerboards: they are the cheapest energy, and networks find them.
    """
    energies = []
    for each in (picture, wanted):
        smooth = _blur(each.float(), SMALL)
        across, down = smooth.diff(dim=-1)[..., :-1, :].square(), smooth.diff(dim=-2)[..., :-1].square()
        energies.append(avg_pool2d((across + down).mean(1, keepdim=True), PATCH, ceil_mode=True))
    own, other = energies
    lack = (other - own).clamp(min=0).sum((1, 2, 3)) / other.sum((1, 2, 3)).clamp(min=1e-6)
    return lack.mean()


@torch.no_grad()
def _error(estimate: Estimate, img0: Tensor, img1: Tensor, truth: Tensor) -> Tensor:
    """Mean |error| over the channels of the blend without a residual: N×1×H×W."""
    return (estimate.blend(img0, img1) - truth).abs().mean(1, keepdim=True)


def _length(flow: Tensor) -> Tensor:
    """Length of vectors, N×C×H×W → N×1×H×W; its gradient is 0 where it is 0."""
    return (flow.square().sum(1, keepdim=True) + 1e-12).sqrt()


def _blur(picture: Tensor, taps: tuple[float, ...] = BINOMIAL) -> Tensor:
    channels, size = picture.shape[1], len(taps)
    row = picture.new_tensor(taps)
    kernel = (row[:, None] * row).expand(channels, 1, size, size)
    return conv2d(pad(picture, (size // 2,) * 4, mode="reflect"), kernel, groups=channels)


def _enlarge(picture: Tensor, size: torch.Size) -> Tensor:
    """Enlarge to twice the size: zeros between the samples, blurred, times four."""
    spread = picture.new_zeros(*picture.shape[:2], *size)
    spread[..., ::2, ::2] = picture
    return 4 * _blur(spread)
