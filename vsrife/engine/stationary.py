"""Things that stand still before what moves: captions, logos, scores; found in two frames and taken out of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d, pad

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsrife.engine.picture import PictureFormat

__all__ = ["fill", "find_stationary", "grow"]

NOISE = 5.0
"""Codes of 8 bits by which a pixel that stands still differs at most, as compressed ones do."""
LOOSE = 8.0
"""By how many times the mean change of what stands still a pixel among it may differ: codecs are careless there."""
STEP = 60.0
"""Codes between two neighbouring pixels from which on they are an edge, as letters have them."""
CELL = 4
"""Pixels in either direction of the cells in which edges and changes are counted."""
SHARE = 0.5
"""Of the edges around a cell, how many stand still where a thing does."""
CHANGED = 0.25
"""Of the pixels of a cell, how many change where the picture moves."""
FAST = 1.0
"""The mean change of a cell over its mean slope, which is about the motion in pixels, where the picture moves."""
NEAR = 12
"""The surroundings of a cell reach this part of the picture's height to every side."""
ALONE = 3
"""Cells of 5×5 that a thing has at least."""
MOVING = 0.3
"""Of the surroundings beside a thing, how much moves."""
TIMES = 3
"""As many cells move as the things have, times this, where the camera moves and not only what is before it."""
SPREAD = 4
"""How many times as far as its surroundings a thing goes on from where it is sure."""
MIXED = 64.0
"""Codes by which a pixel differs that is no part of the thing beside it."""
REACH = 3
"""Pixels to either side of an edge that belong to the thing, where they stand still."""


