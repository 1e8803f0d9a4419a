"""Folders of pictures: their order, and how one is read."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from vsrife.errors import RifeError
from vsrife.footage.frames import first_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import vapoursynth as vs
    from numpy.typing import NDArray
    from PIL import Image

__all__ = ["natural_order", "picture_clip", "pictures_in", "read_picture"]

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm"})
RATE = 25
"""Frames a second of a folder, which says nothing of time."""


def natural_order(path: Path) -> tuple[tuple[str | int, ...], str]:
    """A key that sorts numbers in names by their value: 2 before 10."""
    parts = re.split(r"(\d+)", path.name.casefold())
    return tuple(int(part) if k % 2 else part for k, part in enumerate(parts)), path.name


def pictures_in(folder: Path) -> list[Path]:
    """The pictures directly in a folder, by their suffix, in natural order."""
    files = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
    return sorted(files, key=natural_order)


def read_picture(path: Path) -> NDArray[np.uint8]:
    """One picture, H×W×3; alpha is dropped, grey made of three equal channels, 16 bits rounded down to 8.

    Raises:
        RifeError: it is missing or no picture, or Pillow is not installed.
    """
    with _opened(path) as picture:
        if picture.mode.startswith("I;16"):  # which Pillow would clip
            grey = (np.asarray(picture) >> 8).astype(np.uint8)
            return np.repeat(grey[..., None], 3, 2)
        return np.array(picture.convert("RGB"))


def picture_clip(files: list[Path]) -> vs.VideoNode:
    """Pictures of one size as an RGB24 clip of 25 frames a second, each read when it is asked for.

    Raises:
        RifeError: one has another size than the first, or is no picture.
    """
    import vapoursynth as vs

    width, height = _size(files[0])
    for file in files[1:]:
        found = _size(file)
        if found != (width, height):
            got = f"{found[0]}x{found[1]} in {file.name}"
            raise RifeError(f"{file.parent} must hold pictures of one size, {width}x{height}, got {got}")
    core: Any = vs.core
    blank = core.std.BlankClip(
        format=vs.RGB24, width=width, height=height, length=len(files), fpsnum=RATE, fpsden=1, keep=True
    )

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out, picture = f.copy(), read_picture(files[n])
        for plane in range(3):
            np.copyto(np.asarray(out[plane]), picture[..., plane])
        return out

    clip: vs.VideoNode = core.std.ModifyFrame(blank, blank, fill)
    return clip


def _size(path: Path) -> tuple[int, int]:
    """Width and height, of which only the file's head is read."""
    with _opened(path) as picture:
        return picture.width, picture.height


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise RifeError("Pillow is not installed, which reads pictures; pip install pillow") from error
    try:
        with Image.open(path) as picture:
            yield picture
    except FileNotFoundError as error:
        raise RifeError(f"path must be a picture's, got {path}, which is not there") from error
    except UnidentifiedImageError as error:
        raise RifeError(f"path must be a picture's, got {path}, which is none") from error
    except Exception as error:  # damaged files make Pillow raise errors of many kinds
        raise RifeError(f"{path} cannot be read ({first_line(error)})") from error
