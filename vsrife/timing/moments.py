"""Points in a source's time, and the fraction that a floating-point number stands for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Moment", "fraction", "simplest_between", "simplest_fraction"]


@dataclass(frozen=True)
class Moment:
    """A point in the source's time: `timestep` (0 ≤ t < 1) of the way from frame `left` to the next."""

    left: int
    timestep: Fraction

    def snapped(self, reach: Fraction, last: int) -> Moment:
        """The moment of the source frame that is nearer than `reach` (of the way to the next), else this one.

        Args:
            reach: 0 to ½.
            last: number of the last source frame.
        """
        if not self.timestep or self.left >= last:
            return self
        if self.timestep < reach:
            return Moment(self.left, Fraction(0))
        if 1 - self.timestep < reach:
            return Moment(self.left + 1, Fraction(0))
        return self


def fraction(number: float) -> Fraction:
    """The fraction that a script means by a number of 0 or more: the simplest one, to a billionth."""
    return simplest_fraction(number).limit_denominator(10**9) if number else Fraction(0)


def simplest_fraction(x: float) -> Fraction:
    """The fraction of smallest denominator that rounds to the double `x`: 5/3 for `5 / 3`, 1/10 for `0.1`.

    Args:
        x: finite and above 0.
    """
    exact, reach = Fraction(x), Fraction(math.ulp(x)) / 2
    return simplest_between(exact - reach, exact + reach)


def simplest_between(low: Fraction, high: Fraction) -> Fraction:
    """The fraction of smallest denominator from `low` to `high`, 0 < low ≤ high.

    By continued fractions: the common whole parts stay, the first that differs is the last.
    """
    whole = math.ceil(low)
    if whole <= high and whole > 0:
        return Fraction(whole)
    whole = math.floor(low)
    return whole + 1 / simplest_between(1 / (high - whole), 1 / (low - whole))
