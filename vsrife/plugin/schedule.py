"""From a clip and what a script says to when output frames are shown, and what they are made from."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from vsrife.errors import ArgumentError, RifeError
from vsrife.plugin.arguments import INT64_MAX
from vsrife.plugin.properties import own_duration
from vsrife.timing.source_times import SourceTimes, unit_of
from vsrife.timing.timecodes import read_timecodes
from vsrife.timing.timeline import EvenTimeline, ListedTimeline, Moment, TimedTimeline, simplest_fraction

if TYPE_CHECKING:
    from collections.abc import Callable

    import vapoursynth as vs

    from vsrife.plugin.arguments import Arguments
    from vsrife.timing.timeline import Timeline

    Log = Callable[[str], None]

__all__ = ["LONGEST", "OffsetTimeline", "Schedule", "far_from", "fraction", "schedule"]

LONGEST = 2**31 - 1
ENDLESS = 2**24
"""Frames: more than a day at 120 a second. A player announces a clip it knows no end of as longer, and is given as many
frames as a clip can have, whatever the rate."""
PROBED = 8
"""Frames whose duration is looked at to find a variable frame rate that the clip does not announce."""
PROGRESS_EVERY = 5.0
"""Seconds between two lines of progress."""


@dataclass(frozen=True)
class Schedule:
    """When output frames are shown.

    Args:
        timeline: where each lies in the source.
        fps: output frames for each second, 0 where unknown or variable.
        step: source frames that an output frame stands for, where its duration follows from theirs; 0 where not.
        clip_fps: the clip's frame rate, 0 where unknown.
        target: whether the clip's frame rate is taken to be true, to reach another one.
    """

    timeline: Timeline
    fps: Fraction
    step: Fraction = Fraction(0)
    clip_fps: Fraction = Fraction(0)
    target: bool = False


@dataclass(frozen=True)
class OffsetTimeline:
    """Output n lies at the same place after each source frame.

    Args:
        frames: of the source.
        offset: 0 to 1.
    """

    frames: int
    offset: Fraction

    @property
    def length(self) -> int:
        """One for each source frame."""
        return self.frames

    def at(self, n: int) -> Moment:
        """Where output frame n lies."""
        return Moment(n + 1, Fraction(0)) if self.offset == 1 else Moment(n, self.offset)

    def between(self, moment: Moment, first: int, last: int) -> Fraction:
        """How far a moment is from one source frame to a later one, by number."""
        return (moment.left - first + moment.timestep) / (last - first)

    def duration(self, n: int) -> None:
        """As long as the source frame."""
        return


def schedule(clip: vs.VideoNode, arguments: Arguments, log: Log) -> Schedule:
    """When the output frames of `RIFE` or `Motion` are shown.

    Raises:
        RifeError: positions or times that cannot be, a frame rate that is not known, or more frames than a clip can
            have.
    """
    made = _schedule(clip, arguments, log)
    if made.timeline.length > LONGEST and clip.num_frames <= ENDLESS:
        raise RifeError(f"the rate must give at most {LONGEST} frames, got {_brief(made.timeline.length)}")
    rate = made.timeline.rate if isinstance(made.timeline, EvenTimeline) else Fraction(1)
    if max(made.fps.numerator, made.fps.denominator, rate.numerator, rate.denominator) > INT64_MAX:
        raise RifeError("the output frame rate and its ratio to the clip's must be fractions of 64-bit integers")
    return made


def _schedule(clip: vs.VideoNode, arguments: Arguments, log: Log) -> Schedule:
    frames, fps = clip.num_frames, arguments.fps
    if arguments.positions is not None:
        rate = fps or clip.fps
        return Schedule(ListedTimeline(frames, _positions(arguments.positions, frames), rate), rate)
    times = None
    if arguments.timecodes is not None:
        times = read_timecodes(_path(arguments.timecodes), frames)
    elif fps is not None and _is_variable(clip, arguments.vfr):
        times = _read_durations(clip, log)
    if fps is not None and times is not None:
        return Schedule(TimedTimeline(times, fps), fps)
    if fps is not None:
        return Schedule(EvenTimeline(frames, fps / clip.fps), fps, clip.fps / fps, clip.fps, target=True)
    rate = arguments.rate
    if times is not None:
        return Schedule(EvenTimeline(frames, rate, times), clip.fps * rate)
    return Schedule(EvenTimeline(frames, rate), clip.fps * rate, 1 / rate, clip.fps)


def _positions(given: float | Sequence[float], frames: int) -> tuple[Fraction, ...]:
    listed = given if isinstance(given, Sequence) else [given]  # VapourSynth hands over lists of one as the one
    for n, position in enumerate(listed):
        if not (math.isfinite(position) and 0 <= position < frames):
            raise RifeError(f"positions must be 0 to below {frames}, the clip's frames, got {position:g} at {n}")
    return tuple(fraction(position) for position in listed)


def fraction(number: float) -> Fraction:
    """What a script means by a number of 0 or more: the simplest fraction, to a billionth."""
    return simplest_fraction(number).limit_denominator(10**9) if number else Fraction(0)


def _path(name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise ArgumentError("timecodes", name, "a home that exists", verb="have") from None


def _is_variable(clip: vs.VideoNode, vfr: int | None) -> bool:
    """Whether frames are placed by their own durations: as the script says, else as the first frames do.

    Source filters announce the mean of a variable rate as if it were constant.

    Raises:
        RifeError: there is no rate, and durations cannot be gone by.
    """
    if vfr == 1:
        return True
    if clip.fps > 0:
        if vfr == 0 or clip.num_frames > ENDLESS:  # a player has no frames yet when it loads the script
            return False
        durations = (own_duration(frame.props) for frame in islice(clip.frames(close=True), PROBED))
        return any(seconds is not None and far_from(seconds, clip.fps) for seconds in durations)
    if vfr == 0 or clip.num_frames > ENDLESS:
        why = "vfr is 0" if vfr == 0 else f"it announces {clip.num_frames} frames, too many to read their durations"
        raise RifeError(
            "fps_num and fps_den need a clip with a frame rate, got one of 0/0 "
            f"and {why} (std.AssumeFPS sets it, timecodes gives times)"
        )
    return True


def far_from(seconds: Fraction, fps: Fraction) -> bool:
    """Whether a frame's duration is not that of a constant rate, nor a container's rounding of it to milliseconds."""
    return abs(seconds * fps - 1) > Fraction(1, 50) and abs(seconds - 1 / fps) > Fraction(15, 10000)


def _read_durations(clip: vs.VideoNode, log: Log) -> SourceTimes:
    """Every frame's duration, which decodes the clip once; can be interrupted from the keyboard.

    A last frame that has none lasts as long as the one before it.

    Raises:
        RifeError: a frame has none.
    """
    if clip.num_frames > ENDLESS:
        raise ArgumentError("vfr", clip.num_frames, f"0 for a clip of more than {ENDLESS} frames")
    log(f"reading the durations of {clip.num_frames} frames (timecodes= saves it)")
    durations: list[Fraction] = []
    started = said = time.monotonic()
    for number, frame in enumerate(clip.frames(close=True)):
        seconds = own_duration(frame.props)
        if seconds is None and durations and number == clip.num_frames - 1:
            seconds = durations[-1]  # source filters do not know when the last one ends
        if seconds is None:
            raise RifeError(
                f"every frame must have a duration where they differ, frame {number} has none "
                "(std.AssumeFPS sets it, timecodes gives times)"
            )
        durations.append(seconds)
        now = time.monotonic()
        if now - said >= PROGRESS_EVERY:
            said, done = now, len(durations) / clip.num_frames
            log(f"durations: {done:.0%} read, {(now - started) * (1 - done) / done:.0f} s left")
    return SourceTimes.from_durations(durations, unit_of(durations))


def _brief(number: int) -> str:
    """An integer that may have hundreds of digits."""
    digits = str(number)
    return digits if len(digits) <= 20 else f"a number of {len(digits)} digits"
