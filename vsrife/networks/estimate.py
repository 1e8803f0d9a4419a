"""A network's estimate of the picture between two pictures, and backward warping, which makes the picture of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch.nn.functional import grid_sample, pad

from vsrife.tta import TTA_VIEWS, flipped, turned_back

if TYPE_CHECKING:
    from torch import Tensor

    from vsrife.networks.ifnet import IFNet
    from vsrife.networks.legacy import LegacyNetwork

__all__ = ["Estimate", "Stages", "backward_warp", "mean_estimate", "pad_to_multiple", "warp_pair"]


class Estimate(NamedTuple):
    """Motion, mask and residual of aligned pictures, at their own size.

    Args:
        flow: N×4×H×W in pixels: Ft→0 x, y, then Ft→1 x, y.
        mask: N×1×H×W logits of the weight of picture 0.
        residual: N×3×H×W, added to the blend in RGB 0..1; None where the network has no RefineNet.
    """

    flow: Tensor
    mask: Tensor
    residual: Tensor | None = None

    def blend(self, img0: Tensor, img1: Tensor) -> Tensor:
        """σ(mask)·warp(img0, Ft→0) + (1 − σ(mask))·warp(img1, Ft→1) of N×C×H×W planes."""
        weight = self.mask.sigmoid()
        warped0, warped1 = warp_pair(img0, img1, self.flow)
        return warped0 * weight + warped1 * (1 - weight)

    def picture(self, img0: Tensor, img1: Tensor) -> Tensor:
        """The picture of two N×3×H×W pictures in 0..1: the blend; with a residual, their sum clamped to 0..1."""
        blend = self.blend(img0, img1)
        return blend if self.residual is None else (blend + self.residual).clamp(0, 1)


class Stages(NamedTuple):
    """Estimates of a network's blocks.

    Args:
        student: the estimate after each block, coarsest first; the last is the network's.
        teacher: the estimate of the privileged block, which also sees the true picture; None without one.
    """

    student: tuple[Estimate, ...]
    teacher: Estimate | None = None


def backward_warp(picture: Tensor, flow: Tensor) -> Tensor:
    """Sample a picture, for every pixel, at the position its flow points to: the definition of right for `motion`.

    Args:
        picture: N×C×H×W.
        flow: N×2×H×W in pixels, x before y. Pixel (x, y) of the result is `picture` at (x + flow x, y + flow y).

    Bilinear; coordinates count pixel centres from 0 (`align_corners=True`) and are clamped to the picture. They are
    fp32 whatever the picture's dtype.
    """
    if picture.shape[1] == 0:
        return picture
    height, width = picture.shape[-2:]
    ys = torch.arange(height, dtype=torch.float32, device=flow.device).view(1, -1, 1)
    xs = torch.arange(width, dtype=torch.float32, device=flow.device).view(1, 1, -1)
    x = (xs + flow[:, 0].float()) * (2 / max(width - 1, 1)) - 1
    y = (ys + flow[:, 1].float()) * (2 / max(height - 1, 1)) - 1
    grid = torch.stack((x, y), dim=-1)
    warped = grid_sample(picture.float(), grid, mode="bilinear", padding_mode="border", align_corners=True)
    return warped.to(picture.dtype)


def warp_pair(img0: Tensor, img1: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    """Both N×C×H×W pictures warped by their halves of an N×4×H×W flow."""
    return backward_warp(img0, flow[:, :2]), backward_warp(img1, flow[:, 2:])


def pad_to_multiple(align: int, *maps: Tensor) -> tuple[Tensor, ...]:
    """N×C×H×W maps of one size, replicated to the right and below up to multiples of `align`."""
    height, width = maps[0].shape[-2:]
    return tuple(pad(x, (0, -width % align, 0, -height % align), mode="replicate") for x in maps)


def mean_estimate(
    network: IFNet | LegacyNetwork, img0: Tensor, img1: Tensor, timestep: float | Tensor, *, passes: int
) -> Estimate:
    """Test-time augmentation: the mean flow and residual of several views of a pair, and the plain view's mask.

    Args:
        network: any; a midpoint-only one takes t = 0.5 alone.
        img0: N×3×H×W, RGB in 0..1, at time 0; any H and W.
        img1: N×3×H×W, at time 1.
        timestep: 0..1, or an N×1×H×W map of times.
        passes: number of views: 1, 2 (ends swapped), 4 or 8 (mirrored too).
    """
    height, width = img0.shape[-2:]
    align = network.config.alignment(1)
    motions = []
    residuals = []
    for view in TTA_VIEWS[passes]:
        ends = flipped(img0, view.flip), flipped(img1, view.flip)
        first, last = pad_to_multiple(align, *(ends[::-1] if view.swapped else ends))
        time = (
            timestep if isinstance(timestep, float | int) else pad_to_multiple(align, flipped(timestep, view.flip))[0]
        )
        estimate = network.estimate(first, last, 1 - time if view.swapped else time)
        flow, mask = (flipped(x[..., :height, :width], view.flip) for x in (estimate.flow, estimate.mask))
        motions.append(turned_back(view, flow, mask))
        if estimate.residual is not None:
            residuals.append(flipped(estimate.residual[..., :height, :width], view.flip))
    flow = torch.stack([flow for flow, _ in motions]).mean(0)
    return Estimate(flow, motions[0][1], torch.stack(residuals).mean(0) if residuals else None)
