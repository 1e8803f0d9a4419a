"""One opened source and its frames, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vsrife.colour import guessed_matrix
from vsrife.errors import ArgumentError, RifeError
from vsrife.footage.ahead import read_ahead
from vsrife.footage.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from fractions import Fraction
    from pathlib import Path

    import vapoursynth as vs
    from torch import Tensor

__all__ = ["Footage", "Frame", "first_line"]

FEWEST, SMALLEST = 2, 16
"""Frames, and pixels of a side."""
MATRICES = (1, 4, 5, 6, 7, 8, 9, 14)
"""H.273's, those that are read as they are."""
CONSTANT_LUMINANCE, NEXT_TO_IT = 10, 9
"""The one that cannot be read where the transfer is not known, and the one that is close enough to look at."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a source.

    Args:
        number: of the frame in its source.
        time: when it is shown, in seconds after the source's first frame, exact.
        rgb: uint8, 3×H×W, contiguous, full range.
        cut: whether a cut lies between the frame read before and this one, where the source's frames say so.
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
            got = f"{clip.width}x{clip.height}"
            raise ArgumentError(name, got, f"at least {SMALLEST}x{SMALLEST}")
        if matrix is not None and matrix not in MATRICES:
            known = ", ".join(map(str, MATRICES))
            raise ArgumentError("matrix", matrix, f"one of {known}")
        self.clip = clip
        self.name = name
        self.path = path
        self.width, self.height, self.length = clip.width, clip.height, clip.num_frames
        try:
            self._readable = clip if clip.format.color_family == vs.RGB else _with_matrix(clip, matrix)
            self._rgb(1).get_frame(0)
            self._clock = Clock(clip, name)
        except vs.Error as error:
            raise RifeError(f"{name} cannot be read as RGB ({first_line(error)})") from error

    def frames(
        self, start: int = 0, stop: int | None = None, step: int = 1, *, scale: Fraction | float = 1
    ) -> Iterator[Frame]:
        """Frames in order, made ahead by VapourSynth's threads.

        Args:
            start: the first one's number.
            stop: the number before which they end; None or more than there are for all.
            step: from one frame's number to the next.
            scale: of the pictures' sides, above 0 and at most 1; sides are rounded to even numbers.

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
        self._clock.start(numbers[-1] if numbers.step > 1 else numbers[0])  # what it must read, in one go
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
                yield Frame(number, start, torch.from_numpy(rgb), _cut(before, props, numbers.step))
                number, before = number + numbers.step, props
        except vs.Error as error:
            raise RifeError(f"{self.name} cannot be read at frame {number} ({first_line(error)})") from error

    def _rgb(self, scale: Fraction | float) -> vs.VideoNode:
        import vapoursynth as vs

        width, height = (max(2, 2 * round(side * scale / 2)) for side in (self.width, self.height))
        size = {} if scale == 1 else {"width": width, "height": height}
        clip: Any = self._readable
        rgb: vs.VideoNode = clip.resize.Bicubic(format=vs.RGB24, **size)
        return rgb


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its name; the last line of a traceback, which filters give."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    if not lines[0].startswith("Traceback "):
        return lines[0]
    return lines[-1].removeprefix(f"{RifeError.__module__}.{RifeError.__name__}: ")


def _with_matrix(clip: Any, matrix: int | None) -> vs.VideoNode:
    """The clip with a matrix that can be read on every frame, where the first one has none."""
    said = clip.get_frame(0).props.get("_Matrix")
    if matrix is None and said not in MATRICES:
        matrix = NEXT_TO_IT if said == CONSTANT_LUMINANCE else guessed_matrix(clip.width, clip.height)
    readable: vs.VideoNode = clip if matrix is None else clip.std.SetFrameProps(_Matrix=matrix)
    return readable


def _cut(left: Mapping[str, Any], right: Mapping[str, Any], step: int) -> bool | None:
    """What two frames say of a cut between them; that there is none, neighbours alone can say."""
    said = left.get("_SceneChangeNext"), right.get("_SceneChangePrev")
    if any(said):
        return True
    return None if said == (None, None) or step > 1 else False
