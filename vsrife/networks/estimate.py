"""What a network says about the picture between two pictures, before it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from torch.nn.functional import pad

from vsrife.networks.warp import backward_warp

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Estimate", "Stages", "padded"]


class Estimate(NamedTuple):
    """Motion, mask and correction of aligned pictures, at their own size.

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
        return backward_warp(img0, self.flow[:, :2]) * weight + backward_warp(img1, self.flow[:, 2:]) * (1 - weight)

    def picture(self, img0: Tensor, img1: Tensor) -> Tensor:
        """The picture of two N×3×H×W pictures in 0..1: the blend, corrected and then clamped to 0..1."""
        blend = self.blend(img0, img1)
        return blend if self.residual is None else (blend + self.residual).clamp(0, 1)


class Stages(NamedTuple):
    """What a network knows after each of its blocks, and what one that also saw the true picture made of that.

    Args:
        student: coarsest first; the last is what the network estimates.
        teacher: of the block that sees the truth; None where there is none.
    """

    student: tuple[Estimate, ...]
    teacher: Estimate | None = None


def padded(align: int, *maps: Tensor) -> tuple[Tensor, ...]:
    """N×C×H×W maps of one size, replicated to the right and below up to multiples of `align`."""
    height, width = maps[0].shape[-2:]
    return tuple(pad(x, (0, -width % align, 0, -height % align), mode="replicate") for x in maps)
