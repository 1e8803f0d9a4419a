"""The ratio of frame rates that a floating-point number stands for, and the frame rates in use."""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from typing import TYPE_CHECKING

from vsrife.timing.moments import simplest_between

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["INT32_MAX", "USUAL", "meant_ratio", "ntsc_rate", "usual_rate_near"]

INT32_MAX = 2**31 - 1
NTSC = Fraction(1000, 1001)
USUAL = tuple(
    sorted(
        {
            *map(Fraction, (8, 10, 12, 12.5, 15, 16, 18, 20, 24, 25, 30, 36, 48, 50, 60, 72, 75, 85, 90, 96, 100, 120)),
            *map(Fraction, (144, 150, 160, 165, 170, 175, 180, 192, 200, 220, 240, 250, 280, 288, 300, 320, 330, 360)),
            *map(Fraction, (380, 390, 480, 500, 520, 540, 600, 720, 960, 1000, 1200)),
            *(
                NTSC * rate
                for rate in (12, 15, 24, 30, 48, 60, 72, 90, 96, 120, 144, 180, 192, 240, 300, 360, 480, 960)
            ),
        }
    )
)
"""Frame rates of films, video and displays."""
ROUNDINGS = 4
"""Units in the last place by which a number may be off: a quotient of two rounded numbers, multiplied once more."""
DYADIC = 1024
"""Denominators up to this are not rounding: 2.5 and 2.0625 are what they say."""
DECIMALS = (3, 2)
"""Places to which rates are usually rounded: 23.976, 59.94."""
NEAR = Fraction(1, 10**6)
"""The part of a rate by which another one is it, written with fewer digits."""


def meant_ratio(number: float, fps: Fraction) -> Fraction:
    """Output frames for each source frame that a script means by a number, often `60 / float(clip.fps)`.

    The number is off by a few roundings, in double or single precision, and either rate may have been rounded to two
    or three decimal places before. A ratio by which the clip gets one of `USUAL`'s rates is taken where there is one,
    else the fraction of smallest denominator within these roundings: 5/3 for `5 / 3`, 3 for `0.3 / 0.1`.

    Args:
        number: finite and above 0.
        fps: the clip's frames a second, 0 where unknown.
    """
    exact = Fraction(number)
    if exact.denominator <= DYADIC:
        return exact
    reach = ROUNDINGS * Fraction(math.ulp(number))
    if _is_single(number):
        reach *= 2**29
    reach = min(reach, exact / 2)  # of the smallest numbers the last place is all there is
    low, high = exact - reach, exact + reach
    for source in _written(fps):
        target = _nearest(exact * source)
        for decimals in (None, *DECIMALS):
            if low <= _rounded(target, decimals) / source <= high:
                return target / fps
    return simplest_between(low, high)


def usual_rate_near(fps: Fraction) -> Fraction | None:
    """The usual rate of which a frame rate is a rounding: 60000/1001 for 59.94; None for usual rates themselves."""
    if fps in USUAL:
        return None
    near = _nearest(fps)
    is_it = abs(near - fps) <= NEAR * near or any(_rounded(near, decimals) == fps for decimals in DECIMALS)
    return near if is_it else None


def ntsc_rate(written: Fraction, reach: Fraction) -> Fraction:
    """The n·1000/1001 that a decimal frame rate stands for, 60000/1001 for 59.94; itself where none is in reach."""
    ntsc = round(written / NTSC) * NTSC
    return ntsc if ntsc.denominator > 1 and abs(written - ntsc) <= reach else written


def _written(fps: Fraction) -> Iterator[Fraction]:
    """A rate as scripts write it: exactly, or rounded to a few places."""
    if fps > 0:
        yield from dict.fromkeys(rate for rate in (fps, *(_rounded(fps, n) for n in DECIMALS)) if rate)


def _rounded(rate: Fraction, decimals: int | None) -> Fraction:
    return rate if decimals is None else Fraction(round(rate * 10**decimals), 10**decimals)


def _nearest(rate: Fraction) -> Fraction:
    return min(USUAL, key=lambda usual: abs(usual - rate))


def _is_single(number: float) -> bool:
    """Whether a number of single precision was widened to it."""
    try:
        return bool(struct.unpack("f", struct.pack("f", number))[0] == number)
    except OverflowError:
        return False
