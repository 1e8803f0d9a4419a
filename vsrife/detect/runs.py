"""Runs of repeated or bad frames: which source frames show pictures of their own around a position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Run", "gap_around", "run_around"]


@dataclass(frozen=True)
class Run:
    """Source frames `first` + 1 to `last` − 1 repeat `first`, or are bad; `last` is the next new picture."""

    first: int
    last: int


def run_around(k: int, frames: int, limit: int, repeat: Callable[[int], bool | None]) -> Run | int:
    """The run in which source position `k` to `k` + 1 lies, or the number of a frame that must be judged first.

    A run longer than `limit` is a still shot, and one that reaches the clip's end has no new picture to go to: in both
    cases every position stands alone, as if nothing was repeated. The result depends on `repeat` alone and is the same
    for every position of a run.

    Args:
        k: the source frame at or before the position, 0 ≤ k < frames.
        frames: number of source frames.
        limit: the longest run, in frames; no more are judged to either side.
        repeat: whether source frame j repeats frame j − 1, for 1 ≤ j < frames; None where that is not judged yet.

    Returns:
        The run, or the number j of a frame that must be judged; those before the position come first.
    """
    alone = Run(k, k + 1)
    if limit <= 1 or k + 1 >= frames:
        return alone
    first, last = k, k + 1
    before = after = None
    while first > 0 and last - first <= limit and (before := repeat(first)):
        first -= 1
    while last < frames and last - first <= limit and (after := repeat(last)):
        last += 1
    if last - first > limit or last == frames:
        return alone
    if first > 0 and before is None:
        return first
    return last if after is None else Run(first, last)


def gap_around(n: int, frames: int, limit: int, is_bad: Callable[[int], bool | None]) -> Run | list[int] | None:
    """The good frames on either side of source frame `n`, where that is a bad one.

    The result depends on `is_bad` alone and is the same for all frames of a run.

    Args:
        n: the source frame.
        frames: number of source frames.
        limit: the longest run of bad frames that is crossed; no more are judged.
        is_bad: whether a source frame is bad; None where that is not judged yet.

    Returns:
        The run, from −1 or to `frames` where a side has no good frame; None where frame n is good, lies in a run longer
        than `limit`, or no frame is good; or the numbers of frames that must be judged first.
    """
    bad = is_bad(n)
    if not bad:
        return [n] if bad is None else None
    first, last = n - 1, n + 1
    while first >= 0 and last - first - 1 <= limit and is_bad(first):
        first -= 1
    while last < frames and last - first - 1 <= limit and is_bad(last):
        last += 1
    if last - first - 1 > limit:
        return None
    if unknown := [number for number in (first, last) if 0 <= number < frames and is_bad(number) is None]:
        return unknown
    return None if first < 0 and last == frames else Run(first, last)
