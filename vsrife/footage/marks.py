"""Where footage is cut and where it shows a picture again; and what lies between: runs of pictures that move on."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor

    from vsrife.footage.frames import Frame

__all__ = ["LONGEST_HOLD", "Mark", "Run", "marked", "one_thread", "runs", "unit"]

_GLANCED = 180, 320
"""Rows and columns that a picture keeps at least when whole blocks of it are averaged for the cut detector."""
_LARGEST_BLOCK = 16
"""Whose sum of 8-bit samples fits 16 bits."""
_LUMA = (0.2126, 0.7152, 0.0722)
_NEAR = 150.0
"""What the largest luma difference of two thumbnails' cells, times a cell's side, has where one may repeat the other.

In levels of 255 and pixels. A codec's errors average out within a cell, motion at edges does not. Of repeats encoded by
x264, CRF 18 to 35 and `veryfast` among them, at 176×144 to 1920×1080, the most was 115.
"""
LONGEST_HOLD = 5
"""Frames for which a moving picture is shown: 12 drawings a second at 60 frames. Longer, it is at rest."""


class Mark(NamedTuple):
    """How a frame follows the one before.

    Args:
        cut: a cut lies between the two.
        repeat: it shows the picture before again, be it encoded anew.
    """

    cut: bool
    repeat: bool


@dataclass(frozen=True, eq=False)
class Run:
    """Different pictures of one shot, each as many frames after the one before.

    Args:
        shot: the shot's number among those read, from 0.
        frames: the first frame of each picture.
    """

    shot: int
    frames: tuple[Frame, ...]


def marked(frames: Iterable[Frame]) -> Iterator[tuple[Frame, Mark]]:
    """Each frame with its mark; the first one is neither after a cut nor a repeat, unless it says that it is.

    What the source's frames say of cuts wins over the detector.

    Args:
        frames: of one size, in order.
    """
    before: tuple[Frame, Tensor] | None = None
    for frame in frames:
        with one_thread():
            now = frame, _seen(frame.rgb)
            mark = _mark(before, now)
        before = now
        yield frame, mark


def _mark(before: tuple[Frame, Tensor] | None, now: tuple[Frame, Tensor]) -> Mark:
    from vsrife.detect.cuts import DEFAULT_THRESHOLD, cut_score
    from vsrife.detect.repeats import repeats

    frame, seen = now
    if before is None or frame.cut:
        return Mark(cut=bool(frame.cut), repeat=False)
    last, seen_last = before
    if _near(seen_last, seen, frame.rgb) and repeats(unit(last.rgb), unit(frame.rgb)):
        return Mark(cut=False, repeat=True)
    return Mark(cut=frame.cut is None and cut_score(seen_last, seen) >= DEFAULT_THRESHOLD, repeat=False)


def runs(frames: Iterable[Frame], longest: int) -> Iterator[Run]:
    """The runs of at least two pictures, one after the other, while frames are read; no more are held than one run has.

    A run ends at a cut, after a picture that is held for more than 5 frames, and where pictures are held for another
    number of frames than before: what is shown unevenly (film at 60 frames a second by 3:2) did not move as it is
    timed. There the next run begins with the picture that this one ends with.

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
    """Has PyTorch work on the calling thread alone.

    VapourSynth's threads are at work beside it; there, waiting for one another takes threads longer than the work.
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
    """A picture as the detectors take it: 3×H×W in 0..255 as 1×3×H×W in 0..1, fp32."""
    return rgb[None].float().div_(255)


def _seen(rgb: Tensor) -> Tensor:
    """The cut detector's thumbnail: 1×3×20×32. Blocks are summed as integers first, which a large picture needs."""
    import torch

    from vsrife.detect.cuts import thumbnail

    height, width = rgb.shape[1:]
    size = max(1, min(height // _GLANCED[0], width // _GLANCED[1], _LARGEST_BLOCK))
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
    luma = first.new_tensor(_LUMA)[:, None, None]
    most = float(((last - first) * luma).sum(1).abs().amax())
    return bool(255 * most * cell <= _NEAR)