def find_stationary(first: Sequence[Tensor], last: Sequence[Tensor], form: PictureFormat) -> Tensor | None:
    """Where two frames show a thing that stands still while the picture around it moves; None where they show none.

    What counts are edges in both directions, as letters have them, that are the same in both frames, while most of
    what lies around them and is no such edge has changed. A background that stands still has surroundings of its own
    kind, and what moves has edges that do not stay; so both are left alone.

    Args:
        first: planes of a frame, h×w each; of YUV, luma is looked at alone.
        last: planes of the other frame.
        form: their format.

    Returns:
        1×1×h×w, fp32: 1 where a thing is and both frames are alike, less on its rim, else 0.
    """
    code = 255.0 if form.is_float else 0.5 ** (form.bits - 8)
    count = 3 if form.family == "rgb" else 1
    a, b = (torch.stack([plane.float() for plane in planes[:count]])[None] * code for planes in (first, last))
    change = (a - b).abs().amax(1, keepdim=True)
    across, down = (_edges(a, b, change <= NOISE, dim) for dim in (3, 2))
    still_x, still_y = (_grown(_most(still)) for still, _ in (across, down))
    corner = still_x * still_y
    if not bool(corner.any()):
        return None
    still, moved = (avg_pool2d(_mean(x + y), 3, 1, 1) for x, y in zip(across, down, strict=True))
    edges = _most(torch.maximum(across[0], down[0]))
    thing = edges * corner * (still >= SHARE * (still + moved))
    thing = thing * (avg_pool2d(thing, 5, 1, 2) * 25 >= ALONE)
    body = _grown(thing)
    changed = (_mean((change > 2 * NOISE).float()) >= CHANGED) * (_mean(change) >= FAST * _mean(_slope(a))) * (1 - body)
    near = max(2, form.height // NEAR // CELL)
    of_things, of_changes = (avg_pool2d(x, 2 * near + 1, 1, near, count_include_pad=False) for x in (body, changed))
    thing = thing * (of_changes >= MOVING * (1 - of_things))
    if not bool(thing.any()) or changed.sum() < TIMES * body.sum():
        return None
    # from where a thing is sure to the rest of it: fainter edges, and what it has of one colour
    rest = torch.maximum(edges, (_most(change) <= NOISE).float())
    for _ in range(SPREAD * near):
        thing = torch.maximum(thing, _grown(thing) * rest)
    whole, body = (_pixels(cells, form) for cells in (thing * (_most(change) <= NOISE), _grown(thing)))
    mask = grow(torch.maximum(across[0], down[0]) * body, REACH)
    mask = 1 - grow(1 - grow(mask, REACH), REACH)
    sure = mask * (change <= NOISE)
    noise = (LOOSE * (change * sure).sum() / sure.sum().clamp(min=1)).clamp(NOISE, MIXED / 2)
    mask = mask * (change <= noise)
    for _ in range(CELL):  # up to the border of what is of one colour
        whole = grow(whole, 1) * (change <= NOISE)
    mask = torch.maximum(mask, whole)
    return torch.maximum(mask, grow(mask, 1) * (1 - (change - noise) / MIXED).clamp(0, 1))


def grow(mask: Tensor, reach: int) -> Tensor:
    """A mask grown by so many pixels to all sides."""
    return max_pool2d(mask, 2 * reach + 1, 1, reach)


def fill(planes: Sequence[Tensor], holes: Sequence[Tensor]) -> list[Tensor]:
    """Planes whose holes are filled from around them: means of ever larger surroundings (pull-push).

    Args:
        planes: h×w each.
        holes: h×w each, whether a sample is in a hole.

    Returns:
        h×w each, fp32.
    """
    values = [torch.where(hole, 0, plane.float())[None, None] for plane, hole in zip(planes, holes, strict=True)]
    known = [(~hole).float()[None, None] for hole in holes]
    return [_filled(value, weight)[0, 0] for value, weight in zip(values, known, strict=True)]


def _filled(plane: Tensor, weight: Tensor) -> Tensor:
    """A plane, 1×1×h×w, whose samples of weight 0 are filled; the others have weight 1."""
    height, width = plane.shape[-2:]
    if max(height, width) == 1 or bool((weight > 0).all()):
        return plane
    sums = avg_pool2d(pad(torch.cat((plane * weight, weight), 1), (0, width % 2, 0, height % 2)), 2)
    known = sums[:, 1:]
    means = torch.where(known > 0, sums[:, :1] / known.clamp(min=1e-6), 0)
    coarse = _filled(means, (known > 0).float())
    wide = interpolate(coarse, scale_factor=2, mode="bilinear")[..., :height, :width]
    return torch.where(weight > 0, plane, wide)


def _edges(a: Tensor, b: Tensor, equal: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Edges along a dimension that stand still and those that do not, 1×1×h×w each."""
    size = a.shape[dim] - 1
    steps = [(x.narrow(dim, 1, size) - x.narrow(dim, 0, size)).abs().amax(1, keepdim=True) >= STEP for x in (a, b)]
    # one side is enough: letters without an outline have the moving picture on the other
    stays = steps[0] & steps[1] & (equal.narrow(dim, 1, size) | equal.narrow(dim, 0, size))
    ends = (0, 1) if dim == 3 else (0, 0, 0, 1)
    still, moved = (pad(kind.float(), ends) for kind in (stays, (steps[0] | steps[1]) & ~stays))
    return still, moved


def _slope(picture: Tensor) -> Tensor:
    """Differences to the next pixel to the right and below, added: N×C×h×w to the largest of the channels, 1×1×h×w."""
    right, below = (pad(picture.diff(dim=dim).abs(), ends) for dim, ends in ((3, (0, 1)), (2, (0, 0, 0, 1))))
    return (right + below).amax(1, keepdim=True)


def _most(pixels: Tensor) -> Tensor:
    """The largest value in each cell."""
    return max_pool2d(pixels, CELL, ceil_mode=True)


def _mean(pixels: Tensor) -> Tensor:
    return avg_pool2d(pixels, CELL, ceil_mode=True)


def _grown(cells: Tensor) -> Tensor:
    return grow(cells, 1)


def _pixels(cells: Tensor, form: PictureFormat) -> Tensor:
    return interpolate(cells, scale_factor=CELL)[..., : form.height, : form.width]
