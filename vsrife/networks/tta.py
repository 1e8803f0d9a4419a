"""The motion-level ensemble for every network, on RGB tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from vsrife.networks.estimate import padded
from vsrife.networks.warp import backward_warp
from vsrife.tta import TTA_VIEWS, averaged, flipped, turned_back

if TYPE_CHECKING:
    from torch import Tensor

    from vsrife.networks.ifnet import IFNet
    from vsrife.networks.legacy import LegacyNetwork

__all__ = ["MeanEstimate", "between", "mean_estimate"]


class MeanEstimate(NamedTuple):
    """The mean of several looks at a pair.

    Args:
        flow: N×4×H×W in pixels, see `Estimate`.
        weight: N×1×H×W, of picture 0.
        residual: N×3×H×W, None where the network has no RefineNet.
    """

    flow: Tensor
    weight: Tensor
    residual: Tensor | None


def mean_estimate(
    network: IFNet | LegacyNetwork,
    img0: Tensor,
    img1: Tensor,
    timestep: float | Tensor = 0.5,
    *,
    passes: int = 2,
    mask: str = "own",
    scale: float = 1,
) -> MeanEstimate:
    """The mean motion of several looks at a pair.

    Args:
        network: any; one that only knows the middle takes no other timestep here.
        img0: N×3×H×W, RGB in 0..1, at time 0; any H and W.
        img1: the same at time 1.
        timestep: 0..1, or an N×1×H×W map of times.
        passes: 1, 2 (ends swapped), 4 or 8 (mirrored too).
        mask: which mask, see `vsrife.tta.averaged`.
        scale: flow scale.
    """
    height, width = img0.shape[-2:]
    align = network.config.alignment(scale)
    seen = []
    residuals = []
    for view in TTA_VIEWS[passes]:
        ends = flipped(img0, view.flip), flipped(img1, view.flip)
        first, last = padded(align, *(ends[::-1] if view.swapped else ends))
        time = timestep if isinstance(timestep, float | int) else padded(align, flipped(timestep, view.flip))[0]
        found = network.estimate(first, last, 1 - time if view.swapped else time, scale)
        flow, logits = (flipped(x[..., :height, :width], view.flip) for x in (found.flow, found.mask))
        seen.append(turned_back(view, flow, logits))
        if found.residual is not None:
            residuals.append(flipped(found.residual[..., :height, :width], view.flip))
    flow, weight = averaged(seen, mask)
    return MeanEstimate(flow, weight, torch.stack(residuals).mean(0) if residuals else None)


def between(
    network: IFNet | LegacyNetwork,
    img0: Tensor,
    img1: Tensor,
    timestep: float | Tensor = 0.5,
    *,
    passes: int = 2,
    mask: str = "own",
    scale: float = 1,
) -> Tensor:
    """The picture between two pictures, moved along the mean motion of several looks at them.

    The arguments are those of `mean_estimate`; the pictures are clamped to 0..1.
    """
    img0, img1 = img0.clamp(0, 1), img1.clamp(0, 1)
    flow, weight, residual = mean_estimate(network, img0, img1, timestep, passes=passes, mask=mask, scale=scale)
    made = backward_warp(img0, flow[:, :2]) * weight + backward_warp(img1, flow[:, 2:]) * (1 - weight)
    return made if residual is None else (made + residual).clamp(0, 1)
