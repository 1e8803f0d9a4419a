"""Which output frames make up which file: cut where the film is cut, as near as that is to equal stretches."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from vsrife.film.job import Segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import vapoursynth as vs

    from vsrife.film.job import Job

__all__ = ["boundaries", "cut_near", "plan"]

WINDOW = Fraction(1)
"""Seconds before and after a nominal boundary within which a cut is looked for."""
SHARE = Fraction(1, 4)
"""Of a segment's length, to which that is limited."""
LAST = Fraction(1, 2)
"""Of a segment's length, that the last one has at least."""
LOOKED_AT = 360
"""Pixels of the shorter side that the detector is shown."""


def plan(job: Job, clip: vs.VideoNode, watch: Callable[[int, int], None] | None = None) -> tuple[Segment, ...]:
    """The segments of a job, which depend on the film and the job's arguments alone.

    Only the film's frames around nominal boundaries are decoded.

    Args:
        job: without segments.
        clip: the film's part.
        watch: told how many of how many boundaries are found.
    """
    nominal = list(boundaries(job))
    starts = [0]
    for number, frame in enumerate(nominal):
        first = job.at(cut_near(job, clip, frame))
        if starts[-1] < first < job.frames:
            starts.append(first)
        if watch:
            watch(number + 1, len(nominal))
    stops = [*starts[1:], job.frames]
    return tuple(Segment(number, *ends) for number, ends in enumerate(zip(starts, stops, strict=True)))


def boundaries(job: Job) -> Iterator[int]:
    """The part's frames at every so many seconds, the beginning and what is near the end left out."""
    count = 1
    while (at := count * job.every) <= job.film.seconds - job.every * LAST:
        yield job.film.at(at)
        count += 1


def cut_near(job: Job, clip: vs.VideoNode, frame: int) -> int:
    """The first frame of the new shot at the cut nearest a frame; the frame itself where none is near."""
    import vapoursynth as vs

    from vsrife.footage import Footage, marked

    film = job.film
    reach = min(WINDOW, job.every * SHARE)
    time = film.shown(frame)
    low, high = max(0, film.at(time - reach)), min(film.length, film.at(time + reach) + 1)
    if high - low < 2:
        return frame
    core: Any = vs.core
    timeless = core.std.AssumeFPS(clip, fpsnum=25)  # so that nothing is read for its time
    scale = min(Fraction(1), Fraction(LOOKED_AT, min(clip.width, clip.height)))
    frames = Footage(timeless, "source").frames(low, high, scale=scale)
    cuts = [shown.number for shown, mark in marked(frames) if mark.cut and shown.number > low]
    return min(cuts, key=lambda cut: (abs(cut - frame), cut), default=frame)
