"""Source frames on the device, encoded once while they are kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from vsrife.detect.cuts import thumbnail
from vsrife.engine.picture import aligned
from vsrife.motion import cpu
from vsrife.tta import Flip, flipped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from vsrife.engine.engine import Engine
    from vsrife.engine.picture import Colour, HostFrame, PictureFormat

__all__ = ["Encoded", "SourceStore", "upload"]

KEPT = 2
"""Source frames kept encoded: as many for each frame that is worked on at once, and as many more."""


class Encoded:
    """A frame on the device: its planes, its RGB view, and what the network sees of it, each flip.

    Args:
        planes: h×w each, as they are.
        colour: how they are read.
        seen: the RGB view, its last rows and columns repeated up to the network's alignment: 1×H×W×3, fp32.
        form: the clip's format.
    """

    def __init__(self, planes: tuple[Tensor, ...], colour: Colour, seen: Tensor, form: PictureFormat) -> None:
        self.planes = planes
        self.colour = colour
        self._seen = seen  # held for the views of it, see `vsrife.engine.pool`
        self.aligned = seen.permute(0, 3, 1, 2)
        self.picture = self.aligned[..., : form.height, : form.width]
        self._looks: dict[Flip, Tensor] = {}
        self._lock = threading.Lock()

    def look(self, flip: Flip, make: Callable[[Encoded, Flip], Tensor]) -> Tensor:
        """What the network sees, made by the first who asks while the others wait."""
        with self._lock:
            if flip not in self._looks:
                self._looks[flip] = make(self, flip)
            return self._looks[flip]

    @cached_property
    def thumbnail(self) -> Tensor:
        """What the scene-change detector keeps of it."""
        return thumbnail(self.picture)


def upload(planes: Sequence[NDArray[np.generic]], device: torch.device) -> tuple[Tensor, ...]:
    """Planes copied to a device as they are."""
    return tuple(_copied(plane).to(device) for plane in planes)


def _copied(plane: NDArray[np.generic]) -> Tensor:
    sample = torch.from_numpy(np.empty(0, plane.dtype)).dtype
    height, width = plane.shape
    copy = cpu.with_slack(height, width, sample)
    np.copyto(copy.numpy(), plane)
    return copy


class SourceStore:
    """The last few source frames of one clip, fewer where memory is short (`band`, see `vsrife.engine.bands`)."""

    def __init__(self, engine: Engine, form: PictureFormat, scale: float, band: int = 0) -> None:
        self._engine = engine
        self._form = form
        self._band = band
        self._align = engine.config.alignment(scale)
        self._kept: OrderedDict[int, _Once] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, source: HostFrame) -> Encoded:
        """A source frame, encoded once while it is kept: by the first who asks while the others wait."""
        with self._lock:
            once = self._kept.setdefault(source.number, _Once())
            self._kept.move_to_end(source.number)
            while len(self._kept) > (KEPT * (self._engine.slot.lanes + 1) if not self._band else KEPT):
                self._kept.popitem(last=False)
        with once.lock:
            if once.frame is None:
                once.frame = self.encode(upload(source.planes, self._engine.device), source.colour)
            return once.frame

    def release(self) -> None:
        """Give up the frames that nobody is encoding; who works on one holds it."""
        with self._lock:
            self._kept = OrderedDict((number, once) for number, once in self._kept.items() if once.lock.locked())

    def encode(self, planes: tuple[Tensor, ...], colour: Colour) -> Encoded:
        """A frame made of planes that are on the device already."""
        return Encoded(planes, colour, self._engine.view(planes, self._form, colour, self._align), self._form)

    def look(self, frame: Encoded, flip: Flip) -> Tensor:
        """What the network sees of a frame, mirrored and padded to its alignment."""
        return frame.look(flip, self._look)

    def _look(self, frame: Encoded, flip: Flip) -> Tensor:
        plain = flip == Flip()
        return self._engine.look(frame.aligned if plain else self.aligned(flipped(frame.picture, flip)), self._band)

    def aligned(self, picture: Tensor) -> Tensor:
        """An N×C×H×W picture or map, its last rows and columns repeated up to the network's alignment."""
        return aligned(picture, self._align)


class _Once:
    """A frame that one thread encodes."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.frame: Encoded | None = None
