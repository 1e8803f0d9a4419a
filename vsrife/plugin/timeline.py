"""Which source frames lie around an output frame, and where between them it is: exact, without lists."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Moment", "Timeline", "simplest_fraction"]


@dataclass(frozen=True)
class Moment:
    """A point in the source's time: `timestep` (0 ≤ t < 1) of the way from frame `left` to the next."""

    left: int
    timestep: Fraction


@dataclass(frozen=True)
class Timeline:
    """Output frame n lies at source position n / rate.

    Args:
        frames: of the source, at least 1.
        rate: output frames for each source frame, above 0.
    """

    frames: int
    rate: Fraction

    @property
    def length(self) -> int:
        """Output frames: every n whose position is before the source's end, ⌈frames·rate⌉."""
        return math.ceil(self.frames * self.rate)

    def at(self, n: int) -> Moment:
        """Where output frame n lies."""
        left, rest = divmod(n * self.rate.denominator, self.rate.numerator)
        return Moment(left, Fraction(rest, self.rate.numerator))

    def sources(self, moment: Moment) -> tuple[int, ...]:
        """The source frames a moment is made from: one where it falls on a frame or after the last one."""
        if moment.timestep == 0 or moment.left >= self.frames - 1:
            return (moment.left,)
        return (moment.left, moment.left + 1)


def simplest_fraction(x: float) -> Fraction:
    """The fraction of smallest denominator that rounds to the double `x`: 5/3 for `5 / 3`, 1/10 for `0.1`.

    Args:
        x: finite and above 0.
    """
    exact, reach = Fraction(x), Fraction(math.ulp(x)) / 2
    return _simplest_between(exact - reach, exact + reach)


def _simplest_between(low: Fraction, high: Fraction) -> Fraction:
    """By continued fractions: common whole parts are kept, the first that differs ends it."""
    whole = math.ceil(low)
    if whole <= high and whole > 0:
        return Fraction(whole)
    whole = math.floor(low)
    return whole + 1 / _simplest_between(1 / (high - whole), 1 / (low - whole))
