"""Test-time augmentation: the views of a pair of pictures, and the mean of the motion estimated in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["TTA_VIEWS", "Flip", "View", "averaged", "flipped", "swap_ends", "turned_back"]


@dataclass(frozen=True)
class Flip:
    """Whether the pictures are mirrored horizontally (`across`) and vertically (`down`)."""

    across: bool = False
    down: bool = False


@dataclass(frozen=True)
class View:
    """A view of a pair: mirrored, and with its ends exchanged and the time reversed."""

    flip: Flip = Flip()
    swapped: bool = False


_FLIPS = (Flip(), Flip(True, True), Flip(True, False), Flip(False, True))
TTA_VIEWS: dict[int, tuple[View, ...]] = {
    n: tuple(View(flip, swapped) for flip in _FLIPS for swapped in (False, True))[:n] for n in (1, 2, 4, 8)
}
"""Number of passes → the views, the plain one first."""


def flipped(picture: Tensor, flip: Flip) -> Tensor:
    """Mirror an N×C×H×W picture."""
    dims = [dim for dim, mirrored in ((-1, flip.across), (-2, flip.down)) if mirrored]
    return picture.flip(dims) if dims else picture


def swap_ends(flow: Tensor) -> Tensor:
    """Exchange the ends of an N×4×H×W flow: Ft→1 first, then Ft→0."""
    return torch.cat((flow[:, 2:], flow[:, :2]), 1)


def turned_back(view: View, flow: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Turn the motion of a view back to the plain picture's directions.

    Args:
        view: the view it was estimated in.
        flow: N×4×H×W, already mirrored back to the plain picture's pixels.
        mask: N×1×H×W logits, likewise.
    """
    signs = [-1.0 if view.flip.across else 1.0, -1.0 if view.flip.down else 1.0] * 2
    flow = flow * flow.new_tensor(signs).view(1, 4, 1, 1)
    return (swap_ends(flow), -mask) if view.swapped else (flow, mask)


def averaged(motions: Sequence[tuple[Tensor, Tensor]], rule: str) -> tuple[Tensor, Tensor]:
    """Average the motion of several views: N×4 flow in pixels and the N×1 weight of picture 0.

    Args:
        motions: flow and mask logits of each view, the plain one first.
        rule: the weight is the `mean` of all views' weights, that of their mean `logit`, or the plain view's `own`.
    """
    flow = torch.stack([flow for flow, _ in motions]).mean(0)
    masks = torch.stack([mask for _, mask in motions])
    match rule:
        case "mean":
            return flow, masks.sigmoid().mean(0)
        case "logit":
            return flow, masks.mean(0).sigmoid()
        case _:
            return flow, masks[0].sigmoid()
