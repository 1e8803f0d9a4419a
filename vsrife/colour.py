"""H.273 matrices: their names, BT.709's luma, and the guess for a clip that states none. Imports nothing."""

from __future__ import annotations

__all__ = ["BT709_LUMA", "MATRIX_NAMES", "guessed_matrix"]

BT709_LUMA = (0.2126, 0.7152, 0.0722)
"""Weights of R, G and B in BT.709's luma."""

MATRIX_NAMES = {
    "709": 1,
    "fcc": 4,
    "470bg": 5,
    "170m": 6,
    "601": 6,
    "240m": 7,
    "ycgco": 8,
    "2020ncl": 9,
    "2020cl": 10,
    "ictcp": 14,
}
"""VapourSynth's names of the H.273 matrices, each also accepted by its number."""


def guessed_matrix(width: int, height: int) -> int:
    """The matrix that players assume where a clip names none: BT.709 (1) for HD, BT.601 (6) below."""
    return 1 if width >= 1280 or height > 576 else 6
