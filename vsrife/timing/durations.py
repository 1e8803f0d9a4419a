"""How long frames last, and whether a clip's frame rate is variable."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["PROBED", "even_shares", "is_far", "is_variable", "keeps_rate", "span"]

PROBED = 8
"""First frames whose durations tell whether a clip's rate is variable, where the clip is not read as a whole."""
ROUNDING = Fraction(15, 10000)
"""Seconds by which a duration is off at most where a container, such as Matroska, rounds timestamps to milliseconds."""
INEXACT = Fraction(1, 50)
"""The part of a duration by which it may be off: announced rates are often rounded, or a mean."""


def is_variable(durations: Iterable[Fraction | None], rate: Fraction) -> bool:
    """Whether a clip has a variable frame rate: the one rule of the filter and of all commands.

    Source filters announce the mean of a variable rate as if it were constant, so that the frames decide. A clip
    without a rate is variable.

    Args:
        durations: of frames in seconds; None where a frame states none.
        rate: the frames for each second that the clip announces, 0 where it announces none.
    """
    return not rate or any(seconds is not None and is_far(seconds, rate) for seconds in durations)


def is_far(seconds: Fraction, rate: Fraction) -> bool:
    """Whether a frame's duration is neither that of a constant rate nor a container's rounding of it."""
    off = abs(seconds - 1 / rate)
    return off > ROUNDING and off * rate > INEXACT


def keeps_rate(times: Iterable[int], tick: Fraction, rate: Fraction) -> bool:
    """Whether every frame's time is that of a constant rate, but for a container's rounding.

    Stricter than `is_variable`: a film's frames must also keep step with its sound, so that departures must not add up.

    Args:
        times: of all frames, in ticks after the first one.
        tick: seconds of a unit of the times.
        rate: the frames for each second that the clip announces.
    """
    reach = max(ROUNDING, tick * 3 / 2)
    # in whole numbers, of which a film may have hundreds of thousands
    scale = tick.denominator * rate.numerator
    step = rate.denominator * tick.denominator
    most = int(reach * scale)
    return all(abs(time * tick.numerator * rate.numerator - k * step) <= most for k, time in enumerate(times))


def even_shares(times: Sequence[Fraction]) -> list[Fraction]:
    """The places of the inner times between the first (0) and the last (1): even, unless the rate is variable."""
    steps = len(times) - 1
    seconds = times[-1] - times[0]
    durations = (after - before for before, after in pairwise(times))
    if is_variable(durations, steps / seconds):
        return [(time - times[0]) / seconds for time in times[1:-1]]
    return [Fraction(k, steps) for k in range(1, steps)]


def span(position: Fraction, step: Fraction, durations: Mapping[int, Fraction]) -> Fraction | None:
    """The seconds that `step` source frames from a position last.

    Args:
        position: in source frames.
        step: source frames.
        durations: of source frames in seconds, as far as they are known; the others last as long as the first one,
            without which the answer is None.
    """
    first = durations.get(int(position))
    if first is None:
        return None
    seconds = step * first
    for number, own in durations.items():
        covered = min(position + step, Fraction(number + 1)) - max(position, Fraction(number))
        if covered > 0:
            seconds += covered * (own - first)
    return seconds
