"""Cuts and repeated pictures of footage, and the runs of different pictures between them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vsrife.colour import BT709_LUMA

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor

    from vsrife.footage.frames import Frame

__all__ = ["LONGEST_HOLD", "Mark", "Run", "marked", "one_thread", "runs", "unit"]

_REDUCED = 180, 320
"""Rows and columns, at least, of a picture whose blocks are averaged before the cut detector's thumbnail is taken."""
_LARGEST_BLOCK = 16
"""Side of the largest block whose sum of 8-bit samples fits 16 bits."""
_NEAR = 150.0
"""Largest luma difference of two thumbnails' cells, times the side of a cell, where one picture may repeat the other.

In levels of 255 and pixels. A codec's errors average out within a cell, motion at edges does not. Of repeats encoded by
x264, CRF 18 to 35 and `veryfast` among them, at 176×144 to 1920×1080, the most was 115.
"""
LONGEST_HOLD = 5
"""Frames that a moving picture is shown for, at most: 12 drawings a second at 60 frames. Longer, it is at rest."""


class Mark(NamedTuple):
    """How a frame follows the one before.

    Args:
        cut: a cut lies between the two.
        repeat: it shows the previous picture again, perhaps encoded anew.
    """

    cut: bool
    repeat: bool


@dataclass(frozen=True, eq=False)
class Run:
    """Different pictures of one shot, at equal distances.

    Args:
        shot: the shot's number among those read, from 0.
        frames: the first frame of each picture.
    """

    shot: int
    frames: tuple[Frame, ...]


def marked(frames: Iterable[Frame]) -> Iterator[tuple[Frame, Mark]]:
    """Each frame with its mark. The first one is no repeat, and after a cut only where its properties state that.

    What the frames' properties state of cuts wins over the detector.

    Args:
        frames: of one size, in order.
    """
    before: tuple[Frame, Tensor] | None = None
    for frame in frames:
        with one_thread():
            current = frame, _thumbnail(frame.rgb)
            mark = _mark(before, current)
        before = current
        yield frame, mark


def _mark(before: tuple[Frame, Tensor] | None, current: tuple[Frame, Tensor]) -> Mark:
    from vsrife.detect.cuts import DEFAULT_THRESHOLD, cut_score
    from vsrife.detect.repeats import repeats

    frame, small = current
    if before is None or frame.cut:
        return Mark(cut=bool(frame.cut), repeat=False)
    last, small_last = before
    if _near(small_last, small, frame.rgb) and repeats(unit(last.rgb), unit(frame.rgb)):
        return Mark(cut=False, repeat=True)
    return Mark(cut=frame.cut is None and cut_score(small_last, small) >= DEFAULT_THRESHOLD, repeat=False)


def runs(frames: Iterable[Frame], longest: int) -> Iterator[Run]:
    """The runs of at least two pictures, in order, while frames are read; no more are in memory than one run has.

    A run ends at a cut, after a picture that is shown for more than 5 frames, and where pictures are shown for another
    number of frames than before: film at 60 frames a second by 3:2 did not move as it is timed. There the next run
    begins with the picture that this one ends with.

    Args:
        frames: neighbours, in order.
        longest: pictures of a run, at least 2.
    """
    shot = 0
    kept: list[Frame] = []
    for frame, mark in marked(frames):
        if mark.repeat:
            continue
        rest: list[Frame] = []
        if mark.cut:
            ended = True
        else:
            hold = frame.number - kept[-1].number if kept else 1
            uneven = len(kept) > 1 and hold != kept[-1].number - kept[-2].number
            ended = hold > LONGEST_HOLD or uneven or len(kept) == longest
            if uneven and hold <= LONGEST_HOLD and len(kept) < longest:
                rest = kept[-1:]
        if ended:
            if len(kept) > 1:
                yield Run(shot, tuple(kept))
            kept = rest
        shot += mark.cut
        kept.append(frame)
    if len(kept) > 1:
        yield Run(shot, tuple(kept))


@contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch work on the calling thread alone.

    VapourSynth's threads are busy meanwhile; PyTorch's would wait for one another longer than they work.
    """
    import torch

    from vsrife.motion.openmp import set_threads

    threads = torch.get_num_threads()
    set_threads(1)
    try:
        yield
    finally:
        set_threads(threads)


def unit(rgb: Tensor) -> Tensor:
    """A picture as the detectors read it: from 3×H×W in 0..255 to 1×3×H×W in 0..1, fp32."""
    return rgb[None].float().div_(255)


def _thumbnail(rgb: Tensor) -> Tensor:
    """The cut detector's thumbnail, 1×3×20×32, of integer sums of blocks, which are much faster for a large picture."""
    import torch

    from vsrife.detect.cuts import thumbnail

    height, width = rgb.shape[1:]
    size = max(1, min(height // _REDUCED[0], width // _REDUCED[1], _LARGEST_BLOCK))
    if size == 1:
        return thumbnail(unit(rgb))
    samples = rgb.numpy()[:, : height // size * size, : width // size * size]
    rows = samples[:, ::size].astype(np.uint16)
    for k in range(1, size):
        rows += samples[:, k::size]
    blocks = rows[..., ::size].copy()
    for k in range(1, size):
        blocks += rows[..., k::size]
    return thumbnail(torch.from_numpy(blocks.astype(np.float32))[None].div_(255 * size * size))


def _near(first: Tensor, last: Tensor, rgb: Tensor) -> bool:
    """Whether two thumbnails differ little enough for the pictures to be compared in full."""
    cell = (rgb.shape[1] / first.shape[2] * (rgb.shape[2] / first.shape[3])) ** 0.5
    luma = first.new_tensor(BT709_LUMA)[:, None, None]
    most = float(((last - first) * luma).sum(1).abs().amax())
    return bool(255 * most * cell <= _NEAR)
