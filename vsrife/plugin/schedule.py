"""When output frames are shown, from the clip and the script's arguments."""

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
from vsrife.frame_properties import own_duration
from vsrife.plugin.arguments import INT64_MAX
from vsrife.timing.durations import PROBED, is_far, is_variable, span
from vsrife.timing.moments import fraction
from vsrife.timing.rates import INT32_MAX, usual_rate_near
from vsrife.timing.source_times import SourceTimes, unit_of
from vsrife.timing.timecodes import read_timecodes
from vsrife.timing.timeline import EvenTimeline, ListedTimeline, OffsetTimeline, TimedTimeline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import vapoursynth as vs

    from vsrife.plugin.arguments import Arguments
    from vsrife.timing.timeline import Timeline

    Log = Callable[[str], None]

__all__ = ["LONGEST", "Schedule", "offset_schedule", "rate_schedule"]

LONGEST = 2**31 - 1
ENDLESS = 2**24
"""Frames: more than a day at 120 a second. A player announces a clip whose end it does not know as longer, and such a
clip gets as many frames as a clip can have, whatever the rate."""
LONGEST_SPAN = 32
"""Source frames whose own durations an output frame sums."""
PROGRESS_EVERY = 5.0
"""Seconds between two lines of progress."""


@dataclass(frozen=True)
class Schedule:
    """When output frames are shown.

    Args:
        timeline: where each lies in the source.
        fps: output frames for each second, 0 where unknown or variable.
        step: source frames for each output frame, where its duration follows from theirs; 0 where it does not.
        clip_fps: the clip's frame rate, 0 where unknown.
        target: whether the clip's frame rate is relied on, to reach another one.
        is_trusted: whether the script states that the clip's frame rate is constant.
        mean_fps: the frame rate that the clip announces where its frames decide; 0 where unknown.
    """

    timeline: Timeline
    fps: Fraction
    step: Fraction = Fraction(0)
    clip_fps: Fraction = Fraction(0)
    target: bool = False
    is_trusted: bool = False
    mean_fps: Fraction = Fraction(0)

    def duration_frames(self, n: int) -> range:
        """Source frames that decide how long output n lasts: the left one; where the rate is unknown, all it covers.

        The last one is joined by the one before it: source filters do not know when the last one ends.
        """
        if not self.step:
            return range(0)
        moment, last = self.timeline.at(n), self.timeline.frames - 1
        first = end = moment.left
        if not self.clip_fps:
            end = min(math.ceil(moment.left + moment.timestep + self.step) - 1, end + LONGEST_SPAN)
            first = min(first, max(0, last - 1)) if end >= last else first
        return range(min(first, last), min(end, last) + 1)

    def usual_duration(self, n: int) -> Fraction | None:
        """How long output n lasts in seconds, where the source frame does not depart from the clip's rate."""
        known = self.timeline.duration(n)
        return known if known is not None or not (self.step and self.clip_fps) else 1 / self.fps

    def departs(self, own: Fraction | None) -> bool:
        """Whether a source frame's own duration departs from the clip's rate, where that rate decides."""
        return bool(self.step and self.clip_fps) and own is not None and is_far(own, self.clip_fps)

    def duration(self, n: int, shown: int, durations: Mapping[int, Fraction]) -> Fraction | None:
        """How long output n lasts in seconds: what the timeline says, or its source frames' share.

        Args:
            n: the output.
            shown: the source frame whose properties it has.
            durations: source frames' own durations.
        """
        usual = self.usual_duration(n)
        if not self.step or (usual is not None and (self.target or not self.departs(durations.get(shown)))):
            return usual
        moment, last = self.timeline.at(n), self.timeline.frames - 1
        known = dict(durations)
        if last not in known and last - 1 in known:
            known[last] = known[last - 1]
        if self.mean_fps:
            known.setdefault(min(moment.left, last), 1 / self.mean_fps)
        return span(moment.left + moment.timestep, self.step, known)


def offset_schedule(clip: vs.VideoNode, timestep: float) -> Schedule:
    """The same time after every source frame."""
    return Schedule(OffsetTimeline(clip.num_frames, fraction(timestep)), clip.fps)


def rate_schedule(clip: vs.VideoNode, arguments: Arguments, log: Log) -> Schedule:
    """When the output frames of `RIFE` or `Motion` are shown.

    Raises:
        RifeError: positions or times that cannot be, a frame rate that is not known, or more frames than a clip can
            have.
    """
    schedule = _schedule(clip, arguments, log)
    length = schedule.timeline.length
    if length > LONGEST and clip.num_frames <= ENDLESS:
        frames = str(length) if length < 10**20 else f"a number of {len(str(length))} digits"
        raise RifeError(f"{arguments.rate_names} must give at most {LONGEST} frames, got {frames}")
    _check_rate(schedule, arguments, clip.fps, log)
    return schedule


