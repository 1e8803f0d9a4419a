"""Detectors of cuts, repeats and stills: stateless functions of two pictures; and what frames state of cuts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsrife.frame_properties import integer, own_duration

if TYPE_CHECKING:
    from vsrife.frame_properties import Properties

__all__ = ["cut_between", "has_marks"]

_GAP = 1.5
"""Durations of a frame after which the next one begins at the latest."""


def cut_between(left: Properties, right: Properties, *, neighbours: bool = True) -> bool | None:
    """Whether the marks of two frames state a scene change between them; None where they leave that open.

    A mark tells of the frames that were neighbours when it was written, and a filter that reorders frames keeps it. So
    a 1 on either side is proof, while it takes a 0 on both sides to deny a cut. Where something shows that other frames
    have come together, only a 1 on both sides is proof, and nothing denies a cut: where times do not follow each other,
    or where both frames deny one and are marked at their far sides, as where a cut is played backwards.

    Args:
        left: properties of the left frame; `_SceneChangeNext` is its mark.
        right: properties of the right frame; `_SceneChangePrev` is its mark.
        neighbours: whether no frame was left out between the two; where some were, marks may only state a cut.
    """
    marks = _marks(left, right)
    if not neighbours:
        return any(marks) or None
    if any(marks):
        return True if all(marks) or not _times_break(left, right) else None
    if None in marks or _times_break(left, right):
        return None
    return None if integer(left, "_SceneChangePrev") and integer(right, "_SceneChangeNext") else False


def has_marks(left: Properties, right: Properties) -> bool:
    """Whether one of two frames has a mark for what lies between them."""
    return _marks(left, right) != (None, None)


def _marks(left: Properties, right: Properties) -> tuple[bool | None, bool | None]:
    after, before = integer(left, "_SceneChangeNext"), integer(right, "_SceneChangePrev")
    return None if after is None else after != 0, None if before is None else before != 0


def _times_break(left: Properties, right: Properties) -> bool:
    """Whether the times of two frames run backwards, or leave out more than a frame."""
    start, end, duration = left.get("_AbsoluteTime"), right.get("_AbsoluteTime"), own_duration(left)
    if not isinstance(start, float) or not isinstance(end, float):
        return False
    return end <= start or (duration is not None and end - start > _GAP * duration)
