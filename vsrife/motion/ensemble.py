"""Test-time augmentation: the mean motion of several views of one pair, for every network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsrife.motion.field import Sampling
from vsrife.tta import View, averaged, turned_back

if TYPE_CHECKING:
    from torch import Tensor

    from vsrife.motion.field import Motion

__all__ = ["MeanMotion"]


@dataclass(frozen=True)
class MeanMotion:
    """The mean of the motion found in several views of one pair, at the same time.

    Args:
        views: each view with its motion; the plain view first.
        height: rows of the pictures before padding.
        width: columns of the pictures before padding.
        rule: weight of picture 0: the `mean` of all weights, that of the mean `logit`, or the plain view's `own`.
    """

    views: tuple[tuple[View, Motion], ...]
    height: int
    width: int
    rule: str

    def blend(self, ys: Tensor, xs: Tensor) -> Sampling:
        """See `vsrife.motion.field.Blend`."""
        return Sampling(*averaged([self._evaluate(view, motion, ys, xs) for view, motion in self.views], self.rule))

    def _evaluate(self, view: View, motion: Motion, ys: Tensor, xs: Tensor) -> tuple[Tensor, Tensor]:
        """A view's flow and mask logits at positions, and in directions, of the plain picture."""
        mirrored_y = self.height - 1 - ys if view.flip.down else ys
        mirrored_x = self.width - 1 - xs if view.flip.across else xs
        flow, mask, _ = motion.at(mirrored_y, mirrored_x)
        return turned_back(view, flow, mask)