def _check_rate(schedule: Schedule, arguments: Arguments, clip_fps: Fraction, log: Log) -> None:
    """Refuse a rate that VapourSynth cannot announce, and log one that others misread or that was meant otherwise."""
    fps, names = schedule.fps, arguments.rate_names
    ratio = schedule.timeline.rate if isinstance(schedule.timeline, EvenTimeline) else Fraction(1)
    largest = max(fps.numerator, fps.denominator, ratio.numerator, ratio.denominator)
    if largest > INT64_MAX:
        allowed = "give a frame rate, and a ratio to the clip's, whose numerators and denominators fit into 64 bits"
        raise RifeError(f"{names} must {allowed}, got {len(str(largest))} digits")
    if max(fps.numerator, fps.denominator) > INT32_MAX:
        log(
            f"{names} gives {fps} frames a second, which does not fit into 32 bits, so that players and y4m "
            "misread it; give an exact rate by fps_num and fps_den"
        )
    elif arguments.fps is not None and clip_fps and (usual := usual_rate_near(fps)):
        simpler, given = usual / clip_fps, fps / clip_fps
        if simpler.numerator < given.numerator:
            log(
                f"{names} gives {fps} frames a second; if {usual} is meant, name it by fps_num and fps_den: "
                "more source frames pass through unchanged"
            )


def _schedule(clip: vs.VideoNode, arguments: Arguments, log: Log) -> Schedule:
    frames, fps, snap = clip.num_frames, arguments.fps, fraction(arguments.snap)
    if arguments.positions is not None:
        rate = fps or clip.fps
        return Schedule(ListedTimeline(frames, _positions(arguments.positions, frames), rate), rate)
    times, constant = None, arguments.vfr == 0
    if arguments.timecodes is not None:
        times = read_timecodes(_path(arguments.timecodes), frames)
    elif fps is not None and _reads_durations(clip, arguments.vfr):
        times = _read_durations(clip, log)
    if fps is not None and times is not None:
        return Schedule(TimedTimeline(times, fps, snap), fps)
    if fps is not None:
        return Schedule(
            EvenTimeline(frames, fps / clip.fps, snap=snap),
            fps,
            clip.fps / fps,
            clip.fps,
            target=True,
            is_trusted=constant,
        )
    rate = arguments.rate_of(clip.fps)
    if times is not None:
        varies = is_variable((times.start(k + 1) - times.start(k) for k in range(frames)), clip.fps)
        return Schedule(EvenTimeline(frames, rate, times, snap), Fraction(0) if varies else clip.fps * rate)
    if arguments.vfr == 1:
        return Schedule(EvenTimeline(frames, rate, snap=snap), Fraction(0), 1 / rate, mean_fps=clip.fps)
    return Schedule(EvenTimeline(frames, rate, snap=snap), clip.fps * rate, 1 / rate, clip.fps, is_trusted=constant)


def _positions(given: float | Sequence[float], frames: int) -> tuple[Fraction, ...]:
    listed = given if isinstance(given, Sequence) else [given]  # VapourSynth hands over lists of one as the one
    for n, position in enumerate(listed):
        if not (math.isfinite(position) and 0 <= position < frames):
            raise RifeError(f"positions must be 0 to below {frames}, the clip's frames, got {position:g} at {n}")
    return tuple(fraction(position) for position in listed)


def _path(name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise ArgumentError("timecodes", name, "a home that exists", verb="have") from None


def _reads_durations(clip: vs.VideoNode, vfr: int | None) -> bool:
    """Whether frames are placed by their own durations: as the script says, else where the clip's rate is variable.

    Raises:
        RifeError: there is no rate, and the durations cannot be used.
    """
    endless = clip.num_frames > ENDLESS  # a player has no frames yet when it loads the script
    if vfr == 1:
        return True
    if not clip.fps and (vfr == 0 or endless):
        why = "vfr is 0" if vfr == 0 else f"it announces {clip.num_frames} frames, too many to read their durations"
        raise RifeError(
            "fps_num and fps_den need a clip with a frame rate, got one of 0/0 "
            f"and {why} (std.AssumeFPS sets it, timecodes gives times)"
        )
    if vfr == 0 or endless:
        return False
    return is_variable((own_duration(frame.props) for frame in islice(clip.frames(close=True), PROBED)), clip.fps)


def _read_durations(clip: vs.VideoNode, log: Log) -> SourceTimes:
    """Every frame's duration, which decodes the clip once; can be interrupted from the keyboard.

    A last frame that states none lasts as long as the one before it.

    Raises:
        RifeError: a frame states none.
    """
    if clip.num_frames > ENDLESS:
        raise ArgumentError("vfr", clip.num_frames, f"0 for a clip of more than {ENDLESS} frames")
    log(f"reading the durations of {clip.num_frames} frames (timecodes= avoids this)")
    durations: list[Fraction] = []
    started = reported = time.monotonic()
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
        if now - reported >= PROGRESS_EVERY:
            reported, done = now, len(durations) / clip.num_frames
            log(f"durations: {done:.0%} read, {(now - started) * (1 - done) / done:.0f} s left")
    return SourceTimes.from_durations(durations, unit_of(durations))
