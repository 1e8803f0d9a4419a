"""How a clip's frames become arrays."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import vapoursynth as vs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vsrife.engine import PictureFormat

__all__ = ["picture_format", "source_planes", "target_planes", "weights"]

FAMILIES: dict[int, Literal["gray", "rgb", "yuv"]] = {vs.GRAY: "gray", vs.RGB: "rgb", vs.YUV: "yuv"}


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


def weights(frame: vs.VideoFrame) -> NDArray[np.float32]:
    """A GRAY frame as a map of 0..1, black to white in full range; what is not a number is 0."""
    plane = np.asarray(frame[0])
    if frame.format.sample_type == vs.INTEGER:
        return plane.astype(np.float32) / np.float32((1 << frame.format.bits_per_sample) - 1)
    return np.nan_to_num(plane.astype(np.float32), nan=0.0).clip(0, 1)
