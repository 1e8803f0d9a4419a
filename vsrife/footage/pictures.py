"""Pictures: those of a folder in their order, as arrays and as clips."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from vsrife.errors import ArgumentError, RifeError, first_line, named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import vapoursynth as vs
    from numpy.typing import NDArray
    from PIL import Image

__all__ = ["array_clip", "folders_in", "natural_order", "picture_clip", "pictures_in", "read_picture"]

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm"})
RATE = 25
"""Frames a second of a folder, which states no times."""


def natural_order(path: Path) -> tuple[tuple[str | int, ...], str]:
    """A key that sorts numbers in names by their value: 2 before 10."""
    parts = re.split(r"(\d+)", path.name.casefold())
    return tuple(int(part) if k % 2 else part for k, part in enumerate(parts)), path.name


def folders_in(folder: Path) -> list[Path]:
    """The folders directly in a folder, in natural order; none where it is no folder."""
    if not folder.is_dir():
        return []
    return sorted((path for path in folder.iterdir() if path.is_dir()), key=natural_order)


def pictures_in(folder: Path) -> list[Path]:
    """The pictures directly in a folder, by their suffix, in natural order."""
    files = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
    return sorted(files, key=natural_order)


@named("read_picture")
def read_picture(path: Path) -> NDArray[np.uint8]:
    """Read a picture as H×W×3; alpha is dropped, grey gets three equal channels, 16 bits are rounded down to 8.

    Raises:
        RifeError: it is missing or no picture, or Pillow is not installed.
    """
    with _opened(path) as picture:
        if picture.mode.startswith("I;16"):  # which Pillow would clip
            grey = (np.asarray(picture) >> 8).astype(np.uint8)
            return np.repeat(grey[..., None], 3, 2)
        return np.array(picture.convert("RGB"))


def picture_clip(files: Sequence[Path]) -> vs.VideoNode:
    """Pictures of one size as an RGB24 clip of 25 frames a second, each read when its frame is requested.

    Raises:
        RifeError: one has another size than the first, or is no picture.
    """
    width, height = _size(files[0])
    for file in files[1:]:
        size = _size(file)
        if size != (width, height):
            got = f"{size[0]}x{size[1]} in {file.name}"
            raise RifeError(f"{file.parent} must hold pictures of one size, {width}x{height}, got {got}")
    return array_clip(lambda n: read_picture(files[n]), len(files), width, height)


def array_clip(read: Callable[[int], NDArray[np.uint8]], length: int, width: int, height: int) -> vs.VideoNode:
    """An RGB24 clip of 25 frames a second, whose frame n is filled from `read(n)`, H×W×3."""
    import vapoursynth as vs

    core: Any = vs.core
    blank = core.std.BlankClip(
        format=vs.RGB24, width=width, height=height, length=length, fpsnum=RATE, fpsden=1, keep=True
    )

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out, picture = f.copy(), read(n)
        for plane in range(3):
            np.copyto(np.asarray(out[plane]), picture[..., plane])
        return out

    clip: vs.VideoNode = core.std.ModifyFrame(blank, blank, fill)
    return clip


def _size(path: Path) -> tuple[int, int]:
    """Width and height, for which only the file's head is read."""
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
        raise ArgumentError("path", path, "a picture that exists") from error
    except UnidentifiedImageError as error:
        raise ArgumentError("path", path, "a picture") from error
    except Exception as error:  # damaged files make Pillow raise errors of many kinds
        raise RifeError(f"{path} cannot be read ({first_line(error)})") from error
