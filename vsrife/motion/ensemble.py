"""Several looks at the same pair, averaged: an ensemble for every network, made outside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsrife.tta import View, averaged, turned_back

if TYPE_CHECKING:
    from torch import Tensor

    from vsrife.motion.field import Motion

__all__ = ["MeanMotion"]


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
        return averaged(found, self.rule)

    def _seen(self, view: View, motion: Motion, ys: Tensor, xs: Tensor) -> tuple[Tensor, Tensor]:
        """A view's flow and mask logits at places of the plain picture, in its directions."""
        mirrored_y = self.height - 1 - ys if view.flip.down else ys
        mirrored_x = self.width - 1 - xs if view.flip.across else xs
        flow, mask, _ = motion.at(mirrored_y, mirrored_x)
        return turned_back(view, flow, mask)
