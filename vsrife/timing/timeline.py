"""Timelines: between which source frames an output frame lies, and how long it lasts. All of it is exact."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from vsrife.timing.moments import Moment

if TYPE_CHECKING:
    from vsrife.timing.source_times import SourceTimes

__all__ = ["EvenTimeline", "ListedTimeline", "OffsetTimeline", "TimedTimeline", "Timeline", "share_between"]

RECENT = 256
"""Moments that are kept; they are cheap to find again."""


class Timeline(Protocol):
    """Where each output frame lies in the source."""

    @property
    def frames(self) -> int:
        """Source frames, at least 1."""

    @property
    def times(self) -> SourceTimes | None:
        """When the source's frames are shown, None where that is unknown."""

    @property
    def length(self) -> int:
        """Output frames."""

    def at(self, n: int | Fraction) -> Moment:
        """The moment of output frame n ≥ 0; n = `length` stands for what follows the last one.

        A fraction lies between two output frames; lists and offsets have none.
        """

    def duration(self, n: int) -> Fraction | None:
        """The seconds output frame n lasts, None where they follow from the source frame's properties."""


def share_between(timeline: Timeline, moment: Moment, first: int, last: int) -> Fraction:
    """How far (0 to 1) a moment is from source frame `first` to `last`, where first ≤ moment.left < last.

    By time where the timeline knows the source's times, else by frame number.
    """
    position, times = moment.left + moment.timestep, timeline.times
    if times is None:
        return (position - first) / (last - first)
    begin = times.start(first)
    return (times.time(position) - begin) / (times.start(last) - begin)


@dataclass(frozen=True)
class EvenTimeline:
    """Output n lies at source position n / rate: as many outputs for each source frame, however long it lasts.

    Args:
        frames: of the source, at least 1.
        rate: output frames for each source frame, above 0.
        times: of the source's frames, where known.
        snap: 0..½ of the way between two source frames; an output nearer than this to one of them lies on it, but
            none that lies nearer to another output.
    """

    frames: int
    rate: Fraction
    times: SourceTimes | None = None
    snap: Fraction = Fraction(0)

    @property
    def length(self) -> int:
        """Every n whose position is before the source's end, ⌈frames·rate⌉."""
        return math.ceil(self.frames * self.rate)

    def at(self, n: int | Fraction) -> Moment:
        moment = self._recent.get(n)
        if moment is None:
            left, rest = divmod(n * self.rate.denominator, self.rate.numerator)
            moment = Moment(left, Fraction(rest, self.rate.numerator)).snapped(self._reach, self.frames - 1)
            if len(self._recent) >= RECENT:
                self._recent.clear()
            self._recent[n] = moment
        return moment

    @cached_property
    def _recent(self) -> dict[int | Fraction, Moment]:
        """Moments that were asked for: an output and its neighbours are asked for several times while it is made."""
        return {}

    @cached_property
    def _reach(self) -> Fraction:
        return min(self.snap, 1 / (2 * self.rate))

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
        snap: as of `EvenTimeline`.
    """

    times: SourceTimes
    fps: Fraction
    snap: Fraction = Fraction(0)

    @property
    def frames(self) -> int:
        return self.times.frames

    @cached_property
    def length(self) -> int:
        """Every n whose time is before the source's end, ⌈seconds·fps⌉.

        Where the times are rounded to a unit the end is up to 3/2 of it off: the last frame's start by a half, its
        duration, often copied from the frame before, by a whole. An output that close to the end would be made from
        rounding alone and is left out.
        """
        doubt = (self.times.unit or 0) * Fraction(3, 2)
        return max(1, math.ceil((self.times.start(self.frames) - doubt) * self.fps))

    def at(self, n: int | Fraction) -> Moment:
        if n >= self.length:
            return Moment(self.frames, Fraction(0))
        moment, last = self.times.find(n / self.fps), self.frames - 1
        if not (self.snap and moment.timestep) or moment.left >= last:
            return moment
        seconds = self.times.start(moment.left + 1) - self.times.start(moment.left)
        return moment.snapped(min(self.snap, 1 / (2 * self.fps * seconds)), last)

    def duration(self, n: int) -> Fraction:
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
    times = None

    @property
    def length(self) -> int:
        return len(self.positions)

    def at(self, n: int | Fraction) -> Moment:
        if n >= len(self.positions):
            return Moment(self.frames, Fraction(0))
        left, timestep = divmod(self.positions[int(n)], 1)
        return Moment(left, timestep)

    def duration(self, n: int) -> Fraction | None:
        return 1 / self.fps if self.fps else None


@dataclass(frozen=True)
class OffsetTimeline:
    """Output n lies at the same place after source frame n, and lasts as long as that frame.

    Args:
        frames: of the source.
        offset: 0 to 1.
    """

    frames: int
    offset: Fraction
    times = None

    @property
    def length(self) -> int:
        return self.frames

    def at(self, n: int | Fraction) -> Moment:
        left = int(n)
        return Moment(left + 1, Fraction(0)) if self.offset == 1 else Moment(left, self.offset)

    def duration(self, n: int) -> None:
        return
