"""The division of a film into segments of similar length that end at cuts of the film."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from vsrife.film.job import Segment

if TYPE_CHECKING:
    from collections.abc import Iterator

    import vapoursynth as vs

    from vsrife.film.job import Job
    from vsrife.film.progress import Progress

__all__ = ["plan_segments"]

WINDOW = Fraction(1)
"""Seconds before and after a nominal boundary within which a cut is searched for."""
SHARE = Fraction(1, 4)
"""The largest share of a segment's length that `WINDOW` may be."""
LAST = Fraction(1, 2)
"""The smallest share of a segment's length that the last one may have."""
DETECTOR_SIDE = 360
"""Pixels of the shorter side of the pictures in which cuts are detected."""


def plan_segments(job: Job, clip: vs.VideoNode, watch: Progress | None = None) -> tuple[Segment, ...]:
    """Plan the segments of a job; they depend on the film and the job's arguments alone.

    Only the film's frames around nominal boundaries are decoded; `watch` is called after each boundary.
    """
    nominal = list(_boundaries(job))
    starts = [0]
    for number, frame in enumerate(nominal):
        first = job.at(_nearest_cut(job, clip, frame))
        if starts[-1] < first < job.frames:
            starts.append(first)
        if watch:
            watch(number + 1, len(nominal))
    stops = [*starts[1:], job.frames]
    return tuple(Segment(number, *ends) for number, ends in enumerate(zip(starts, stops, strict=True)))


def _boundaries(job: Job) -> Iterator[int]:
    """The part's frames at multiples of the segments' length, without the start and those near the end."""
    count = 1
    while (at := count * job.segment_seconds) <= job.film.seconds - job.segment_seconds * LAST:
        yield job.film.at(at)
        count += 1


def _nearest_cut(job: Job, clip: vs.VideoNode, frame: int) -> int:
    """The first frame of the new shot at the cut nearest a frame; the frame itself where none is near."""
    import vapoursynth as vs

    from vsrife.footage import Footage, marked

    film = job.film
    reach = min(WINDOW, job.segment_seconds * SHARE)
    time = film.shown(frame)
    low, high = max(0, film.at(time - reach)), min(film.length, film.at(time + reach) + 1)
    if high - low < 2:
        return frame
    core: Any = vs.core
    timeless = core.std.AssumeFPS(clip, fpsnum=25)  # so that no frame is read for its time
    scale = min(Fraction(1), Fraction(DETECTOR_SIDE, min(clip.width, clip.height)))
    frames = Footage(timeless, "source").frames(low, high, scale=scale)
    cuts = [shown.number for shown, mark in marked(frames) if mark.cut and shown.number > low]
    return min(cuts, key=lambda cut: (abs(cut - frame), cut), default=frame)
