"""Source frames on the device, encoded once while they are cached, and the planes of companions."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from vsrife.detect.cuts import thumbnail
from vsrife.engine.cache_budget import budget_of
from vsrife.engine.exposure import encoded_light, exponent_of, exposed, find_peak
from vsrife.engine.picture import align_edges
from vsrife.engine.single_flight import SingleFlight
from vsrife.engine.transfer import upload
from vsrife.motion import cell_grid, mean_luma
from vsrife.tta import Flip, flipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from vsrife.engine.engine import Engine
    from vsrife.engine.picture import Colour, HostFrame, PictureFormat

    Planes = tuple[Tensor, ...]

__all__ = ["DeviceFrame", "FrameCache"]

CACHED = 2
"""Source frames cached for each frame that is worked on at once, and as many more."""
BYTES = 24
"""Approximate bytes per pixel of a cached source frame: planes, picture and features."""
FLIPS = 4
EXPOSURES = 2
"""Pictures of other exposures cached for each frame: those of the pairs on either side."""


class DeviceFrame:
    """A frame on the device.

    Args:
        planes: h×w each, in the clip's own values.
        colour: how they become RGB.
        rgb: 1×H×W×3, fp32: the RGB picture, its last row and column repeated up to the network's alignment.
        form: the clip's format.
        exponent: the picture is that of the planes divided by 2 to this power, see `vsrife.engine.exposure`.
    """

    def __init__(
        self, planes: tuple[Tensor, ...], colour: Colour, rgb: Tensor, form: PictureFormat, exponent: int = 0
    ) -> None:
        self.planes = planes
        self.colour = colour
        self.rgb = rgb
        self._family = form.family
        self.exponent = exponent
        self.picture = rgb.permute(0, 3, 1, 2)[..., : form.height, : form.width]
        self.encoded = SingleFlight[Flip, "Tensor"](FLIPS)
        self.luma = SingleFlight[None, "Tensor"](1)
        self.exposures = SingleFlight[int, DeviceFrame](EXPOSURES)

    @property
    def size(self) -> int:
        """Bytes of the frame and of what was computed from it."""
        return sum(plane.nbytes for plane in self.planes) + sum(
            tensor.nbytes
            for frame in (self, *self.exposures.values())
            for tensor in (frame.rgb, *frame.encoded.values(), *frame.luma.values())
        )

    @cached_property
    def peak(self) -> float:
        """The brightest part of the frame, see `vsrife.engine.exposure`."""
        return find_peak(self.planes, self._family, self.colour)

    @cached_property
    def thumbnail(self) -> Tensor:
        """The thumbnail that the scene change detector compares, on the device."""
        return thumbnail(self.picture)


class FrameCache:
    """The source frames of one clip that were used last.

    Args:
        engine: the network.
        form: the clip's format.
        scale: flow scale, which decides the alignment.
        band: rows that are encoded at a time where memory is short, and then fewer frames are cached; 0 for all.
        requests: frames that may be asked for at once. Each needs two source frames, of which its neighbours share one;
            they are all compared before the first of them is made.
    """

    def __init__(self, engine: Engine, form: PictureFormat, scale: float, band: int = 0, requests: int = 1) -> None:
        self._engine = engine
        self._form = form
        self._band = band
        self._align = engine.config.alignment(scale)
        self._cells = cell_grid(form.height, form.width)
        self._budget = budget_of(engine.device)
        within_budget = self._budget.limit // (form.height * form.width * BYTES)
        capacity = max(CACHED * (engine.executor.concurrency + 1), min(requests + CACHED, within_budget))
        self._capacity = CACHED if band else capacity
        self._frames = SingleFlight[int, DeviceFrame](self._capacity)
        self._planes: dict[int, SingleFlight[int, Planes]] = {}

    @property
    def size(self) -> int:
        """Bytes of all cached frames, and of planes of other clips."""
        others = (plane for clip in list(self._planes.values()) for planes in clip.values() for plane in planes)
        return sum(frame.size for frame in self._frames.values()) + sum(plane.nbytes for plane in others)

    def release(self) -> None:
        """Drop all that nobody is computing."""
        self._frames.release()
        for clip in list(self._planes.values()):
            clip.release()

    def get(self, frame: HostFrame) -> DeviceFrame:
        """A source frame on the device, uploaded once while it is cached."""
        self._budget.use(self)
        return self._frames.get(
            frame.number, lambda: self.on_device(upload(frame.planes, self._engine.device), frame.colour)
        )

    def planes(self, frame: HostFrame) -> Planes:
        """The planes of a companion's frame on the device, uploaded once while they are cached."""
        cached = self._planes.get(frame.clip)
        if cached is None:
            cached = self._planes.setdefault(frame.clip, SingleFlight(self._capacity))
        return cached.get(frame.number, lambda: upload(frame.planes, self._engine.device))

    def on_device(self, planes: tuple[Tensor, ...], colour: Colour, exponent: int = 0) -> DeviceFrame:
        """A frame of planes that are on the device already."""
        seen = exposed(planes, colour, exponent)
        rgb = self._engine.to_rgb(seen, self._form, colour, self._align)
        return DeviceFrame(planes, colour, encoded_light(rgb) if colour.is_linear else rgb, self._form, exponent)

    def get_pair(self, left: HostFrame, right: HostFrame) -> tuple[DeviceFrame, DeviceFrame]:
        """Two source frames on the device, with pictures of the same exposure, which the two decide."""
        first, last = self.get_all((left, right))
        return first, last

    def get_all(self, frames: Sequence[HostFrame]) -> list[DeviceFrame]:
        """Source frames on the device, with pictures of the same exposure, which they decide together."""
        # the last one first, as the frame before this one may be working on the others
        found = [self.get(frame) for frame in reversed(frames)][::-1]
        if not self._form.is_float:
            return found
        exponent = exponent_of(max(frame.peak for frame in found))
        return [self._exposed(frame, exponent) for frame in found]

    def _exposed(self, frame: DeviceFrame, exponent: int) -> DeviceFrame:
        if exponent == frame.exponent:
            return frame
        return frame.exposures.get(exponent, lambda: self.on_device(frame.planes, frame.colour, exponent))

    def encoded(self, frame: DeviceFrame, flip: Flip = Flip()) -> Tensor:  # noqa: B008 - it is frozen
        """The encoded picture of a frame, mirrored and padded to the network's alignment."""

        def encode() -> Tensor:
            if flip == Flip():
                return self._engine.estimator.encode(frame.rgb, self._band)
            mirrored = self.aligned(flipped(frame.picture, flip)).permute(0, 2, 3, 1)
            return self._engine.estimator.encode(mirrored, self._band)

        return frame.encoded.get(flip, encode)

    def luma(self, frame: DeviceFrame) -> Tensor:
        """Luma that the correction of a motion is found from, see `vsrife.motion.mean_luma`."""
        find = self._engine.kernels.mean_luma if self._engine.kernels else mean_luma
        return frame.luma.get(None, lambda: find(frame.rgb, self._cells))

    def aligned(self, picture: Tensor) -> Tensor:
        """An N×C×H×W picture or map, its last row and column repeated up to the network's alignment."""
        return align_edges(picture, self._align)
