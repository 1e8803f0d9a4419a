"""Animation at its own pace: things between their own drawings, and drawings at even times."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from vsrife.detect.runs import Run
from vsrife.plugin.pairing import Decision, MissingFrames, Pace, Pairing, RecentCache, Role
from vsrife.timing.moments import Moment
from vsrife.timing.motion_time import motion_time
from vsrife.timing.timeline import share_between

if TYPE_CHECKING:
    from vsrife.plugin.pairing import Frames

__all__ = ["REACH", "Pacing"]

REACH = 4
"""Source frames on either side of a moment that are looked at: of things on threes, two frames before the run and one
after it, so that the same is found in a run at all its moments."""


class Pacing(Pairing):
    """Decides for `pace`: what is shown without it, and which runs of drawings lie around the moment.

    With `dedup`, drawings of whole frames also get even times: where runs of two and three frames take turns, as in
    film of 24 frames a second at 60, they are made equally long, and the last drawing before a cut is reached at the
    last frame before it instead of standing still until then.

    Args:
        *others: of `Pairing`.
        **named: of `Pairing`.
    """

    def __init__(self, *others: Any, **named: Any) -> None:
        super().__init__(*others, **named)
        self._drawings = RecentCache[int, list[tuple[int, int]]]()

    def decide(self, n: int, frames: Frames, *, judge: bool = True) -> Decision | MissingFrames:
        moment, last = self._timeline.at(n), self._timeline.frames - 1
        if moment.left >= last:
            return super().decide(n, frames)
        shot = self._shot(moment.left, frames)
        if isinstance(shot, MissingFrames):
            return shot
        decision = super().decide(n, frames)
        if isinstance(decision, Decision) and decision.motion and self._arguments.dedup:
            decision = replace(decision, motion=motion_time(decision.timestep))  # others' times are other ones, too
        if isinstance(decision, MissingFrames) or decision.kind == "cut" or moment.left + 1 not in shot:
            return decision
        whole = self._run(moment, frames) if self._arguments.dedup else None  # dedup has the time of whole frames
        paces = tuple(
            Pace(first, end, share_between(self._timeline, moment, first, end), _around(first, end, shot))
            for first, end in self._drawings.lookup(moment.left, lambda: self._find_drawings(shot, moment.left, frames))
            if (first < moment.left or moment.timestep) and Run(first, end) != whole
        )
        if not paces:
            return decision
        if decision.passthrough is not None:
            shown = decision.passthrough
            decision = Decision("made", shown, shown, Fraction(0), score=decision.score)
        return replace(decision, paces=paces)

    def _place(self, moment: Moment, frames: Frames) -> tuple[Run, Fraction] | MissingFrames:
        if not self._arguments.dedup:
            return super()._place(moment, frames)
        try:
            run, position = self._run_of(moment.left, frames), moment.left + moment.timestep
            if position < self._time_of(run.first, frames):
                run = self._run_of(run.first - 1, frames)
            elif position >= self._time_of(run.last, frames):
                run = self._run_of(run.last, frames)
            seconds = self._timeline.times.time if self._timeline.times else Fraction
            begin, end = (seconds(self._time_of(first, frames)) for first in (run.first, run.last))
        except _MissingError as missing:
            return missing.frames
        return run, (seconds(position) - begin) / (end - begin)

    def _time_of(self, first: int, frames: Frames) -> Fraction:
        """The source position at which the drawing is shown that begins with a source frame."""
        usual = Fraction(first)
        if not 0 < first < self._timeline.frames - 1:
            return usual
        before, run = (self._run_of(k, frames) for k in (first - 1, first))
        lengths = first - before.first, run.last - first
        if before.last != first or min(lengths) < 2 or self._cuts_before(first, frames):
            return usual
        if self._cuts_before(run.last, frames):
            return Fraction(run.last - 1)
        return usual + Fraction(lengths[1] - lengths[0], 4) if abs(lengths[1] - lengths[0]) == 1 else usual

    def _run_of(self, number: int, frames: Frames) -> Run:
        run = self._run(Moment(number, Fraction(0)), frames)
        if isinstance(run, MissingFrames):
            raise _MissingError(run)
        return run

    def _cuts_before(self, number: int, frames: Frames) -> bool:
        """Whether a cut lies before a source frame, if cuts count."""
        if not self._arguments.sc:
            return False
        keys = tuple((role, k) for role in dict.fromkeys((Role.CLIP, self._cuts)) for k in (number - 1, number))
        if any(key not in frames for key in keys):
            raise _MissingError(MissingFrames(keys))
        return self._is_cut(number, frames)

    def _shot(self, left: int, frames: Frames) -> range | MissingFrames:
        """The source frames around a moment, as far as no cut lies between."""
        first, last = max(0, left - REACH), min(self._timeline.frames - 1, left + REACH)
        roles = (Role.CLIP, self._cuts) if self._arguments.sc else (Role.CLIP,)
        keys = [(role, number) for role in dict.fromkeys(roles) for number in range(first, last + 1)]
        if any(key not in frames for key in keys):
            return MissingFrames(tuple(keys))
        if not self._arguments.sc:
            return range(first, last + 1)
        start = next((k for k in range(left, first, -1) if self._is_cut(k, frames)), first)
        return range(start, next((k for k in range(left + 1, last + 1) if self._is_cut(k, frames)), last + 1))

    def _is_cut(self, number: int, frames: Frames) -> bool:
        """Whether a cut lies before a source frame."""
        return self._score_before(number, frames) >= self.cut_threshold

    def _score_before(self, number: int, frames: Frames) -> float:
        score = self._cut_score(Decision("made", number - 1, number, Fraction(0)), frames, judge=True)
        return 0.0 if score is None else score

    def _find_drawings(self, shot: range, left: int, frames: Frames) -> list[tuple[int, int]]:
        pictures = [self._reader.read(number, frames[Role.CLIP, number]) for number in shot]
        found = self._interpolator.find_drawings(pictures, left - shot.start)
        return [(shot.start + first, shot.start + last) for first, last in found]


def _around(first: int, end: int, shot: range) -> range:
    """The frames of a shot that tell whether something is held in a run, and whether it was before or will be after."""
    return range(max(shot.start, first - 2), min(shot.stop, end + 2))


class _MissingError(Exception):
    """Frames are missing for a decision."""

    def __init__(self, frames: MissingFrames) -> None:
        super().__init__(frames)
        self.frames = frames
