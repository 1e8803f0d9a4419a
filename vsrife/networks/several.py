"""The motion-level ensemble for every network, on RGB tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsrife.networks.estimate import padded
from vsrife.networks.warp import backward_warp
from vsrife.views import PASSES, averaged, flipped, turned_back

if TYPE_CHECKING:
    from torch import Tensor

    from vsrife.networks.ancestor import Ancestor
    from vsrife.networks.ifnet import IFNet

__all__ = ["between"]


def between(
    network: IFNet | Ancestor,
    img0: Tensor,
    img1: Tensor,
    timestep: float = 0.5,
    *,
    passes: int = 2,
    mask: str = "own",
    scale: float = 1,
) -> Tensor:
    """The picture between two pictures, moved along the mean motion of several looks at them.

    Args:
        network: any; one that only knows the middle takes no other timestep here.
        img0: N×3×H×W, RGB in 0..1 (clamped), at time 0; any H and W.
        img1: the same at time 1.
        timestep: 0..1.
        passes: 1, 2 (ends swapped), 4 or 8 (mirrored too).
        mask: what is blended with, see `vsrife.views.averaged`.
        scale: flow scale.
    """
    height, width = img0.shape[-2:]
    img0, img1 = img0.clamp(0, 1), img1.clamp(0, 1)
    seen = []
    residuals = []
    for view in PASSES[passes]:
        ends = flipped(img0, view.flip), flipped(img1, view.flip)
        first, last = padded(network.config.alignment(scale), *(ends[::-1] if view.swapped else ends))
        found = network.estimate(first, last, 1 - timestep if view.swapped else timestep, scale)
        flow, logits = (flipped(x[..., :height, :width], view.flip) for x in (found.flow, found.mask))
        seen.append(turned_back(view, flow, logits))
        if found.residual is not None:
            residuals.append(flipped(found.residual[..., :height, :width], view.flip))
    flow, weight = averaged(seen, mask)
    made = backward_warp(img0, flow[:, :2]) * weight + backward_warp(img1, flow[:, 2:]) * (1 - weight)
    return (made + sum(residuals) / len(residuals)).clamp(0, 1) if residuals else made
