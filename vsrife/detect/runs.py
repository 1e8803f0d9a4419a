"""Runs of repeated frames: which source frames show new pictures around a position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Run", "run_around"]


@dataclass(frozen=True)
class Run:
    """Source frames `first` + 1 to `last` − 1 repeat `first`; `last` is the next new picture."""

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
