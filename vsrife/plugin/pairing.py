"""What an output frame is made from: which two source frames, what time between them, and whether at all."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from vsrife.detect import cut_between
from vsrife.detect.runs import Run, run_around
from vsrife.errors import RifeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import vapoursynth as vs

    from vsrife.engine import HostFrame, Interpolator
    from vsrife.plugin.arguments import Arguments
    from vsrife.timing.timeline import Moment, Timeline

__all__ = ["Decision", "Key", "Need", "Pairing"]

Key = tuple[str, int]
"""Which clip, by its part in the work, and which frame of it."""
HALF = Fraction(1, 2)
REMEMBERED = 1024
"""Pairs of which is kept what was found out; a few bytes each."""


@dataclass(frozen=True)
class Need:
    """Frames that must be had first."""

    keys: tuple[Key, ...]


@dataclass(frozen=True)
class Decision:
    """What is shown.

    Args:
        kind: `source` and `tail` pass source frame `take` through, and so does `still` where both neighbours are the
            same picture; `cut` shows it too, or a blend where it is None; `made` interpolates.
        left: source frame at time 0.
        right: source frame at time 1; the left one again where there is no other.
        timestep: 0 to 1.
        take: the source frame to show; None where there is none.
        score: how sure it is that this is a cut, where that was asked.
    """

    kind: str
    left: int
    right: int
    timestep: Fraction
    take: int | None = None
    score: float | None = None


class Pairing:
    """Decides for one call of the filter; shared by all its nodes. What it answers depends on n and the frames alone.

    Args:
        timeline: where outputs lie in the source.
        arguments: what the script says.
        interpolator: compares frames.
        sourced: turns a frame of the clip into what the interpolator takes.
        cuts_role: the clip whose frames say where cuts are.
        passes: whether an output on a source frame is that frame; not where each pixel has a time of its own.
    """

    def __init__(
        self,
        timeline: Timeline,
        arguments: Arguments,
        interpolator: Interpolator,
        sourced: Callable[[int, vs.VideoFrame], HostFrame],
        *,
        cuts_role: str = "clip",
        passes: bool = True,
    ) -> None:
        self.timeline = timeline
        self._arguments = arguments
        self._interpolator = interpolator
        self._sourced = sourced
        self._passes = passes
        self._cuts_role = cuts_role
        self._threshold = arguments.sc_threshold
        self._repeats = _Memo[int, bool]()
        self._scores = _Memo[tuple[int, int], float]()
        self._alike = _Memo[tuple[int, int], float]()

    def decide(self, n: int, have: Mapping[Key, vs.VideoFrame]) -> Decision | Need:
        """What output n shows, or the frames that are missing to tell."""
        moment = self.timeline.at(n)
        last = self.timeline.frames - 1
        if moment.left >= last:
            kind = "tail" if moment.left > last or moment.timestep else "source"
            return Decision(kind, last, last, moment.timestep, last)
        run = self._run(moment, have)
        if isinstance(run, Need):
            return run
        whole = run == Run(moment.left, moment.left + 1)
        timestep = moment.timestep if whole else self.timeline.between(moment, run.first, run.last)
        if timestep == 0 and self._passes:
            return Decision("source", run.first, run.first, timestep, run.first)
        return self._between(Decision("made", run.first, run.last, timestep), moment, have)

    def _run(self, moment: Moment, have: Mapping[Key, vs.VideoFrame]) -> Run | Need:
        """The source frames around a moment, or around the run of repeated frames that it lies in."""
        if not self._arguments.dedup:
            return Run(moment.left, moment.left + 1)
        while True:
            limit = self._arguments.dedup_limit
            found = run_around(moment.left, self.timeline.frames, limit, self._repeats.get)
            if isinstance(found, Run):
                return found
            pair = ("clip", found - 1), ("clip", found)
            if any(key not in have for key in pair):
                return Need(pair)
            self._repeats.put(found, self._interpolator.repeats(*self._pair(found - 1, found, have)))

    def _between(self, made: Decision, moment: Moment, have: Mapping[Key, vs.VideoFrame]) -> Decision | Need:
        """Whether the two frames of a pair may be interpolated; what is shown where not."""
        need = [("clip", made.left), ("clip", made.right), ("clip", moment.left)]
        if self._arguments.sc:
            need += [(self._cuts_role, made.right - 1), (self._cuts_role, made.right)]
        if missing := _missing(need, have):
            return missing
        if self._arguments.sc:
            made = replace(made, score=self._cut_score(made, have))
            assert made.score is not None
            if made.score >= self._cut_threshold():
                return self._at_cut(made, moment.left)
        if self._arguments.skip and self._likeness(made, have) >= self._arguments.skip_threshold:
            return replace(made, kind="still", take=made.left if made.timestep < HALF else made.right)
        return made

    def _at_cut(self, made: Decision, shown: int) -> Decision:
        """A pair that is not interpolated; `shown` is the source frame at the moment, which may repeat the left."""
        match self._arguments.sc_mode:
            case "blend":
                return replace(made, kind="cut")
            case "nearest" if not self._passes:  # each pixel has a nearest frame of its own
                return replace(made, kind="cut")
            case "nearest" if made.timestep >= HALF:
                return replace(made, kind="cut", take=made.right)
        return replace(made, kind="cut", take=shown)

    def _cut_score(self, pair: Decision, have: Mapping[Key, vs.VideoFrame]) -> float:
        """1 or 0 where the frames say, else what the detector finds."""
        role = self._cuts_role
        said = cut_between(have[role, pair.right - 1].props, have[role, pair.right].props)
        if said is not None:
            return float(said)
        if role == "cuts":
            raise RifeError(
                f"sc_clip must have _SceneChangeNext or _SceneChangePrev, frames {pair.right - 1} and "
                f"{pair.right} have neither"
            )
        return self._scores.known(
            (pair.left, pair.right), lambda: self._interpolator.cut_score(*self._pair(pair.left, pair.right, have))
        )

    def _cut_threshold(self) -> float:
        from vsrife.engine import CUT_THRESHOLD

        return CUT_THRESHOLD if self._threshold is None else self._threshold

    def _likeness(self, pair: Decision, have: Mapping[Key, vs.VideoFrame]) -> float:
        return self._alike.known(
            (pair.left, pair.right), lambda: self._interpolator.luma_psnr(*self._pair(pair.left, pair.right, have))
        )

    def _pair(self, left: int, right: int, have: Mapping[Key, vs.VideoFrame]) -> tuple[HostFrame, HostFrame]:
        return self._sourced(left, have["clip", left]), self._sourced(right, have["clip", right])


class _Memo[K, V]:
    """The last few answers. They depend on the key alone, so that forgetting one costs time and nothing else."""

    def __init__(self) -> None:
        self._known: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        return self._known.get(key)

    def put(self, key: K, value: V) -> None:
        self._known[key] = value
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def known(self, key: K, find: Callable[[], V]) -> V:
        """What is kept, or what is found now."""
        value: Any = self._known.get(key)
        if value is None:
            value = find()
            self.put(key, value)
        return value  # type: ignore[no-any-return]


def _missing(keys: Iterable[Key], have: Mapping[Key, vs.VideoFrame]) -> Need | None:
    wanted = tuple(dict.fromkeys(keys))
    return None if all(key in have for key in wanted) else Need(wanted)
