"""The frames between frames, for one clip."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from vsrife.engine.picture import Source, chroma_sites, rgb_view
from vsrife.motion import Sites, synthesise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vsrife.engine.engine import Engine
    from vsrife.engine.picture import PictureFormat

__all__ = ["Interpolator"]

KEPT_SOURCES = 4
"""Source frames kept encoded: the two of the pair at work and those of a neighbouring pair asked for out of order."""


@dataclass(frozen=True)
class _Encoded:
    """A source frame on the device: its planes in their own dtype and what the network sees of it."""

    planes: tuple[Tensor, ...]
    look: Tensor


class Interpolator:
    """Makes frames of one format between frames of one clip.

    Args:
        engine: the network; shared.
        form: the clip's format.
        scale: flow scale.
    """

    def __init__(self, engine: Engine, form: PictureFormat, scale: float) -> None:
        self._engine = engine
        self._form = form
        self._scale = scale
        self._sources: OrderedDict[int, _Encoded] = OrderedDict()

    def render(self, left: Source, right: Source, timestep: float, target: Sequence[NDArray[np.generic]]) -> None:
        """Fill `target`, arrays like a source's planes, with the frame at `timestep` between two source frames.

        The caller's thread waits; the work is done on the engine's own. The result depends on the arguments alone.
        """
        self._engine.slot.run(lambda: self._render(left, right, timestep, target))

    @torch.inference_mode()
    def _render(self, left: Source, right: Source, timestep: float, target: Sequence[NDArray[np.generic]]) -> None:
        encoded0, encoded1 = self._encode(left), self._encode(right)
        motion = self._engine.motion(encoded0.look, encoded1.look, timestep, self._scale)
        start = 0
        for sites, count in self._plane_groups(left.colour.chroma_location):
            group = slice(start, start + count)
            made = synthesise(_stack(encoded0.planes[group]), _stack(encoded1.planes[group]), motion, sites)[0]
            for plane, array in zip(made, target[group], strict=True):
                self._store(plane, array)
            start += count

    def _plane_groups(self, chroma_location: int) -> list[tuple[Sites, int]]:
        """Planes that share their sites, in order: where they lie and how many they are."""
        full = Sites(self._form.height, self._form.width)
        if self._form.subsampled:
            return [(full, 1), (chroma_sites(self._form, chroma_location), 2)]
        return [(full, self._form.planes)]

    def _encode(self, source: Source) -> _Encoded:
        kept = self._sources.get(source.number)
        if kept is not None:
            self._sources.move_to_end(source.number)
            return kept
        planes = tuple(_tensor(array).to(self._engine.device) for array in source.planes)
        picture = rgb_view(planes, self._form, source.colour)
        align = self._engine.config.alignment(self._scale)
        picture = pad(picture, (0, -self._form.width % align, 0, -self._form.height % align), mode="replicate")
        encoded = _Encoded(planes, self._engine.look(picture))
        self._sources[source.number] = encoded
        while len(self._sources) > KEPT_SOURCES:
            self._sources.popitem(last=False)
        return encoded

    def _store(self, plane: Tensor, array: NDArray[np.generic]) -> None:
        """Round and clip to the format's integers, or keep every value of its floats, and copy to host memory."""
        if not self._form.is_float:
            plane = plane.round_().clamp_(0, (1 << self._form.bits) - 1)
        np.copyto(array, plane.cpu().numpy(), casting="unsafe")


def _tensor(array: NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(np.array(array))


def _stack(planes: Sequence[Tensor]) -> Tensor:
    return torch.stack([plane.float() for plane in planes]).unsqueeze(0)
