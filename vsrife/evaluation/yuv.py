"""Raw 8-bit 4:2:0 files, read as the published HD scripts read them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vsrife.errors import RifeError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["YuvFrame", "read_yuv", "yuv_length", "yuv_size"]

WIDTHS = {720: 1280, 1080: 1920, 544: 1280}
"""Of heights, where a name or its folder says no more."""
FROM_RGB = (
    (0.299, 0.587, 0.114),
    (-0.14714119, -0.28886916, 0.43601035),
    (0.61497538, -0.51496512, -0.10001026),
)
"""Analogue YUV as scikit-image has it, which the scripts take the samples for, in full range."""


class YuvFrame(NamedTuple):
    """One frame of a raw file."""

    path: Path
    width: int
    height: int
    number: int


def yuv_size(path: Path) -> tuple[int, int]:
    """Width and height as a name has them: `parkrun_1280x720_50.yuv`, `sunflower_1080p25.yuv`, `HD1080p_GT/…`.

    Raises:
        RifeError: neither the name nor its folder's says them.
    """
    found = re.search(r"(?<!\d)(\d{2,5})x(\d{2,5})(?!\d)", path.stem)
    if found:
        return int(found[1]), int(found[2])
    for text in (path.stem, path.parent.name):
        height = re.search(r"(?<!\d)(544|720|1080)p", text)
        if height:
            return WIDTHS[int(height[1])], int(height[1])
    raise RifeError(f"a raw clip's name must say its size, as clip_1280x720.yuv does, got {path.name}")


def yuv_length(path: Path, size: tuple[int, int]) -> int:
    """Whole frames in a file."""
    return path.stat().st_size // _bytes(*size)


def read_yuv(frame: YuvFrame) -> Tensor:
    """A frame as uint8 3×H×W RGB.

    As in RIFE's `yuv_frame_io.py`: chroma brought to full size by Pillow's bicubic filter, samples taken for analogue
    YUV of full range, RGB rounded down.

    Raises:
        RifeError: it cannot be read, or Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise RifeError("Pillow is not installed, which reads pictures; pip install pillow") from error
    width, height = frame.width, frame.height
    try:
        samples = np.fromfile(frame.path, np.uint8, _bytes(width, height), offset=frame.number * _bytes(width, height))
    except OSError as error:
        raise RifeError(f"{frame.path} cannot be read: {error.strerror or error}") from error
    luma, chroma = np.split(samples, [width * height])
    planes = [luma.reshape(height, width)]
    for plane in chroma.reshape(2, height // 2, width // 2):
        planes.append(np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC)))
    yuv = torch.from_numpy(np.stack(planes)).double() / 255 - torch.tensor([0, 0.5, 0.5]).double()[:, None, None]
    to_rgb = torch.linalg.inv(torch.tensor(FROM_RGB, dtype=torch.float64))
    rgb = torch.einsum("kc,chw->khw", to_rgb, yuv)
    return (rgb.clamp(0, 1) * 255).to(torch.uint8)


def _bytes(width: int, height: int) -> int:
    return width * height + 2 * (width // 2) * (height // 2)
