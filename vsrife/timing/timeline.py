"""Which source frames lie around an output frame, and where between them it is: exact."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from vsrife.timing.source_times import SourceTimes

__all__ = ["EvenTimeline", "ListedTimeline", "Moment", "TimedTimeline", "Timeline", "simplest_fraction", "sources"]


@dataclass(frozen=True)
class Moment:
    """A point in the source's time: `timestep` (0 ≤ t < 1) of the way from frame `left` to the next."""

    left: int
    timestep: Fraction


class Timeline(Protocol):
    """Where each output frame lies in the source."""

    @property
    def frames(self) -> int:
        """Of the source, at least 1."""

    @property
    def length(self) -> int:
        """Output frames."""

    def at(self, n: int) -> Moment:
        """Where output frame n ≥ 0 lies; n = `length` may be asked too, for what follows the last one."""

    def between(self, moment: Moment, first: int, last: int) -> Fraction:
        """How far (0 to 1) a moment is from source frame `first` to `last`, where first ≤ moment.left < last.

        By time where the timeline knows the source's times, else by frame number.
        """

    def duration(self, n: int) -> Fraction | None:
        """How long output frame n lasts in seconds, None where that follows from the source frame's properties."""


@dataclass(frozen=True)
class EvenTimeline:
    """Output n lies at source position n / rate: as many outputs for each source frame, however long it lasts.

    Args:
        frames: of the source, at least 1.
        rate: output frames for each source frame, above 0.
        times: of the source's frames, where known.
    """

    frames: int
    rate: Fraction
    times: SourceTimes | None = None

    @property
    def length(self) -> int:
        """Every n whose position is before the source's end, ⌈frames·rate⌉."""
        return math.ceil(self.frames * self.rate)

    def at(self, n: int) -> Moment:
        """Where output frame n lies, also beyond the source's last frame."""
        left, rest = divmod(n * self.rate.denominator, self.rate.numerator)
        return Moment(left, Fraction(rest, self.rate.numerator))

    def between(self, moment: Moment, first: int, last: int) -> Fraction:
        """How far a moment is from one source frame to a later one."""
        if self.times is None:
            return _by_number(moment, first, last)
        return _by_time(self.times, moment, first, last)

    def duration(self, n: int) -> Fraction | None:
        """From output n's position to the next one's, or to the source's end."""
        if self.times is None:
            return None
        return self.times.time((n + 1) / self.rate) - self.times.time(n / self.rate)


@dataclass(frozen=True)
class TimedTimeline:
    """Output n shows the time n / fps after the first source frame's start: a constant rate from any source.

    Args:
        times: of the source's frames.
        fps: output frames for each second, above 0.
    """

    times: SourceTimes
    fps: Fraction

    @property
    def frames(self) -> int:
        """Of the source."""
        return self.times.frames

    @cached_property
    def length(self) -> int:
        """Every n whose time is before the source's end, ⌈seconds·fps⌉.

        Where the times are rounded to a unit the end is up to 3/2 of it off: the last frame's start by a half, its
        duration, often taken from the frame before, by a whole. An output that close to the end would be made from
        rounding alone and is left out.
        """
        doubt = (self.times.unit or 0) * Fraction(3, 2)
        return max(1, math.ceil((self.times.start(self.frames) - doubt) * self.fps))

    def at(self, n: int) -> Moment:
        """Where output frame n lies."""
        return self.times.find(n / self.fps) if n < self.length else Moment(self.frames, Fraction(0))

    def between(self, moment: Moment, first: int, last: int) -> Fraction:
        """How far a moment is from one source frame to a later one, in time."""
        return _by_time(self.times, moment, first, last)

    def duration(self, n: int) -> Fraction:
        """The same for all."""
        return 1 / self.fps


@dataclass(frozen=True)
class ListedTimeline:
    """One output for each source position of a list.

    Args:
        frames: of the source, at least 1.
        positions: each 0 ≤ p < frames.
        fps: output frames for each second, 0 where unknown.
    """

    frames: int
    positions: tuple[Fraction, ...]
    fps: Fraction = Fraction(0)

    @property
    def length(self) -> int:
        """One for each position."""
        return len(self.positions)

    def at(self, n: int) -> Moment:
        """Where output frame n lies; after the last one, the source's end."""
        if n >= len(self.positions):
            return Moment(self.frames, Fraction(0))
        left, timestep = divmod(self.positions[n], 1)
        return Moment(left, timestep)

    def between(self, moment: Moment, first: int, last: int) -> Fraction:
        """How far a moment is from one source frame to a later one, by number."""
        return _by_number(moment, first, last)

    def duration(self, n: int) -> Fraction | None:
        """The same for all, where the rate is known."""
        return 1 / self.fps if self.fps else None


def sources(frames: int, moment: Moment) -> tuple[int, ...]:
    """The source frames a moment is made from: one where it falls on a frame or after the last one, else two."""
    if moment.timestep == 0 or moment.left >= frames - 1:
        return (min(moment.left, frames - 1),)
    return (moment.left, moment.left + 1)


def _by_number(moment: Moment, first: int, last: int) -> Fraction:
    return (moment.left - first + moment.timestep) / (last - first)


def _by_time(times: SourceTimes, moment: Moment, first: int, last: int) -> Fraction:
    begin = times.start(first)
    return (times.time(moment.left + moment.timestep) - begin) / (times.start(last) - begin)


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
