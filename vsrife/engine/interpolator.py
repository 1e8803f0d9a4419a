"""The frames between frames, for one clip."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from vsrife.engine.picture import Source, chroma_sites, plane_differences, rgb_view
from vsrife.motion import MeanMotion, Sites, synthesise
from vsrife.networks import TIME_STEP
from vsrife.views import PASSES, Flip, View, flipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vsrife.engine.engine import Engine
    from vsrife.engine.picture import Colour, PictureFormat
    from vsrife.motion import Blend

__all__ = ["Interpolator", "Options"]

KEPT_SOURCES = 4
"""Source frames kept encoded: the two of the pair at work and those of a neighbouring pair asked for out of order."""


@dataclass(frozen=True)
class Options:
    """How motion is estimated.

    Args:
        scale: flow scale.
        ensemble: 0 for one plain pass, 1 for the ensemble published inside the network, or the number of passes, 2, 4
            or 8, whose motion is averaged.
        mask: which mask several passes are blended with, see `vsrife.motion.MeanMotion`.
    """

    scale: float = 1
    ensemble: int = 0
    mask: str = "own"


@dataclass(frozen=True)
class _Encoded:
    """A frame on the device: its planes, its RGB view (not yet padded), and what the network sees of it, each flip."""

    planes: tuple[Tensor, ...]
    picture: Tensor
    looks: dict[Flip, Tensor] = field(default_factory=dict)


class Interpolator:
    """Makes frames of one format between frames of one clip.

    Args:
        engine: the network; shared.
        form: the clip's format.
        options: how motion is estimated.
    """

    def __init__(self, engine: Engine, form: PictureFormat, options: Options) -> None:
        self._engine = engine
        self._form = form
        self._options = options
        self._sources: OrderedDict[int, _Encoded] = OrderedDict()

    def render(self, left: Source, right: Source, timestep: float, target: Sequence[NDArray[np.generic]]) -> None:
        """Fill `target`, arrays like a source's planes, with the frame at `timestep` between two source frames.

        The caller's thread waits; the work is done on the engine's own. The result depends on the arguments alone.
        """
        self._engine.slot.run(lambda: self._render(left, right, timestep, target))

    @torch.inference_mode()
    def _render(self, left: Source, right: Source, timestep: float, target: Sequence[NDArray[np.generic]]) -> None:
        ends = self._source(left), self._source(right)
        make = self._between if self._engine.any_time else self._halved
        for plane, array in zip(make(*ends, timestep, left.colour), target, strict=True):
            self._store(plane, array)

    def _between(self, first: _Encoded, last: _Encoded, timestep: float, colour: Colour) -> list[Tensor]:
        """The planes (h×w, fp32) of the frame at `timestep` between two."""
        motion, residual = self._motion(first, last, timestep)
        made: list[Tensor] = []
        for sites, count in self._plane_groups(colour.chroma_location):
            group = slice(len(made), len(made) + count)
            made += synthesise(_stack(first.planes[group]), _stack(last.planes[group]), motion, sites)[0]
        if residual is None:
            return made
        added = plane_differences(residual, self._form, colour)
        return [plane + difference for plane, difference in zip(made, added, strict=True)]

    def _halved(self, first: _Encoded, last: _Encoded, timestep: float, colour: Colour) -> list[Tensor]:
        """The same with a network that only finds the middle: halve the interval around the time, to `TIME_STEP`."""
        timestep = round(timestep / TIME_STEP) * TIME_STEP
        width = 1.0
        while 0 < timestep < width:
            width /= 2
            middle = self._encode(tuple(self._between(first, last, 0.5, colour)), colour)
            if timestep < width:
                last = middle
            else:
                first, timestep = middle, timestep - width
        return [plane.float() for plane in (last if timestep else first).planes]

    def _motion(self, first: _Encoded, last: _Encoded, timestep: float) -> tuple[Blend, Tensor | None]:
        """Motion between two frames, and what a refining network adds to the picture (cropped, RGB)."""
        options = self._options
        if options.ensemble < 2:
            look0, look1 = self._look(first, Flip()), self._look(last, Flip())
            motion, residual = self._engine.motion(
                look0, look1, timestep, options.scale, ensemble=options.ensemble == 1
            )
            return motion, None if residual is None else residual[..., : self._form.height, : self._form.width]
        seen = []
        residuals = []
        for flip in dict.fromkeys(view.flip for view in PASSES[options.ensemble]):
            pair = self._engine.both_ways(self._look(first, flip), self._look(last, flip), timestep, options.scale)
            for swapped, (motion, residual) in enumerate(pair):
                seen.append((View(flip, bool(swapped)), motion))
                if residual is not None:
                    residuals.append(flipped(residual[..., : self._form.height, : self._form.width], flip))
        mean = MeanMotion(tuple(seen), self._form.height, self._form.width, options.mask)
        return mean, torch.stack(residuals).mean(0) if residuals else None

    def _look(self, frame: _Encoded, flip: Flip) -> Tensor:
        """What the network sees of a frame, mirrored and padded to its alignment."""
        if flip not in frame.looks:
            align = self._engine.config.alignment(self._options.scale)
            border = (0, -self._form.width % align, 0, -self._form.height % align)
            frame.looks[flip] = self._engine.look(pad(flipped(frame.picture, flip), border, mode="replicate"))
        return frame.looks[flip]

    def _plane_groups(self, chroma_location: int) -> list[tuple[Sites, int]]:
        """Planes that share their sites, in order: where they lie and how many they are."""
        full = Sites(self._form.height, self._form.width)
        if self._form.subsampled:
            return [(full, 1), (chroma_sites(self._form, chroma_location), 2)]
        return [(full, self._form.planes)]

    def _source(self, source: Source) -> _Encoded:
        """A source frame, encoded once while it is kept."""
        kept = self._sources.get(source.number)
        if kept is None:
            planes = tuple(torch.from_numpy(np.array(plane)).to(self._engine.device) for plane in source.planes)
            kept = self._sources[source.number] = self._encode(planes, source.colour)
            while len(self._sources) > KEPT_SOURCES:
                self._sources.popitem(last=False)
        self._sources.move_to_end(source.number)
        return kept

    def _encode(self, planes: tuple[Tensor, ...], colour: Colour) -> _Encoded:
        return _Encoded(planes, rgb_view(planes, self._form, colour))

    def _store(self, plane: Tensor, array: NDArray[np.generic]) -> None:
        """Round and clip to the format's integers, or keep every value of its floats, and copy to host memory."""
        if not self._form.is_float:
            plane = plane.round().clamp_(0, (1 << self._form.bits) - 1)
        np.copyto(array, plane.cpu().numpy(), casting="unsafe")


def _stack(planes: Sequence[Tensor]) -> Tensor:
    return torch.stack([plane.float() for plane in planes]).unsqueeze(0)
