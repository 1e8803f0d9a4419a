"""Bad frames of a clip, each made anew from the good frames on either side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from vsrife.detect.runs import gap_around
from vsrife.errors import ArgumentError, RifeError
from vsrife.plugin.pairing import Decision, MissingFrames, Pairing, Role
from vsrife.timing.motion_time import find_motion_time

if TYPE_CHECKING:
    from collections.abc import Callable

    import vapoursynth as vs

    from vsrife.plugin.arguments import Arguments
    from vsrife.plugin.pairing import Frames

__all__ = ["Replacing", "checked_frames"]


def checked_frames(arguments: Arguments, length: int) -> frozenset[int] | None:
    """The numbers of the bad frames; None where a property tells.

    Args:
        arguments: of `Replace`.
        length: frames of the clip.

    Raises:
        RifeError: nothing or two things say which frames are bad, a number is none of the clip's, more than `limit` are
            in a row, or no frame is left.
    """
    if arguments.frames is None and arguments.prop is None:
        raise RifeError("frames must be a list of frame numbers, or prop the name of a frame property, got neither")
    if arguments.frames is not None and (arguments.prop is not None or arguments.prop_clip is not None):
        raise RifeError("frames must be the only list, got prop or prop_clip too")
    if arguments.frames is None:
        return None
    given = arguments.frames if isinstance(arguments.frames, Sequence) else [arguments.frames]
    for number in given:
        if not 0 <= number < length:
            raise ArgumentError("frames", number, f"0 to below {length}, the clip's frames")
    bad = frozenset(given)
    if len(bad) == length:
        raise RifeError(f"frames must leave a frame of the clip, got all {length}")
    for first in sorted(bad):
        if first - 1 not in bad:
            end = next(number for number in range(first, length + 1) if number not in bad)
            if end - first > arguments.limit:
                allowed = f"at most {arguments.limit} in a row, the limit"
                raise ArgumentError("frames", f"{end - first} from {first} on", allowed, verb="have")
    return bad


class Replacing(Pairing):
    """Decides for `Replace`: good frames stay, a bad one lies between the good ones on either side.

    Args:
        bad: the numbers of the bad frames; None where the property `prop` tells.
        marks: the role of the clip whose frames have that property.
        log: takes a line about marked frames that stay as they are.
        **others: of `Pairing`, whose timeline has one output for each source frame.
    """

    def __init__(
        self, *others: Any, bad: frozenset[int] | None, marks: Role, log: Callable[[str], None], **named: Any
    ) -> None:
        super().__init__(*others, **named)
        self._bad = bad
        self._marks = marks
        self._log = log

    def decide(self, n: int, frames: Frames, *, judge: bool = True) -> Decision | MissingFrames:
        length = self._timeline.frames
        gap = gap_around(n, length, self._arguments.limit, lambda number: self._is_bad(number, frames))
        if isinstance(gap, list):
            return MissingFrames(tuple((self._marks, number) for number in gap))
        if gap is None:
            if self._is_bad(n, frames):
                limit = self._arguments.limit
                self._log(f"frame {n} stays as it is: prop marks more than limit={limit} frames in a row, or all")
            return Decision("source", n, n, Fraction(0), n)
        if gap.first < 0 or gap.last == length:
            good = gap.last if gap.first < 0 else gap.first
            return Decision("tail", good, good, Fraction(0), good, like=n)
        timestep = Fraction(n - gap.first, gap.last - gap.first)
        made = Decision("made", gap.first, gap.last, timestep, like=n)
        pair = self._between(made, gap.first, frames, judge=judge)
        if isinstance(pair, MissingFrames) or pair.kind != "made":
            return pair
        return replace(pair, motion=find_motion_time(self._timeline, n, timestep, gap.first, gap.last))

    def _is_bad(self, number: int, frames: Frames) -> bool | None:
        if self._bad is not None:
            return number in self._bad
        frame: vs.VideoFrame | None = frames.get((self._marks, number))
        if frame is None:
            return None
        value = frame.props.get(self._arguments.prop or "")
        return isinstance(value, (int, float)) and value != 0

    def _marked_frames(self, pair: Decision) -> range:
        """Those of `sc_clip` alone: in the clip itself, bad frames are marked as cuts by detectors."""
        return range(pair.left, pair.right + 1) if self._cuts is Role.CUTS else range(0)

    def _stated_cut(self, pair: Decision, frames: Frames) -> bool | None:
        stated = [self._marked_cut(number, number + 1, frames) for number in self._marked_frames(pair)[:-1]]
        if any(stated):
            return True
        return None if not stated or None in stated else False
