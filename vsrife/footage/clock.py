"""The time of each frame of a clip: exact, for constant and variable frame rates."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from vsrife.errors import RifeError
from vsrife.footage.ahead import read_ahead
from vsrife.frame_properties import own_duration
from vsrife.timing.durations import PROBED, is_far, is_variable

if TYPE_CHECKING:
    from collections.abc import Mapping

    import vapoursynth as vs

__all__ = ["Clock"]


class Clock:
    """The times of a clip's frames, in seconds after the first one.

    Where the first frames keep the clip's rate, the frame that reading begins with is shown at number / rate. Otherwise
    the durations before it are added up, which reads the frames before it once.

    Args:
        clip: in its own format, so that durations cost no conversion.
        name: of the source, for messages.

    Raises:
        RifeError: neither the clip nor its frames say how long they last.
    """

    def __init__(self, clip: vs.VideoNode, name: str) -> None:
        self._clip = clip
        self._rate = Fraction(clip.fps)
        first = [own_duration(frame.props) for frame in read_ahead(clip, range(min(PROBED, clip.num_frames)))]
        usual = 1 / self._rate if self._rate else first[0]
        if usual is None:
            raise RifeError(f"{name} must have a frame rate, or frames with a duration")
        self._usual = usual
        self._constant = not is_variable(first, self._rate)
        self._starts = [Fraction(0)]

    def start(self, number: int) -> Fraction:
        """The time of frame `number`."""
        if self._constant:
            return number / self._rate
        last = len(self._starts) - 1
        if last < number:
            for k, frame in enumerate(read_ahead(self._clip, range(last, number)), last):
                self.end(k, self._starts[k], frame.props)
        return self._starts[number]

    def end(self, number: int, start: Fraction, properties: Mapping[str, Any]) -> Fraction:
        """The end of frame `number`, which begins at `start`; cached, so that the frame is not read again.

        A frame without a duration lasts as long as the rate has it, or the first frame; so does a frame of a constant
        rate whose duration is rounded.
        """
        seconds = own_duration(properties)
        if seconds is None or (self._constant and not is_far(seconds, self._rate)):
            seconds = self._usual
        end = start + seconds
        if not self._constant and len(self._starts) == number + 1:
            self._starts.append(end)
        return end
