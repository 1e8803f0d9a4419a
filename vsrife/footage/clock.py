"""When each frame of a clip is shown: exact, for constant and variable frame rates."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from vsrife.errors import RifeError
from vsrife.footage.ahead import read_ahead

if TYPE_CHECKING:
    from collections.abc import Mapping

    import vapoursynth as vs

__all__ = ["Clock"]

PROBED = 8
"""First frames that are asked whether they last as long as the rate says, as many as the filter asks."""


class Clock:
    """When the frames of a clip are shown, in seconds after the first one.

    Where the first frames keep the clip's rate, a frame that reading begins with is taken to be shown at number / rate.
    Otherwise the durations before it are added up, which reads the frames before it once.

    Args:
        clip: in its own format, so that durations cost no conversion.
        name: of the source, for messages.

    Raises:
        RifeError: neither the clip nor its frames say how long they last.
    """

    def __init__(self, clip: vs.VideoNode, name: str) -> None:
        self._clip = clip
        self._rate = Fraction(clip.fps)
        first = [_own(frame.props) for frame in read_ahead(clip, range(min(PROBED, clip.num_frames)))]
        usual = 1 / self._rate if self._rate else first[0]
        if usual is None:
            raise RifeError(f"{name} must have a frame rate, or frames that say how long they last")
        self._usual = usual
        self._steady = self._rate > 0 and all(own in (None, usual) for own in first)
        self._starts = [Fraction(0)]

    def start(self, number: int) -> Fraction:
        """When frame `number` is shown."""
        if self._steady:
            return number / self._rate
        known = len(self._starts) - 1
        if known < number:
            for k, frame in enumerate(read_ahead(self._clip, range(known, number)), known):
                self.end(k, self._starts[k], frame.props)
        return self._starts[number]

    def end(self, number: int, start: Fraction, properties: Mapping[str, Any]) -> Fraction:
        """When frame `number` is over, which is shown at `start`; noted, so that it is not read again.

        A frame that does not say lasts as long as the rate has it, or the first frame.
        """
        end = start + (_own(properties) or self._usual)
        if not self._steady and len(self._starts) == number + 1:
            self._starts.append(end)
        return end


def _own(properties: Mapping[str, Any]) -> Fraction | None:
    """How long a frame lasts in seconds, where it says so sensibly."""
    num, den = properties.get("_DurationNum"), properties.get("_DurationDen")
    return Fraction(num, den) if num and den and num > 0 and den > 0 else None
