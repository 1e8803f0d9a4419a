"""Clips as suites: frames are dropped and made again."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING

from vsrife.errors import ArgumentError
from vsrife.evaluation.cases import Case, Suite, Truth
from vsrife.footage import marked, open_footage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vsrife.evaluation.cases import Choice
    from vsrife.footage import Footage, Frame, Mark

__all__ = ["clip_suite"]

ROUNDED = Fraction(1, 1000)
"""Seconds by which timestamps may have been rounded, as those of Matroska are."""


def clip_suite(path: Path, choice: Choice) -> Suite:
    """A video, a script's output or a folder of frames.

    From the span's first frame on, of each factor + 1 frames the inner ones are made again; the next ones begin with
    the last of these. Those with a cut among them are left out, and where nothing else is said those in which a picture
    is shown again: there is nothing to be made.

    Raises:
        RifeError: the path cannot be read, or the span is shorter than the factor.
    """
    footage = open_footage(path)
    factor = choice.factor or 2
    part = choice.within(footage.length)
    windows = (len(part) - 1) // factor
    if windows < 1:
        raise ArgumentError("span", len(part), f"{factor + 1} frames of {footage.name}", verb="leave")
    length = -(-windows // choice.every)
    if choice.limit is not None:
        length = min(length, choice.limit)
    moving = choice.every == 1
    return Suite(footage.name, length, lambda: _cases(footage, part, factor, choice), moving=moving)


def _cases(footage: Footage, part: range, factor: int, choice: Choice) -> Iterator[Case]:
    scale = choice.scale(footage.width, footage.height)
    window: deque[tuple[Frame, Mark]] = deque(maxlen=factor + 1)
    found = 0
    for frame, mark in marked(footage.frames(part.start, part.stop, scale=scale)):
        window.append((frame, mark))
        place, rest = divmod(frame.number - part.start, factor)
        if rest or not place or (place - 1) % choice.every:
            continue
        marks = [mark for _, mark in list(window)[1:]]
        if any(mark.cut or (mark.repeat and not choice.repeats) for mark in marks):
            continue
        yield _case([frame for frame, _ in window])
        found += 1
        if found == choice.limit:
            return


def _case(frames: Sequence[Frame]) -> Case:
    first, *between, last = frames
    truths = tuple(Truth(time, frame.rgb) for time, frame in zip(_times(frames), between, strict=True))
    return Case(f"{first.number}-{last.number}", first.rgb, last.rgb, truths)


def _times(frames: Sequence[Frame]) -> list[Fraction]:
    """When the inner frames are shown: evenly, unless the clip has a variable frame rate."""
    steps = len(frames) - 1
    even = [Fraction(k, steps) for k in range(1, steps)]
    duration = frames[-1].time - frames[0].time
    shown = [(frame.time - frames[0].time) / duration for frame in frames[1:-1]]
    uneven = any(abs(a - b) * duration > ROUNDED for a, b in zip(shown, even, strict=True))
    return shown if uneven else even
