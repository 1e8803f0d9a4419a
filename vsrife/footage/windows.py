"""Windows: short runs of consecutive pictures with their times, and folders that hold them."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from vsrife.errors import ArgumentError, RifeError, named

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["INDEX", "VERSION", "JoinedWindows", "StoredWindows", "Window", "WindowOptions", "WindowSet", "open_windows"]

VERSION = 1
"""Version of a folder's layout and contents; folders of another version are written anew."""
INDEX = "index.json"
SHORTEST = 3
"""Pictures of a window: two and one between."""


@dataclass(frozen=True)
class WindowOptions:
    """Which windows are taken from a source.

    Args:
        frames: the most pictures of a window, at least 3. Cuts leave shorter windows, of at least 3.
        width: width of a window in pixels, even; less where a source is smaller.
        height: height of a window in pixels, even; less where a source is smaller.
        limit: the most windows of a source, spread evenly over it.
        places: windows of the same frames, each at a place and a size of its own, where the source is so short that the
            limit leaves room for them.
        scales: factors of the source's size. One is drawn for each window, of those at which the source is no smaller
            than the window.
        seed: of what is drawn.
        span: the part of the source, as shares of its frames (of a folder of sequences, of these).

    Raises:
        RifeError: one is outside these.
    """

    frames: int = 7
    width: int = 448
    height: int = 256
    limit: int = 1000
    places: int = 1
    scales: tuple[float, ...] = (1, 2 / 3, 1 / 2, 1 / 4)
    seed: int = 0
    span: tuple[float, float] = (0, 1)

    @named("WindowOptions")
    def __post_init__(self) -> None:
        for name, least in (("frames", SHORTEST), ("limit", 1), ("places", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ArgumentError(name, getattr(self, name), f"at least {least}")
        for name in ("width", "height"):
            if getattr(self, name) < 2 or getattr(self, name) % 2:
                raise ArgumentError(name, getattr(self, name), "even and at least 2")
        if not self.scales or not all(0 < scale <= 1 for scale in self.scales):
            raise ArgumentError("scales", self.scales, "above 0 and at most 1, at least one")
        if not 0 <= self.span[0] < self.span[1] <= 1:
            raise ArgumentError("span", self.span, "two rising shares from 0 to 1")

    def within(self, length: int) -> range:
        """The numbers of the span, of `length` frames or folders."""
        return range(round(self.span[0] * length), round(self.span[1] * length))


@dataclass(frozen=True, eq=False)
class Window:
    """A run of pictures of one shot in which something moves.

    Args:
        pictures: uint8, T×H×W×3, RGB; read from the file when they are accessed.
        times: T, when each is shown, in seconds after the source's start, rising.
        name: of its source and frames.
    """

    pictures: NDArray[np.uint8]
    times: NDArray[np.float64]
    name: str


class WindowSet(ABC):
    """Windows by number. A set can be pickled, and reading from it needs neither torch nor vapoursynth."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: int) -> Window:
        """A window, by its number; negative ones count from the end."""

    def __iter__(self) -> Iterator[Window]:
        return (self[index] for index in range(len(self)))

    def _number(self, index: int) -> int:
        """The number from 0 that an index means."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"there are {len(self)} windows, got {index}")
        return index % len(self)


class StoredWindows(WindowSet):
    """The windows of a folder that `extract_windows` wrote.

    Args:
        folder: that holds them.
        index: the contents of its index.
    """

    def __init__(self, folder: Path, index: dict[str, Any]) -> None:
        self.folder = folder
        self.key = index["key"]
        self.source: str = index["source"]
        self.windows: list[dict[str, Any]] = index["windows"]

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, index: int) -> Window:
        """A window whose pictures are a memory map."""
        entry = self.windows[self._number(index)]
        pictures = np.load(self.folder / entry["file"], mmap_mode="r")
        numbers = entry["frames"]
        return Window(pictures, np.array(entry["times"], np.float64), f"{self.source}#{numbers[0]}-{numbers[-1]}")


class JoinedWindows(WindowSet):
    """Sets one after the other."""

    def __init__(self, sets: Sequence[WindowSet]) -> None:
        self.sets = list(sets)
        self._ends = list(accumulate(map(len, self.sets)))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: int) -> Window:
        number = self._number(index)
        k = bisect_right(self._ends, number)
        return self.sets[k][number - (self._ends[k - 1] if k else 0)]


@named("open_windows")
def open_windows(folder: Path) -> StoredWindows:
    """The windows in a folder.

    Raises:
        RifeError: it holds none of this version, or not all of them.
    """
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        complete = index["version"] == VERSION and all(
            (folder / entry["file"]).stat().st_size == entry["bytes"] for entry in index["windows"]
        )
        windows = StoredWindows(folder, index)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArgumentError("folder", folder, "windows", verb="hold") from error
    if not complete:
        raise RifeError(f"folder must hold all windows of its index, got {folder}; extract them again")
    return windows
