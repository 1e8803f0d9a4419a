"""At which time of an interval motion is estimated, for frames at several times of it."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from vsrife.timing.timeline import share_between

if TYPE_CHECKING:
    from vsrife.timing.timeline import Timeline

__all__ = ["MotionTime", "find_motion_time", "motion_time"]

HALF = Fraction(1, 2)
NEAR_END = Fraction(1, 6)
"""Nearer to an end than this networks return the source frame, and no motion to speak of."""
MOST = 1000
"""Frames on either side among which the others of the same interval are searched for."""


class MotionTime(NamedTuple):
    """The time of an interval at which the motion of a frame is estimated.

    Args:
        time: 0..1.
        is_shared: whether other frames of the interval take theirs from there too.
    """

    time: Fraction
    is_shared: bool = False


def motion_time(timestep: Fraction, others: tuple[Fraction, ...] = ()) -> MotionTime:
    """The time at which the motion of a frame is estimated.

    It is the frame's own where that is far enough from the ends; else that of the frame nearest to the middle, at which
    motion is estimated anyway; ½ where every frame is too near to an end.

    Args:
        timestep: time of the frame, 0..1.
        others: times of the other frames of the interval.
    """
    usable = [time for time in (timestep, *others) if not _is_near_end(time)]
    middlemost = min(usable, key=lambda time: (abs(time - HALF), time), default=HALF)
    if _is_near_end(timestep):
        return MotionTime(middlemost, is_shared=True)
    return MotionTime(timestep, is_shared=timestep == middlemost and any(map(_is_near_end, others)))


def _is_near_end(time: Fraction) -> bool:
    return not NEAR_END <= time <= 1 - NEAR_END


def find_motion_time(timeline: Timeline, n: int, timestep: Fraction, first: int, last: int) -> MotionTime:
    """The same for output frame n of a timeline, which lies between the source frames `first` and `last`.

    With more than `MOST` frames on one side it is the frame's own, or ½ near an end.
    """
    others = []
    for step in (-1, 1):
        for count in range(1, MOST + 1):
            other = n + step * count
            moment = timeline.at(other) if 0 <= other < timeline.length else None
            if moment is None or not first <= moment.left < last:
                break
            time = share_between(timeline, moment, first, last)
            if time > 0:
                others.append(time)
        else:
            return MotionTime(HALF, is_shared=True) if _is_near_end(timestep) else MotionTime(timestep)
    return motion_time(timestep, tuple(others))
