"""When each source frame of a clip with a variable frame rate is shown: exact, for any frame at once."""

from __future__ import annotations

import math
from bisect import bisect_right
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Self

from vsrife.errors import RifeError
from vsrife.timing.moments import Moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["SourceTimes", "unit_of"]

WIDEST = 4096
"""Bits of the common denominator: far above any container's clock, and what keeps half a million frames small."""
ZERO = Fraction(0)


class SourceTimes:
    """The start of each source frame and the end of the last one, in seconds after the first one's start.

    Args:
        ticks: each frame's start and the end, in 1/scale seconds; rising from 0, at least two.
        scale: ticks in a second.
        unit: the seconds to a multiple of which the times were rounded, no frame is shorter; None where they are exact.

    Raises:
        RifeError: a frame lasts no time.
    """

    def __init__(self, ticks: list[int], scale: int, unit: Fraction | None = None) -> None:
        for k, (start, end) in enumerate(pairwise(ticks)):
            if end <= start:
                seconds = Fraction(end - start, scale)
                raise RifeError(f"every source frame must last longer than 0 s, got {seconds} s for frame {k}")
        self.frames = len(ticks) - 1
        self.unit = unit
        self._ticks = ticks
        self._scale = scale
        self._reach = (unit or ZERO) * scale / 2

    @classmethod
    def from_durations(cls, durations: Sequence[Fraction], unit: Fraction | None = None) -> Self:
        """The times of frames whose durations are known.

        Args:
            durations: of the frames in seconds.
            unit: see the class.

        Raises:
            RifeError: one is not above 0, or they have no common denominator of a sensible size.
        """
        scale = _common_denominator(durations)
        lengths = (seconds.numerator * (scale // seconds.denominator) for seconds in durations)
        return cls(list(accumulate(lengths, initial=0)), scale, unit)

    def start(self, k: int) -> Fraction:
        """The start of frame k in seconds; for k = `frames` the end of the last one."""
        return Fraction(self._ticks[k], self._scale)

    def time(self, position: Fraction) -> Fraction:
        """The time of a source position, a frame number with a fraction: linear within a frame, clamped to the ends."""
        k, rest = divmod(position.numerator, position.denominator)
        if k < 0:
            return ZERO
        if k >= self.frames:
            return self.start(self.frames)
        ticks = self._ticks[k] * position.denominator + rest * (self._ticks[k + 1] - self._ticks[k])
        return Fraction(ticks, self._scale * position.denominator)

    def find(self, time: Fraction) -> Moment:
        """The moment of a time; before the first frame its start, from the end on the last one's end.

        A time within half a unit of a frame's start is that start: rounded to the unit it may be the same time.
        """
        # in 1/(scale · time.denominator) seconds, where all of these are integers
        den = time.denominator
        wanted = time.numerator * self._scale
        k = bisect_right(self._ticks, wanted // den) - 1
        if k < 0:
            return Moment(0, ZERO)
        if k >= self.frames:
            return Moment(self.frames, ZERO)
        since = wanted - self._ticks[k] * den
        until = self._ticks[k + 1] * den - wanted
        reach = self._reach * den
        if since <= reach:
            return Moment(k, ZERO)
        if until <= reach and k < self.frames - 1:
            return Moment(k + 1, ZERO)
        return Moment(k, Fraction(since, since + until))


def unit_of(durations: Iterable[Fraction]) -> Fraction | None:
    """1/1000 where frame durations look rounded to milliseconds, as Matroska's are: whole ones, not all equal."""
    different = set(durations)
    rounded = len(different) > 1 and all(1000 % seconds.denominator == 0 for seconds in different)
    return Fraction(1, 1000) if rounded else None


def _common_denominator(fractions: Sequence[Fraction]) -> int:
    denominators = {fraction.denominator for fraction in fractions}
    common = 1
    for denominator in denominators:
        common = math.lcm(common, denominator)
        if common.bit_length() > WIDEST:
            raise RifeError(
                f"the source frames' times must have a common denominator of at most {WIDEST} bits,"
                f" got {len(denominators)} different denominators without one"
            )
    return common
