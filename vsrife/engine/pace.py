"""Things that are drawn anew only every other or third frame: where they are, so that each is shown at its own pace."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import avg_pool2d, pad

from vsrife.engine.stationary import fill, grow
from vsrife.motion import CELL, PackedMap, shift_in_time
from vsrife.motion.reference import sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from vsrife.motion import SampleGrid

__all__ = ["LONGEST", "find_drawings", "find_things", "laid_over", "share_of_things"]

LONGEST = 3
"""Frames for which a thing is held at most: on threes."""
CODE = 1 / 255
SAME = 2.0 * CODE
"""Mean change of luma around a place up to which it shows the same drawing."""
OTHER = 4.0 * CODE
"""The same from which on it shows another one."""
SHORTEST = 1.0
"""Pixels of motion from one drawing to the next from which on a thing moves."""
BLOCK = 8
"""Side in pixels of the blocks that are compared before any motion is estimated."""
BLOCKS = 3
"""As many of them are held where a thing may be."""
NEAR, NEAR_BLOCKS = 15, 2
"""Cells, or blocks, to each side that are the surroundings of a place."""
RIM = 6
"""Cells along the rim of a thing, where what moves behind it keeps it from being found."""
RADIUS = 2
"""Cells to each side over which changes are averaged."""


def find_drawings(lumas: Sequence[Tensor], at: int) -> list[tuple[int, int]]:
    """Runs of frames in which something may be held, by the changes of blocks from frame to frame.

    Args:
        lumas: of successive frames of one shot, see `vsrife.motion.mean_luma`.
        at: the frame at or before the moment that is wanted; the next one follows in `lumas`.

    Returns:
        The first frames of a drawing and of the next one, `LONGEST` apart at most, before and after the moment.
    """
    changes = [avg_pool2d((a - b).abs(), BLOCK, ceil_mode=True) for a, b in pairwise(lumas)]
    found = []
    for length in range(LONGEST, 1, -1):
        for first in range(max(0, at - length + 1), min(at, len(lumas) - 1 - length) + 1):
            last = first + length
            change = torch.stack(changes[first : last - 1]).amax(0)
            held = (change < SAME) & (changes[last - 1] > OTHER)
            if first:
                held &= changes[first - 1] > OTHER
            held &= _most_near(held, change > OTHER, NEAR_BLOCKS)
            if int(held.sum()) >= BLOCKS:
                found.append((first, last))
    return found


def find_things(lumas: Sequence[Tensor], first: int, last: int, straight: Tensor) -> tuple[Tensor, Tensor] | None:
    """Where things are that are held from one frame until another; None where nothing is.

    A thing shows no change where it stands, while it would if it moved evenly to where the other frame has it, and it
    is there in that frame. It is held in the frames before or after the run, too, and what else moves nearby is not
    more than twice as large. Where there is no detail to tell, the surroundings decide.

    Args:
        lumas: of successive frames of one shot, two before the first and one after the last where there are.
        first: index of the first frame that shows a drawing.
        last: that of the first frame that shows the next one.
        straight: 1×2×h×w at cells: motion from the first to the last at the middle, in picture pixels.

    Returns:
        1×1×h×w at cells, 0..1: in the first frame and in the last.
    """
    _, motion = shift_in_time(straight, straight, 0.5, 0)
    still, steps = torch.zeros_like(motion), last - first
    drawn = _at(lumas[first], still)
    held, even = torch.zeros_like(drawn), torch.full_like(drawn, torch.inf)
    for step in range(1, steps):
        between = lumas[first + step]
        held = torch.maximum(held, _mean((_at(between, still) - drawn).abs()))
        even = torch.minimum(even, _mean((_at(between, motion * (step / steps)) - drawn).abs()))
    moves = motion.square().sum(1, keepdim=True) >= SHORTEST**2
    thing = moves & (held < SAME) & (even > OTHER) & (even > 2 * held)
    onward, stays = (_mean((_at(lumas[last], flow) - drawn).abs()) for flow in (motion, still))
    thing &= 2 * onward < stays
    if first:
        thing &= _mean((_at(lumas[first - 1], still) - drawn).abs()) > OTHER
    again = [(last, last + 1, motion)] if last + 1 < len(lumas) else []
    again += [(first - 2, first - 1, -motion)] if first > 1 else []
    if not again:
        return None
    changes = [_mean((_at(lumas[a], flow) - _at(lumas[b], flow)).abs()) for a, b, flow in again]
    thing &= torch.stack(changes).amin(0) < SAME
    thing &= _most_near(thing, moves & (held > OTHER), NEAR)
    if not bool(thing.any()):
        return None
    detail = _mean((drawn - _mean(drawn)).abs()) > OTHER
    plain = ~thing & ~detail & (held < SAME)
    (share,) = fill([thing[0, 0].float()], [plain[0, 0]])
    share = grow(_mean(share[None, None]), RIM)
    _, motion = shift_in_time(straight, straight, 0.5, 1)
    return share, _look_up(share, -motion)


def share_of_things(things: tuple[Tensor, Tensor], parts: Sequence[tuple[Tensor, int]]) -> Tensor:
    """How much of a frame at a moment is of things, at cells: 1×1×h×w.

    Args:
        things: see `find_things`.
        parts: flow in picture pixels, 1×2×h×w, to a frame in which the things are as in the first (0) or the last (1).
    """
    share = torch.stack([_look_up(things[end], flow) for flow, end in parts]).amax(0)
    return _mean(grow((2 * share - 0.5).clamp(0, 1), RADIUS))


def laid_over(planes: list[Tensor], above: list[Tensor], share: Tensor, grids: Sequence[SampleGrid]) -> list[Tensor]:
    """Planes with others over them where things are.

    Args:
        planes: h×w each, fp32.
        above: the same sizes.
        share: 1×1×h×w at cells, 0..1, see `share_of_things`.
        grids: each plane's.
    """
    out = []
    for plane, other, grid in zip(planes, above, grids, strict=True):
        weight = PackedMap(share.permute(0, 2, 3, 1), 1, CELL).at(*grid.coordinates(share.device))[0, 0]
        out.append(torch.where(weight > 0, torch.lerp(plane, other, weight), plane))
    return out


def _at(luma: Tensor, flow: Tensor) -> Tensor:
    """Luma at the cells that a flow in picture pixels leads to."""
    height, width = flow.shape[-2:]
    ys, xs = (torch.arange(size, dtype=flow.dtype, device=flow.device) * CELL for size in (height, width))
    return sample(luma, ys.view(1, -1, 1) + flow[:, 1], xs.view(1, 1, -1) + flow[:, 0])


def _look_up(cells: Tensor, flow: Tensor) -> Tensor:
    """Values at cells, at those that a flow in picture pixels leads to."""
    height, width = flow.shape[-2:]
    ys, xs = (torch.arange(size, dtype=flow.dtype, device=flow.device) for size in (height, width))
    return sample(cells, ys.view(1, -1, 1) + flow[:, 1] / CELL, xs.view(1, 1, -1) + flow[:, 0] / CELL)


def _most_near(held: Tensor, moves: Tensor, reach: int) -> Tensor:
    """Where enough of what changes in the surroundings is held: what moves there is a reason for other changes."""
    share, others = (avg_pool2d(x.float(), 2 * reach + 1, 1, reach, count_include_pad=False) for x in (held, moves))
    return 2 * share > others


def _mean(cells: Tensor) -> Tensor:
    return avg_pool2d(pad(cells, (RADIUS,) * 4, mode="replicate"), 2 * RADIUS + 1, stride=1)
