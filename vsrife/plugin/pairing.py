"""What an output frame is made from: which two source frames, what time between them, and whether at all."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from enum import Enum, auto
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

from vsrife.detect import cut_between, has_marks
from vsrife.detect.runs import Run, run_around
from vsrife.errors import RifeError
from vsrife.timing.motion_time import find_motion_time
from vsrife.timing.timeline import share_between

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import vapoursynth as vs

    from vsrife.engine import HostFrame, Interpolator
    from vsrife.plugin.arguments import Arguments
    from vsrife.plugin.formats import FrameReader
    from vsrife.timing.moments import Moment
    from vsrife.timing.motion_time import MotionTime
    from vsrife.timing.timeline import Timeline

    Frames = Mapping["Key", vs.VideoFrame]

__all__ = ["BlurPart", "Decision", "Frames", "Key", "MissingFrames", "Pace", "Pairing", "RecentCache", "Role"]

HALF = Fraction(1, 2)
REMEMBERED = 1024
"""Pairs whose comparison is cached; a few bytes each."""


class Role(Enum):
    """The part that a clip plays in a node."""

    CLIP = auto()
    """The clip whose motion is estimated."""
    COMPANION = auto()
    """Another clip, warped with the clip's motion."""
    CUTS = auto()
    """Its frames say where scene changes are."""
    PROTECT = auto()
    """A mask: where it is white the left frame stays."""
    TIMES = auto()
    """A timestep for each pixel."""
    BAD = auto()
    """Its frames say which frames of the clip are bad."""


Key = tuple[Role, int]
"""A source frame: the clip, by its role, and the frame's number."""


@dataclass(frozen=True)
class MissingFrames:
    """Frames without which the decision cannot be made.

    Args:
        keys: the frames.
        likely_made: whether a picture is made, unless they show a cut or are alike.
    """

    keys: tuple[Key, ...]
    likely_made: bool = False


@dataclass(frozen=True)
class BlurPart:
    """The part of a blur between two source frames.

    Args:
        left: source frame at time 0.
        right: source frame at time 1.
        begin: where the part begins, 0 to 1.
        end: where it ends.
        weight: how long it lasts, in the unit of the other parts.
    """

    left: int
    right: int
    begin: Fraction
    end: Fraction
    weight: Fraction


@dataclass(frozen=True)
class Pace:
    """A run of source frames in which a thing may be held.

    Args:
        left: the first source frame that shows one of its drawings.
        right: the first one that shows the next.
        timestep: the moment between the two, 0 to 1.
        around: the source frames from two before the run to one after its end, as far as the shot goes.
    """

    left: int
    right: int
    timestep: Fraction
    around: range


@dataclass(frozen=True)
class Decision:
    """What an output frame shows.

    Args:
        kind: `made` interpolates; `source` and `tail` pass a source frame through, and so does `still`, where both
            neighbours are alike; `cut` shows a source frame or a crossfade.
        left: source frame at time 0.
        right: source frame at time 1; the left one again where there is no other.
        timestep: 0 to 1.
        passthrough: the source frame that is shown as it is; None where a picture is made.
        motion: the time between the two frames at which motion is estimated, where a picture is made of it.
        like: the source frame whose properties the output has where that is neither of those it shows: a replaced one.
        blur: the parts that a picture is the mean of, instead of one moment.
        paces: the runs around the moment in which things may be held, which are then shown at their own pace.
        score: the score of a cut between the two frames, where that was computed.
        unless_cut: whether it holds unless the detector finds a cut between the two frames, which it has not judged.
    """

    kind: str
    left: int
    right: int
    timestep: Fraction
    passthrough: int | None = None
    score: float | None = None
    motion: MotionTime | None = None
    like: int | None = None
    blur: tuple[BlurPart, ...] = ()
    paces: tuple[Pace, ...] = ()
    unless_cut: bool = False


