"""Bands of rows: a picture is worked on a part at a time, with as many rows beside it as give the whole's result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BAND", "HALO", "Band", "bands"]

BAND = 256
"""Rows of a band where memory is short; at 3840 columns the finest block's input then takes 60 MB instead of 430."""
HALO = 48
"""Rows beside a band that convolutions read: a block's ten of its body, each four of its input, and a head's ten.
A multiple of 4, as the blocks halve their input twice."""


@dataclass(frozen=True)
class Band:
    """Rows of a picture: `first` to `stop` are kept, `top` to `bottom` are read."""

    first: int
    stop: int
    top: int
    bottom: int

    def kept_within(self, shrink: int = 1) -> slice:
        """The kept rows, counted among the rows that are read, in a picture downscaled `shrink` times."""
        return slice((self.first - self.top) // shrink, (self.stop - self.top) // shrink)

    def kept_rows(self, shrink: int = 1) -> slice:
        """The kept rows, counted in the whole picture downscaled `shrink` times."""
        return slice(self.first // shrink, self.stop // shrink)


def bands(height: int, rows: int, halo: int = HALO) -> Iterator[Band]:
    """The bands of a picture from top to bottom.

    Args:
        height: rows of the picture.
        rows: rows of a band, a multiple of 4; 0 for the whole picture at once.
        halo: rows read above and below a band, as far as the picture reaches.
    """
    for first in range(0, height, rows or height):
        stop = min(first + (rows or height), height)
        yield Band(first, stop, max(first - halo, 0), min(stop + halo, height))
