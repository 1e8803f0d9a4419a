"""A look over a whole clip, read once at a small size: how much moves, and where it is cut, repeats itself or rests."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn.functional import interpolate, max_pool2d

from vsrife.errors import ArgumentError
from vsrife.evaluation.metrics import luma
from vsrife.footage import marked
from vsrife.footage.marks import LONGEST_HOLD, one_thread
from vsrife.timing.durations import is_variable

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from vsrife.compare.flow import FlowFinder
    from vsrife.footage import Footage

__all__ = ["FEWEST", "Survey", "survey"]

FEWEST = 2
"""Frames."""
MARKED = 960, 540
"""Width and height that pictures are read at, at most: slow motion must still differ from a repeat."""
MOVED = 320, 180
"""Those at which motion is estimated."""
SMALLEST = 16
"""Pixels of a side that a network takes."""
DETAIL, AROUND = 6, 5
"""Levels of 255 by which luma differs within so many rows and columns where there is something that can be followed.

Elsewhere motion is guessed.
"""
PLAIN = 0.002
"""The share of a picture with detail, below which nothing in it can be followed: a black frame before a fade."""
ENDS, GAIN = (1, 99), 10
"""Percentiles of a picture's samples that are brought to 0 and 255, and the most that it is brightened."""
HIGH = 95
"""The percentile of a picture's motion that tells how fast its fast parts are."""


@dataclass(frozen=True, eq=False)
class Survey:
    """What a survey found in a clip; all arrays have an entry for each frame.

    Args:
        first: number of the first frame in its source.
        times: when frames are shown, in seconds after the source's first frame.
        cut: whether a cut lies before the frame.
        repeat: whether the frame shows the picture before again.
        middle: the median of the motion since the frame before of what has detail, in pixels of the source's size; 0
            for a repeat and not a number after a cut and for the first frame.
        high: the 95th percentile of it.
    """

    first: int
    times: NDArray[np.float64]
    cut: NDArray[np.bool_]
    repeat: NDArray[np.bool_]
    middle: NDArray[np.float64]
    high: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.times)

    @property
    def still(self) -> NDArray[np.bool_]:
        """Repeats of a picture at rest: those of runs too long to be a moving picture's."""
        still = np.zeros(len(self), bool)
        for run in _runs(~self.repeat):
            still[run.start + 1 : run.stop] = len(run) > LONGEST_HOLD
        return still

    @property
    def repeated(self) -> NDArray[np.bool_]:
        """Repeats of a picture that moves on soon: drawn on twos or threes, or doubled by a converter."""
        return self.repeat & ~self.still

    @property
    def durations(self) -> NDArray[np.float64]:
        """How long each frame is shown, in seconds; the last one as long as most."""
        steps = np.diff(self.times)
        return np.append(steps, np.median(steps))

    @cached_property
    def uneven(self) -> bool:
        """Whether the frame rate is variable."""
        different = [Fraction(seconds) for seconds in np.unique(self.durations)]
        return is_variable(different, 1 / Fraction(float(np.median(self.durations))))

    @property
    def seconds(self) -> float:
        """How long all frames are shown."""
        return float(self.times[-1] - self.times[0] + self.durations[-1])

    def joined(self, first: int, last: int) -> bool:
        """Whether the frames from the first to the last, by their numbers in the source, are different pictures of a
        shot."""
        inner = slice(first - self.first + 1, last - self.first + 1)
        within = self.first <= first and last < self.first + len(self)
        return within and not (self.cut[inner] | self.repeat[inner]).any()


def survey(
    footage: Footage, span: range, finder: FlowFinder, watch: Callable[[int], object] = lambda done: None
) -> Survey:
    """Look over a part of a clip.

    Args:
        footage: the clip.
        span: the numbers of the frames.
        finder: of motion.
        watch: called with the number of frames done.

    Raises:
        RifeError: fewer than 2 frames, or a frame cannot be read.
    """
    if len(span) < FEWEST:
        raise ArgumentError("span", len(span), f"{FEWEST} frames of {footage.name}", verb="leave")
    scale = min(Fraction(1), *(Fraction(most, side) for most, side in zip(MARKED, _size(footage), strict=True)))
    times, cut, repeat, middle, high = [], [], [], [], []
    before: Tensor | None = None
    for done, (frame, mark) in enumerate(marked(footage.frames(span.start, span.stop, scale=scale)), 1):
        small = before if mark.repeat and before is not None else _small(frame.rgb)
        speeds = [0.0, 0.0] if mark.repeat else [np.nan, np.nan]
        if before is not None and not mark.cut and not mark.repeat:
            speeds = [speed * footage.width / small.shape[2] for speed in _speeds(finder, before, small)]
        times.append(float(frame.time))
        cut.append(mark.cut)
        repeat.append(mark.repeat)
        middle.append(speeds[0])
        high.append(speeds[1])
        before = small
        watch(done)
    return Survey(span.start, np.array(times), np.array(cut), np.array(repeat), np.array(middle), np.array(high))


def _size(footage: Footage) -> tuple[int, int]:
    return footage.width, footage.height


def _speeds(finder: FlowFinder, first: Tensor, last: Tensor) -> list[float]:
    """Median and high percentile of how far those parts of a picture go that have detail; 0 where one is plain."""
    detailed = _detailed(first), _detailed(last)
    if min(each.mean() for each in detailed) < PLAIN:
        return [0.0, 0.0]
    lengths = np.hypot(*finder(first, last).numpy())[detailed[0] | detailed[1]]
    return [float(speed) for speed in np.percentile(lengths, (50, HIGH))]


@one_thread()
def _detailed(rgb: Tensor) -> NDArray[np.bool_]:
    """Where a picture has detail, H×W."""
    shades = luma(rgb[None].float())
    most, least = (max_pool2d(sign * shades, AROUND, 1, AROUND // 2) for sign in (1, -1))
    detailed: NDArray[np.bool_] = (most + least >= DETAIL)[0].numpy()
    return detailed


@one_thread()
def _small(rgb: Tensor) -> Tensor:
    """A picture as motion is estimated in it: of one contrast, so that a fade is not taken for motion."""
    height, width = rgb.shape[1:]
    scale = min(1, MOVED[0] / width, MOVED[1] / height)
    size = [max(SMALLEST, round(side * scale)) for side in (height, width)]
    small = rgb[None].float() if scale == 1 else interpolate(rgb[None].float(), size, mode="area")
    darkest, brightest = (float(each) for each in np.percentile(small.numpy(), ENDS))
    gain = min(255 / max(brightest - darkest, 1), GAIN)
    return ((small[0] - darkest) * gain).round().clamp(0, 255).to(torch.uint8)


def _runs(begins: NDArray[np.bool_]) -> list[range]:
    """Stretches that begin where it says so, and at the first frame."""
    starts = [0, *(np.flatnonzero(begins[1:]) + 1).tolist(), len(begins)]
    return [range(start, stop) for start, stop in pairwise(starts)]
