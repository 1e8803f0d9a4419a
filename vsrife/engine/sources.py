"""Source frames on the device, encoded once while they are kept."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from vsrife.engine.picture import rgb_view
from vsrife.engine.scenes import glance
from vsrife.views import Flip, flipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vsrife.engine.engine import Engine
    from vsrife.engine.picture import Colour, PictureFormat, Source

__all__ = ["Encoded", "SourceStore", "upload"]

KEPT = 4
"""Source frames kept encoded: the two of the pair at work and those of a neighbouring pair asked for out of order."""


@dataclass
class Encoded:
    """A frame on the device: its planes, its RGB view (not yet padded), and what the network sees of it, each flip."""

    planes: tuple[Tensor, ...]
    colour: Colour
    picture: Tensor
    looks: dict[Flip, Tensor] = field(default_factory=dict)

    @cached_property
    def glance(self) -> Tensor:
        """What the scene-change detector keeps of it."""
        return glance(self.picture)


def upload(planes: Sequence[NDArray[np.generic]], device: torch.device) -> tuple[Tensor, ...]:
    """Planes copied to a device as they are."""
    return tuple(torch.from_numpy(np.array(plane)).to(device) for plane in planes)


class SourceStore:
    """The last few source frames of one clip; used on the engine's own thread alone."""

    def __init__(self, engine: Engine, form: PictureFormat, scale: float) -> None:
        self._engine = engine
        self._form = form
        self._align = engine.config.alignment(scale)
        self._kept: OrderedDict[int, Encoded] = OrderedDict()

    def get(self, source: Source) -> Encoded:
        """A source frame, encoded once while it is kept."""
        kept = self._kept.get(source.number)
        if kept is None:
            planes = upload(source.planes, self._engine.device)
            kept = self._kept[source.number] = self.encode(planes, source.colour)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(source.number)
        return kept

    def encode(self, planes: tuple[Tensor, ...], colour: Colour) -> Encoded:
        """A frame made of planes that are on the device already."""
        return Encoded(planes, colour, rgb_view(planes, self._form, colour))

    def look(self, frame: Encoded, flip: Flip) -> Tensor:
        """What the network sees of a frame, mirrored and padded to its alignment."""
        if flip not in frame.looks:
            frame.looks[flip] = self._engine.look(self.aligned(flipped(frame.picture, flip)))
        return frame.looks[flip]

    def aligned(self, picture: Tensor) -> Tensor:
        """An N×C×H×W picture or map, its last rows and columns repeated up to the network's alignment."""
        border = (0, -self._form.width % self._align, 0, -self._form.height % self._align)
        return pad(picture, border, mode="replicate")
