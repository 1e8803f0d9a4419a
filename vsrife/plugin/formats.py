"""Which clips are taken, and how their frames become arrays."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import vapoursynth as vs

from vsrife.errors import RifeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vsrife.engine import PictureFormat

__all__ = ["check_clip", "picture_format", "source_planes", "target_planes"]

SMALLEST = 16
FAMILIES: dict[int, Literal["gray", "rgb", "yuv"]] = {vs.GRAY: "gray", vs.RGB: "rgb", vs.YUV: "yuv"}


def check_clip(clip: vs.VideoNode) -> None:
    """Refuse what cannot be interpolated.

    Raises:
        RifeError: variable format or size, sides under 16, integers of more than 16 bits.
    """
    if not clip.format or clip.format.color_family == vs.UNDEFINED or not clip.width or not clip.height:
        raise RifeError("RIFE: clip must have one format and size throughout, got a variable one")
    if min(clip.width, clip.height) < SMALLEST:
        raise RifeError(f"RIFE: clip must be at least 16x16, got {clip.width}x{clip.height}")
    if clip.format.sample_type == vs.INTEGER and clip.format.bits_per_sample > 16:
        raise RifeError(
            f"RIFE: clip must have at most 16 bits a sample or be float, got {clip.format.name}: "
            "its values do not fit the 32-bit floats they are blended in"
        )


def picture_format(clip: vs.VideoNode) -> PictureFormat:
    """The clip's format in the engine's terms."""
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


def source_planes(frame: vs.VideoFrame) -> list[NDArray[np.generic]]:
    """A frame's planes as read-only arrays over its own memory, valid while the frame lives."""
    return [np.asarray(frame[plane]) for plane in range(frame.format.num_planes)]


def target_planes(form: PictureFormat, pointers: Sequence[int], strides: Sequence[int]) -> list[NDArray[Any]]:
    """Arrays over planes to be written, given by address and bytes a row."""
    planes = []
    for index, (pointer, stride) in enumerate(zip(pointers, strides, strict=True)):
        height, width = form.shape(index)
        memory = (ctypes.c_char * (stride * height)).from_address(pointer)
        rows = np.frombuffer(memory, dtype=form.dtype).reshape(height, stride // form.dtype.itemsize)
        planes.append(rows[:, :width])
    return planes
