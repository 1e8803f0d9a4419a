"""Pairs of frames without the things that stand still in them, and frames with those things put back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from vsrife.engine.compose import at_grid, composite, crossfade, warp_blend
from vsrife.engine.stationary import fill, grow
from vsrife.motion import CorrectedMotion

if TYPE_CHECKING:
    from torch import Tensor

    from vsrife.engine.compose import PlanePair
    from vsrife.engine.frame_cache import DeviceFrame, FrameCache
    from vsrife.motion import Blend, Kernels

__all__ = ["Held", "hold"]

KNOWN = 0.25
"""Share of a blended pixel that comes from beside a thing from which on the rest is left out of it."""
WHOLE = 0.999
"""That share where nothing of a thing is in a pixel, but for rounding."""
RIM = 1
"""Pixels around a thing that a codec or a resize may have mixed with it."""


@dataclass(frozen=True, eq=False)
class Held:
    """What stands still in a pair of frames, and the frames without it.

    Args:
        mask: 1×1×H×W of the picture, 1 where a thing is.
        first: the frame at time 0 with the things filled in from around them; motion is estimated between the two.
        last: the frame at time 1.
    """

    mask: Tensor
    first: DeviceFrame
    last: DeviceFrame

    def warp_blend(self, pair: PlanePair, motion: Blend, kernels: Kernels | None, band: int) -> list[Tensor]:
        """`vsrife.engine.compose.warp_blend` of what is behind the things, as far as either frame shows it."""
        holes = _holes(self.mask, pair)
        first, last = (
            [torch.where(hole, 0, plane.float()) for hole, plane in zip(holes, planes, strict=True)]
            for planes in (pair.first, pair.last)
        )
        known = tuple((~hole).float() for hole in holes)
        linear = _linear(motion)
        seen = warp_blend(replace(pair, first=tuple(first), last=tuple(last)), linear, kernels, band)
        share = warp_blend(replace(pair, first=known, last=known), linear, kernels, band)
        whole = warp_blend(_filled(pair, holes), motion, kernels, band)
        return [
            torch.where((part > WHOLE) | (part < KNOWN), plane, shown / part.clamp(min=KNOWN))
            for plane, shown, part in zip(whole, seen, share, strict=True)
        ]

    def put_back(self, planes: list[Tensor], pair: PlanePair, timestep: Tensor) -> list[Tensor]:
        """Planes with the things over them, which are alike in both frames."""
        return composite(planes, replace(pair, first=tuple(crossfade(pair, timestep))), self.mask)


def hold(mask: Tensor, left: DeviceFrame, right: DeviceFrame, pair: PlanePair, frames: FrameCache) -> Held:
    """The pair of frames without the things of a mask."""
    filled = _filled(pair, _holes(mask, pair))
    ends = zip((filled.first, filled.last), (left, right), strict=True)
    return Held(mask, *(frames.on_device(planes, frame.colour, frame.exponent) for planes, frame in ends))


def _linear(motion: Blend) -> Blend:
    """A motion along which planes are sampled by a linear kernel, so that shares of holes can be divided out."""
    if not isinstance(motion, CorrectedMotion):
        return motion
    stored = motion.correction.stored.clone()
    stored[..., 7] = 0
    return replace(motion, correction=replace(motion.correction, stored=stored))


def _holes(mask: Tensor, pair: PlanePair) -> list[Tensor]:
    """Where each plane shows a thing or its rim, h×w."""
    grown = grow((mask >= 1).float(), RIM)
    return [at_grid(grown, grid, largest=True)[0, 0] > 0 for grid, group in pair.groups() for _ in pair.first[group]]


def _filled(pair: PlanePair, holes: list[Tensor]) -> PlanePair:
    return replace(pair, first=tuple(fill(pair.first, holes)), last=tuple(fill(pair.last, holes)))
