"""The times of a film's frames where its container states only some of them, and the rate that they keep."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from vsrife.timing.durations import keeps_rate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["UNSTATED", "kept_rate", "likely_rate", "stated_rates", "usable_times"]

UNSTATED = -(2**63)
"""FFmpeg's time of a frame whose time the file does not state."""
OFF = Fraction(3, 2)
"""Ticks by which the distance of two rounded times may differ from that of a rate."""


def stated_rates(stream: Any, announced: Fraction) -> list[Fraction]:
    """The frame rates that a file and the source filter state, the stream's own first.

    Args:
        stream: PyAV's.
        announced: by the source filter, 0 for none; where times are missing it may be a mean of those that are there.
    """
    rates = (stream.guessed_rate, stream.codec_context.framerate, stream.average_rate)
    stated = [Fraction(rate.numerator, rate.denominator) for rate in rates if rate and rate.denominator]
    return [rate for rate in dict.fromkeys([*stated, announced]) if rate > 0]


def likely_rate(stamps: Sequence[int], tick: Fraction, rates: Sequence[Fraction]) -> Fraction:
    """The rate that most distances between neighbouring stated times agree with, the first one where they are equal.

    Args:
        stamps: of all frames, in ticks, `UNSTATED` where the file states none.
        tick: seconds of a unit of the stamps.
        rates: at least one.
    """
    known = _known(stamps)
    steps = [(later - earlier, last - first) for (first, earlier), (last, later) in pairwise(known)]
    agree = {rate: sum(abs(ticks - count / (rate * tick)) <= OFF for ticks, count in steps) for rate in rates}
    return max(rates, key=lambda rate: agree[rate])


def usable_times(
    stamps: Sequence[int], packets: Iterable[int | None], tick: Fraction, rate: Fraction
) -> list[int] | None:
    """The times of all frames; None where they cannot be known.

    Program streams state the time of the first frame of a packet alone, and .avi none of frames that are reordered.
    Times of the packets, which FFmpeg completes, are taken where they agree with every stated time. Else frames
    between two stated times are spread evenly, and those at both ends follow by the rate.

    Args:
        stamps: of the frames in the order in which they are shown, in ticks, `UNSTATED` where the file states none.
        packets: times of the packets in any order, None for those without; read only where stamps are missing.
        tick: seconds of a unit of the stamps.
        rate: frames a second.
    """
    known = _known(stamps)
    if len(known) == len(stamps):
        return list(stamps) if _rise(stamps) else None
    shown = sorted(time for time in packets if time is not None)
    if len(shown) == len(stamps) and _rise(shown) and all(shown[n] == time for n, time in known):
        return shown
    if not known:
        return None
    step = 1 / (rate * tick)
    (first, start), (last, end) = known[0], known[-1]
    times = [Fraction(start) - (first - n) * step for n in range(first)]
    for (n, earlier), (m, later) in pairwise(known):
        times += [earlier + Fraction(later - earlier, m - n) * k for k in range(m - n)]
    times += [end + k * step for k in range(len(stamps) - last)]
    whole = [round(time) for time in times]
    return whole if _rise(whole) else None


def kept_rate(times: Sequence[int], tick: Fraction, rates: Iterable[Fraction]) -> Fraction | None:
    """The first of the rates that frames keep, see `keeps_rate`; None where the rate is variable."""
    return next((rate for rate in rates if keeps_rate(times, tick, rate)), None)


def _known(stamps: Sequence[int]) -> list[tuple[int, int]]:
    return [(n, stamp) for n, stamp in enumerate(stamps) if stamp != UNSTATED]


def _rise(times: Sequence[int]) -> bool:
    return all(later > earlier for earlier, later in pairwise(times))
