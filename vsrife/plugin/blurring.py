"""Motion blur: an output is the mean of what a camera's shutter lets through, from its own time on."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from vsrife.plugin.pairing import BlurPart, Decision, MissingFrames, Pairing, Role
from vsrife.timing.moments import Moment
from vsrife.timing.timeline import share_between

if TYPE_CHECKING:
    from vsrife.plugin.pairing import Frames, Key

__all__ = ["MOST", "Blurring"]

MOST = 60
"""Source frames from which a blurred output is made at most."""


class Blurring(Pairing):
    """Decides for `shutter`: it opens at the output's time, and each pair that it is open for has a part of the blur.

    It closes at a cut, and at the last frame.

    Args:
        shutter: the share of the time from one output to the next for which the shutter is open, above 0 to 1.
        *others: of `Pairing`.
        **named: of `Pairing`.
    """

    def __init__(self, shutter: Fraction, *others: Any, **named: Any) -> None:
        super().__init__(*others, **named)
        self._shutter = shutter

    def decide(self, n: int, frames: Frames, *, judge: bool = True) -> Decision | MissingFrames:
        start, end, last = self._timeline.at(n), self._timeline.at(n + self._shutter), self._timeline.frames - 1
        if start.left >= last:
            return super().decide(n, frames, judge=judge)
        until = min(end.left + end.timestep, Fraction(last), Fraction(start.left + MOST))
        if missing := [key for key in self._judged(start.left, math.ceil(until)) if key not in frames]:
            return MissingFrames(tuple(missing))
        parts: list[BlurPart] = []
        first: Decision | None = None
        position = start.left + start.timestep
        while position < until:
            here = Moment(*divmod(position, 1))
            run = self._run(here, frames)
            if isinstance(run, MissingFrames):
                return run
            stop = min(until, Fraction(run.last))
            begin, close = (
                share_between(self._timeline, Moment(*divmod(place, 1)), run.first, run.last)
                for place in (position, stop)
            )
            pair = self._between(Decision("made", run.first, run.last, begin), here.left, frames)
            if isinstance(pair, MissingFrames):
                return pair
            if pair.kind == "cut":
                break
            first = first or pair
            parts.append(BlurPart(run.first, run.last, begin, close, self._span(position, stop)))
            position = stop
        if first is None:
            return super().decide(n, frames, judge=judge)
        return Decision("made", first.left, first.right, first.timestep, score=first.score, blur=tuple(parts))

    def _judged(self, first: int, last: int) -> list[Key]:
        """The frames between which cuts are looked for, asked for at once."""
        roles = (Role.CLIP, self._cuts) if self._arguments.sc else ()
        return [(role, number) for role in dict.fromkeys(roles) for number in range(first, last + 1)]

    def _span(self, first: Fraction, last: Fraction) -> Fraction:
        """The time between two source positions, in source frames where seconds are not known."""
        times = self._timeline.times
        return last - first if times is None else times.time(last) - times.time(first)
