"""Clips as suites: frames are dropped and interpolated again."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from vsrife.errors import ArgumentError
from vsrife.evaluation.cases import Case, Suite, Truth
from vsrife.footage import marked, open_footage
from vsrife.timing.durations import even_shares

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vsrife.evaluation.cases import Choice
    from vsrife.footage import Footage, Frame, Mark

__all__ = ["clip_suite"]


def clip_suite(path: Path, choice: Choice) -> Suite:
    """A video, a script's output or a folder of frames.

    From the span's first frame on, the inner ones of each factor + 1 frames are interpolated again; the next window
    begins with the last frame of this one. Windows with a cut are left out and, unless the choice keeps repeats, those
    in which a picture is repeated: nothing moves in them.

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
    truths = tuple(
        Truth(time, frame.rgb)
        for time, frame in zip(even_shares([frame.time for frame in frames]), between, strict=True)
    )
    return Case(f"{first.number}-{last.number}", first.rgb, last.rgb, truths)
