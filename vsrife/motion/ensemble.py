"""Several looks at the same pair, averaged: an ensemble for every network, made outside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from vsrife.motion.field import Motion

__all__ = ["MASK_RULES", "PASSES", "Flip", "MeanMotion", "View", "flipped"]

MASK_RULES = ("own", "mean", "logit")


@dataclass(frozen=True)
class Flip:
    """Whether the pictures were mirrored across and down before they were looked at."""

    across: bool = False
    down: bool = False


@dataclass(frozen=True)
class View:
    """One way to look at a pair: mirrored, and with its ends exchanged and the time reversed."""

    flip: Flip = Flip()
    swapped: bool = False


_FLIPS = (Flip(), Flip(True, True), Flip(True, False), Flip(False, True))
PASSES: dict[int, tuple[View, ...]] = {
    n: tuple(View(flip, swapped) for flip in _FLIPS for swapped in (False, True))[:n] for n in (1, 2, 4, 8)
}
"""Number of passes → the views, the plain one first."""


def flipped(picture: Tensor, flip: Flip) -> Tensor:
    """A mirrored N×C×H×W picture."""
    dims = [dim for dim, mirrored in ((-1, flip.across), (-2, flip.down)) if mirrored]
    return picture.flip(dims) if dims else picture


@dataclass(frozen=True)
class MeanMotion:
    """The mean of the motion found in several views of one pair, at the same time.

    Args:
        views: each with what was found in it; the plain view first.
        height: of the pictures as they were mirrored, that is before they were padded.
        width: the same across.
        rule: weight of picture 0: the `mean` of all weights, that of the mean `logit`, or the plain view's `own`.
    """

    views: tuple[tuple[View, Motion], ...]
    height: int
    width: int
    rule: str

    def blend(self, ys: Tensor, xs: Tensor) -> tuple[Tensor, Tensor]:
        """See `vsrife.motion.field.Blend`."""
        found = [self._seen(view, motion, ys, xs) for view, motion in self.views]
        flow = torch.stack([flow for flow, _ in found]).mean(0)
        masks = torch.stack([mask for _, mask in found])
        match self.rule:
            case "mean":
                return flow, masks.sigmoid().mean(0)
            case "logit":
                return flow, masks.mean(0).sigmoid()
            case _:
                return flow, masks[0].sigmoid()

    def _seen(self, view: View, motion: Motion, ys: Tensor, xs: Tensor) -> tuple[Tensor, Tensor]:
        """A view's flow and mask logits at places of the plain picture, in its directions."""
        mirrored_y = self.height - 1 - ys if view.flip.down else ys
        mirrored_x = self.width - 1 - xs if view.flip.across else xs
        flow, mask, _ = motion.at(mirrored_y, mirrored_x)
        signs = [-1.0 if view.flip.across else 1.0, -1.0 if view.flip.down else 1.0] * 2
        flow = flow * flow.new_tensor(signs).view(1, 4, 1, 1)
        if view.swapped:
            return torch.cat((flow[:, 2:], flow[:, :2]), 1), -mask
        return flow, mask
