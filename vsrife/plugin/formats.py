"""How frames of a clip become arrays and colours that the engine understands."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import vapoursynth as vs

from vsrife.colour import MATRIX_NAMES, guessed_matrix
from vsrife.frame_properties import Properties, integer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from vsrife.engine import Colour, HostFrame, PictureFormat

__all__ = ["MOST_BITS", "FrameReader", "alike_alphas", "new_frame", "picture_format", "target_planes", "weights"]

FAMILIES: dict[int, Literal["gray", "rgb", "yuv"]] = {vs.GRAY: "gray", vs.RGB: "rgb", vs.YUV: "yuv"}
KNOWN_MATRICES = frozenset(MATRIX_NAMES.values())
UNSPECIFIED = 2
MOST_BITS = 16
"""Of integer samples: what exactly fits the floats that planes are blended in."""
LINEAR = 8
"""H.273's number of a linear transfer."""


def picture_format(clip: vs.VideoNode | vs.VideoFrame) -> PictureFormat:
    """The format of a clip or a frame in the engine's terms."""
    from vsrife.engine import PictureFormat

    return PictureFormat(
        family=FAMILIES[clip.format.color_family],
        bits=clip.format.bits_per_sample,
        is_float=clip.format.sample_type == vs.FLOAT,
        subsampling_w=clip.format.subsampling_w,
        subsampling_h=clip.format.subsampling_h,
        width=clip.width,
        height=clip.height,
    )


@dataclass(frozen=True)
class FrameReader:
    """Makes the engine's frames from those of one clip.

    Args:
        form: the clip's format.
        matrix: H.273 number that overrides the frames' own; None for theirs.
        log: takes a line about each assumption on a frame's colours.
        clip: tells the companions of a call apart, see `vsrife.engine.HostFrame`.
    """

    form: PictureFormat
    matrix: int | None
    log: Callable[[str], None] | None = None
    clip: int = 0

    def read(self, number: int, frame: vs.VideoFrame) -> HostFrame:
        """Frame `number` of the clip; its planes are read-only arrays over the frame's memory, valid while it lives."""
        from vsrife.engine import HostFrame

        planes = [np.asarray(frame[plane]) for plane in range(frame.format.num_planes)]
        if integer(frame.props, "_FieldBased") in (1, 2):
            self._log(
                "the frames are interlaced (_FieldBased is 1 or 2), which interpolation does not undo: deinterlace "
                "first, or remove the property where it is wrong"
            )
        return HostFrame(number, planes, self.colour(frame.props), self.clip)

    def colour(self, properties: Properties) -> Colour:
        """How a frame's samples become RGB.

        Range is `_Range` (H.273: 1 is full) before the older `_ColorRange` (0 is full); unspecified, it is full for RGB
        and limited for the rest. An unspecified or unknown matrix is guessed.
        """
        from vsrife.engine import Colour

        full = integer(properties, "_Range")
        if full not in (None, 0, 1):
            self._log(f"the frames say _Range {full}, which is neither 0 nor 1: limited is taken")
        if full is None:
            limited = integer(properties, "_ColorRange")
            full = None if limited is None else int(limited == 0)
        location = integer(properties, "_ChromaLocation")
        return Colour(
            matrix=self._matrix(properties) if self.matrix is None else self.matrix,
            full_range=self.form.family == "rgb" if full is None else full == 1,
            chroma_location=location if location is not None and 0 <= location <= 5 else 0,
            is_linear=integer(properties, "_Transfer") == LINEAR,
        )

    def _matrix(self, properties: Properties) -> int:
        stated = integer(properties, "_Matrix")
        if stated in (None, UNSPECIFIED):
            stated = integer(properties, "_ColorSpace")  # mpv's name for it
        if stated in KNOWN_MATRICES:
            return stated
        width, height = self.form.width, self.form.height
        guessed = guessed_matrix(width, height)
        if self.form.family == "yuv":
            lack = (
                "do not say their matrix"
                if stated in (None, UNSPECIFIED)
                else f"say matrix {stated}, which is not known here"
            )
            name = "709" if guessed == 1 else "601"
            self._log(f"the frames {lack}: {name} is assumed for {width}x{height}; if that is wrong, pass matrix=")
        return guessed

    def _log(self, line: str) -> None:
        if self.log:
            self.log(line)


def target_planes(form: PictureFormat, pointers: Sequence[int], strides: Sequence[int]) -> list[NDArray[Any]]:
    """Writable arrays over an output's planes, given by address and bytes a row."""
    planes = []
    for index, (pointer, stride) in enumerate(zip(pointers, strides, strict=True)):
        height, width = form.shape(index)
        memory = (ctypes.c_char * (stride * height)).from_address(pointer)
        rows = np.frombuffer(memory, dtype=form.dtype).reshape(height, stride // form.dtype.itemsize)
        planes.append(rows[:, :width])
    return planes


def alike_alphas(left: Properties, right: Properties) -> tuple[vs.VideoFrame, vs.VideoFrame] | None:
    """The alpha of two frames, GRAY frames; None where one lacks it, or they differ in format or size."""
    first, last = left.get("_Alpha"), right.get("_Alpha")
    if not isinstance(first, vs.VideoFrame) or not isinstance(last, vs.VideoFrame):
        return None
    form = first.format
    if form.color_family != vs.GRAY or (form.sample_type == vs.INTEGER and form.bits_per_sample > MOST_BITS):
        return None
    kinds = [(each.format.id, each.width, each.height) for each in (first, last)]
    return (first, last) if kinds[0] == kinds[1] else None


def new_frame(like: vs.VideoFrame) -> vs.VideoFrame:
    """A frame of the same format and size, to be written to."""
    return vs.core.create_video_frame(like.format, like.width, like.height)


def weights(frame: vs.VideoFrame) -> NDArray[np.float32]:
    """A GRAY frame as a map of 0..1, black to white in full range; NaN becomes 0."""
    plane = np.asarray(frame[0])
    if frame.format.sample_type == vs.INTEGER:
        return plane.astype(np.float32) / np.float32((1 << frame.format.bits_per_sample) - 1)
    return np.nan_to_num(plane.astype(np.float32), nan=0.0).clip(0, 1)
