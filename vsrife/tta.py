"""Ways to look at the same pair of pictures, and the mean of what was seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["TTA_VIEWS", "Flip", "View", "averaged", "flipped", "turned_back"]


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
TTA_VIEWS: dict[int, tuple[View, ...]] = {
    n: tuple(View(flip, swapped) for flip in _FLIPS for swapped in (False, True))[:n] for n in (1, 2, 4, 8)
}
"""Number of passes → the views, the plain one first."""


def flipped(picture: Tensor, flip: Flip) -> Tensor:
    """A mirrored N×C×H×W picture."""
    dims = [dim for dim, mirrored in ((-1, flip.across), (-2, flip.down)) if mirrored]
    return picture.flip(dims) if dims else picture


def turned_back(view: View, flow: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Flow (N×4) and mask logits (N×1) seen in a view, already in the plain picture's places, in its directions."""
    signs = [-1.0 if view.flip.across else 1.0, -1.0 if view.flip.down else 1.0] * 2
    flow = flow * flow.new_tensor(signs).view(1, 4, 1, 1)
    return (torch.cat((flow[:, 2:], flow[:, :2]), 1), -mask) if view.swapped else (flow, mask)


def averaged(seen: Sequence[tuple[Tensor, Tensor]], rule: str) -> tuple[Tensor, Tensor]:
    """Mean flow and the weight of picture 0, of flows and mask logits of which the plain view's come first.

    The weight is the `mean` of all views' weights, that of their mean `logit`, or the plain view's `own`.
    """
    flow = torch.stack([flow for flow, _ in seen]).mean(0)
    masks = torch.stack([mask for _, mask in seen])
    match rule:
        case "mean":
            return flow, masks.sigmoid().mean(0)
        case "logit":
            return flow, masks.mean(0).sigmoid()
        case _:
            return flow, masks[0].sigmoid()
