"""A source of pictures: a clip of constant format and size, read as RGB frames with their times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vsrife.colour import guessed_matrix
from vsrife.detect import cut_between
from vsrife.errors import ArgumentError, RifeError, first_line, named
from vsrife.footage.ahead import read_ahead
from vsrife.footage.clock import Clock
from vsrife.networks.config import SMALLEST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction
    from pathlib import Path

    import vapoursynth as vs
    from torch import Tensor

__all__ = ["FEWEST", "Footage", "Frame", "even_size", "with_matrix"]

FEWEST = 2
"""Frames of a source, at least."""
MATRICES = (1, 4, 5, 6, 7, 8, 9, 14)
"""The H.273 matrices that are read as they are."""
CONSTANT_LUMINANCE, NON_CONSTANT_LUMINANCE = 10, 9
"""BT.2020's matrices. The first cannot be read without a known transfer; the second is close enough to look at."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a source.

    Args:
        number: of the frame in its source.
        time: when it is shown, in seconds after the source's first frame, exact.
        rgb: uint8, 3×H×W, contiguous, full range.
        cut: whether a cut lies between the frame read before and this one; None where the frames' marks leave it open.
    """

    number: int
    time: Fraction
    rgb: Tensor
    cut: bool | None = None


class Footage:
    """One source: a clip of constant format and size, read as RGB.

    Args:
        clip: any format.
        name: what messages call it.
        path: of its file or folder; None for a clip.
        matrix: H.273's number; None to take each frame's own, and BT.709 for HD and BT.601 below where they say none.

    Raises:
        RifeError: variable format or size, less than 2 frames or 16×16, no frame rate, a matrix that is not known, or
            frames that cannot be read as RGB.
    """

    def __init__(self, clip: vs.VideoNode, name: str, path: Path | None = None, matrix: int | None = None) -> None:
        import vapoursynth as vs

        if not clip.format or clip.format.color_family == vs.UNDEFINED or not clip.width or not clip.height:
            raise RifeError(f"{name} must have one format and size throughout, got a variable one")
        if clip.num_frames < FEWEST:
            raise ArgumentError(name, clip.num_frames, f"at least {FEWEST} frames", verb="have")
        if min(clip.width, clip.height) < SMALLEST:
            raise ArgumentError(name, f"{clip.width}x{clip.height}", f"at least {SMALLEST}x{SMALLEST}")
        if matrix is not None and matrix not in MATRICES:
            raise ArgumentError("matrix", matrix, f"one of {', '.join(map(str, MATRICES))}")
        self.clip = clip
        self.name = name
        self.path = path
        self.width, self.height, self.length = clip.width, clip.height, clip.num_frames
        try:
            self._readable: Any = with_matrix(clip, matrix)
            self._rgb(1).get_frame(0)
            self._clock = Clock(clip, name)
        except vs.Error as error:
            raise RifeError(f"{name} cannot be read as RGB ({first_line(error)})") from error

    @named("Footage.frames")
    def frames(
        self, start: int = 0, stop: int | None = None, step: int = 1, *, scale: Fraction | float = 1
    ) -> Iterator[Frame]:
        """Frames in order, made ahead by VapourSynth's threads.

        Args:
            start: number of the first frame.
            stop: number of the frame before which they end; None or more than there are for all.
            step: from one frame's number to the next.
            scale: factor of the pictures' sides, above 0 and at most 1; sides are rounded to even numbers.

        Raises:
            RifeError: an argument is outside these, or, while reading, a frame cannot be read.
        """
        if start < 0:
            raise ArgumentError("start", start, "at least 0")
        if step < 1:
            raise ArgumentError("step", step, "at least 1")
        if not 0 < scale <= 1:
            raise ArgumentError("scale", scale, "above 0 and at most 1")
        stop = self.length if stop is None else min(stop, self.length)
        return self._frames(range(start, stop, step), scale)

    def _frames(self, numbers: range, scale: Fraction | float) -> Iterator[Frame]:
        import torch
        import vapoursynth as vs

        if not numbers:
            return
        # this reads the frames before the first one where their durations must be added up, all in one go
        self._clock.start(numbers[-1] if numbers.step > 1 else numbers[0])
        end = self._clock.start(numbers[0])
        number, before = numbers[0], dict[str, Any]()
        try:
            for frame in read_ahead(self._rgb(scale), numbers):
                start = end if numbers.step == 1 else self._clock.start(number)
                end = self._clock.end(number, start, frame.props)
                rgb = np.empty((3, frame.height, frame.width), np.uint8)
                for plane in range(3):
                    np.copyto(rgb[plane], np.asarray(frame[plane]))
                props = dict(frame.props)
                cut = cut_between(before, props, neighbours=numbers.step == 1)
                yield Frame(number, start, torch.from_numpy(rgb), cut)
                number, before = number + numbers.step, props
        except vs.Error as error:
            raise RifeError(f"{self.name} cannot be read at frame {number} ({first_line(error)})") from error

    def _rgb(self, scale: Fraction | float) -> vs.VideoNode:
        import vapoursynth as vs

        width, height = (self.width, self.height) if scale == 1 else even_size(self.width, self.height, scale)
        rgb: vs.VideoNode = self._readable.resize.Bicubic(width, height, format=vs.RGB24)
        return rgb


def even_size(width: int, height: int, scale: Fraction | float) -> tuple[int, int]:
    """Width and height of a picture whose sides are multiplied by `scale`, rounded to even numbers of at least 2."""
    across, down = (max(2, 2 * round(side * scale / 2)) for side in (width, height))
    return across, down


def with_matrix(clip: Any, matrix: int | None = None) -> Any:
    """The clip with a given matrix, or with a guessed one where its first frame states none that can be read.

    An RGB clip stays as it is.
    """
    import vapoursynth as vs

    if clip.format.color_family == vs.RGB:
        return clip
    stated = clip.get_frame(0).props.get("_Matrix")
    if matrix is None and stated not in MATRICES:
        guessed = guessed_matrix(clip.width, clip.height)
        matrix = NON_CONSTANT_LUMINANCE if stated == CONSTANT_LUMINANCE else guessed
    return clip if matrix is None else clip.std.SetFrameProps(_Matrix=matrix)
