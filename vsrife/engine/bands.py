"""Pictures worked on a band of rows at a time, with so many rows beside it that what is kept is as of the whole."""

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
    """Rows of a picture.

    Args:
        first: the first of those that are kept.
        last: the one behind them.
        top: the first of those that are read.
        bottom: the one behind them.
    """

    first: int
    last: int
    top: int
    bottom: int

    def kept(self, shrunk: int = 1) -> slice:
        """The rows that are kept among those that are read, of a picture `shrunk` times as low."""
        return slice((self.first - self.top) // shrunk, (self.last - self.top) // shrunk)

    def place(self, shrunk: int = 1) -> slice:
        """The same rows in the whole picture."""
        return slice(self.first // shrunk, self.last // shrunk)


def bands(height: int, rows: int, halo: int = HALO) -> Iterator[Band]:
    """A picture from top to bottom.

    Args:
        height: of the picture.
        rows: of a band, a multiple of 4; 0 for the whole picture at once.
        halo: rows read above and below it, as far as there are any.
    """
    for first in range(0, height, rows or height):
        last = min(first + (rows or height), height)
        yield Band(first, last, max(first - halo, 0), min(last + halo, height))