class Pairing:
    """Decides for one call of the filter; shared by all its nodes. A decision depends on n and the frames alone.

    Args:
        timeline: where outputs lie in the source.
        arguments: the script's.
        interpolator: compares frames.
        reader: reads frames of the clip.
        cuts: the role of the clip whose frames say where cuts are.
        snap_to_source: whether an output on a source frame is that frame; not where each pixel has its own time.
    """

    def __init__(
        self,
        timeline: Timeline,
        arguments: Arguments,
        interpolator: Interpolator,
        reader: FrameReader,
        *,
        cuts: Role,
        snap_to_source: bool,
    ) -> None:
        self._timeline = timeline
        self._arguments = arguments
        self._interpolator = interpolator
        self._reader = reader
        self._snap_to_source = snap_to_source
        self._cuts = cuts
        self._repeats = RecentCache[tuple[int, int], bool]()
        self._scores = RecentCache[tuple[int, int], float]()
        self._similarities = RecentCache[tuple[int, int], float]()

    def decide(self, n: int, frames: Frames, *, judge: bool = True) -> Decision | MissingFrames:
        """What output n shows, or the frames that are missing to decide it.

        Args:
            n: the output.
            frames: what is at hand.
            judge: whether the detector judges a pair first that it has not judged; else a picture is made of it
                `unless_cut`. A card makes it while it is judged.
        """
        moment = self._timeline.at(n)
        last = self._timeline.frames - 1
        if moment.left >= last:
            kind = "tail" if moment.left > last or moment.timestep else "source"
            return Decision(kind, last, last, moment.timestep, last)
        place = self._place(moment, frames)
        if isinstance(place, MissingFrames):
            return place
        run, timestep = place
        if timestep == 0 and self._snap_to_source:
            return Decision("source", run.first, run.first, timestep, run.first)
        pair = self._between(Decision("made", run.first, run.last, timestep), moment.left, frames, judge=judge)
        if isinstance(pair, MissingFrames) or pair.kind != "made":
            return pair
        return replace(pair, motion=find_motion_time(self._timeline, n, timestep, run.first, run.last))

    def _place(self, moment: Moment, frames: Frames) -> tuple[Run, Fraction] | MissingFrames:
        """The source frames with pictures of their own around a moment, and the time between them."""
        run = self._run(moment, frames)
        if isinstance(run, MissingFrames):
            return run
        if run == Run(moment.left, moment.left + 1):
            return run, moment.timestep
        return run, share_between(self._timeline, moment, run.first, run.last)

    def _run(self, moment: Moment, frames: Frames) -> Run | MissingFrames:
        """The source frames around a moment, or around the run of repeated frames that it lies in."""
        if not self._arguments.dedup:
            return Run(moment.left, moment.left + 1)
        while True:
            limit = self._arguments.dedup_limit
            run = run_around(moment.left, self._timeline.frames, limit, lambda k: self._repeats.get((k - 1, k)))
            if isinstance(run, Run):
                return run
            pair = run - 1, run
            roles = (Role.CLIP, self._cuts) if self._arguments.sc else (Role.CLIP,)
            keys = tuple((role, number) for role in roles for number in pair)
            if any(key not in frames for key in keys):
                return MissingFrames(keys)
            self._repeats.lookup(pair, partial(self._is_repeated, pair, frames))

    def _is_repeated(self, pair: tuple[int, int], frames: Frames) -> bool:
        """Whether the second frame of a pair repeats the first; no run goes across a cut that is marked."""
        if self._arguments.sc and self._marked_cut(*pair, frames):
            return False
        return self._interpolator.repeats(*self._read(pair, frames))

    def note_cut(self, decision: Decision, score: float) -> bool:
        """Whether there is a cut, by the score of a pair that was not judged; it is remembered."""
        self._scores.note((decision.left, decision.right), score)
        return score >= self.cut_threshold

    def _between(self, pair: Decision, shown: int, frames: Frames, *, judge: bool = True) -> Decision | MissingFrames:
        """Whether the two frames of a pair may be interpolated, and what is shown where they may not.

        `shown` is the source frame at the moment, which may repeat the left one. `judge` is that of `decide`.
        """
        arguments = self._arguments
        keys: list[Key] = []
        if arguments.sc or arguments.skip:
            keys = [(Role.CLIP, pair.left), (Role.CLIP, pair.right), (Role.CLIP, shown)]
        if arguments.sc:
            keys += [(self._cuts, number) for number in self._marked_frames(pair)]
        if any(key not in frames for key in keys):
            return MissingFrames(tuple(keys), likely_made=True)
        if arguments.sc:
            score = self._cut_score(pair, frames, judge=judge or bool(arguments.skip))
            if score is None:
                return replace(pair, unless_cut=True)
            pair = replace(pair, score=score)
            if score >= self.cut_threshold:
                return self._at_cut(pair, shown)
        if arguments.skip and self._similarity(pair, frames) >= arguments.skip_threshold:
            return replace(pair, kind="still", passthrough=pair.left if pair.timestep < HALF else pair.right)
        return pair

    def _at_cut(self, pair: Decision, shown: int) -> Decision:
        """A pair that is not interpolated."""
        match self._arguments.sc_mode:
            case "blend":
                return replace(pair, kind="cut")
            case "nearest" if not self._snap_to_source:  # each pixel has a nearest frame of its own
                return replace(pair, kind="cut")
            case "nearest" if pair.timestep >= HALF:
                return replace(pair, kind="cut", passthrough=pair.right)
        return replace(pair, kind="cut", passthrough=shown)

    def _cut_score(self, pair: Decision, frames: Frames, *, judge: bool) -> float | None:
        """1 or 0 where the marks decide, else the detector's score; None where it has not judged and may not."""
        stated = self._stated_cut(pair, frames)
        if stated is not None:
            return float(stated)
        numbers = pair.left, pair.right
        if not judge:
            return self._scores.get(numbers)
        return self._scores.lookup(numbers, lambda: self._interpolator.cut_score(*self._read(numbers, frames)))

    def _marked_frames(self, pair: Decision) -> range:
        """The frames whose marks state whether there is a cut."""
        return range(pair.right - 1, pair.right + 1)

    def _stated_cut(self, pair: Decision, frames: Frames) -> bool | None:
        """Whether marks state a cut between the two frames of a pair; None where they leave that open."""
        return self._marked_cut(pair.right - 1, pair.right, frames)

    def _marked_cut(self, left: int, right: int, frames: Frames) -> bool | None:
        """What the marks of two neighbours state; those of `sc_clip` must be there."""
        marks = frames[self._cuts, left].props, frames[self._cuts, right].props
        if self._cuts is Role.CUTS and not has_marks(*marks):
            raise RifeError(
                f"sc_clip must have _SceneChangeNext or _SceneChangePrev, frames {left} and {right} have neither"
            )
        return cut_between(*marks)

    @property
    def cut_threshold(self) -> float:
        """The score from which on there is a cut."""
        from vsrife.engine import CUT_THRESHOLD

        return CUT_THRESHOLD if self._arguments.sc_threshold is None else self._arguments.sc_threshold

    def _similarity(self, pair: Decision, frames: Frames) -> float:
        numbers = pair.left, pair.right
        return self._similarities.lookup(numbers, lambda: self._interpolator.luma_psnr(*self._read(numbers, frames)))

    def _read(self, numbers: tuple[int, int], frames: Frames) -> tuple[HostFrame, HostFrame]:
        left, right = (self._reader.read(number, frames[Role.CLIP, number]) for number in numbers)
        return left, right


class RecentCache[K, V](OrderedDict[K, V]):
    """The last few results. They depend on the key alone, so that dropping one costs time and nothing else."""

    def lookup(self, key: K, compute: Callable[[], V]) -> V:
        """The cached result, or the one that is computed now."""
        value = self.get(key)
        if value is None:
            value = compute()
            self.note(key, value)
        return value

    def note(self, key: K, value: V) -> None:
        """Cache a result."""
        self[key] = value
        while len(self) > REMEMBERED:
            self.popitem(last=False)
