"""Frames of a clip, some of them requested ahead so that all of VapourSynth's threads are at work."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import vapoursynth as vs

__all__ = ["read_ahead"]


def read_ahead(clip: vs.VideoNode, numbers: Iterable[int]) -> Iterator[vs.VideoFrame]:
    """Frames in the order of their numbers, each closed when the next one is asked for.

    `clip.frames()` does the same, but has Python collect garbage at its end, which takes longer than a few frames do.
    """
    from vapoursynth import core

    requested: deque[Any] = deque()
    try:
        for number in numbers:
            requested.append(clip.get_frame_async(number))
            if len(requested) > core.num_threads:
                with requested.popleft().result() as frame:
                    yield frame
        while requested:
            with requested.popleft().result() as frame:
                yield frame
    finally:
        for future in requested:  # of a reader who stopped
            if not future.exception():
                future.result().close()
