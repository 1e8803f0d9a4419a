"""Bounded read-ahead: work that is begun for the next items while the result for the first one is used."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import vapoursynth as vs

__all__ = ["map_ahead", "read_ahead"]


def map_ahead[T, R](work: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """Yield `work(item)` for each item, in order, computed on `workers` threads."""
    with ThreadPoolExecutor(workers) as pool:
        yield from _ahead(lambda item: pool.submit(work, item), items, workers, Future.cancel)


def read_ahead(clip: vs.VideoNode, numbers: Iterable[int]) -> Iterator[vs.VideoFrame]:
    """Yield frames in the order of their numbers, requested ahead so that all of VapourSynth's threads are at work.

    Each frame is closed when the next one is asked for. `clip.frames()` does the same, but has Python collect garbage
    at its end, which takes longer than a few frames do.
    """
    from vapoursynth import core

    def close(request: Any) -> None:
        if not request.exception():
            request.result().close()

    def request(number: int) -> Any:
        return clip.get_frame_async(number)

    for frame in _ahead(request, numbers, core.num_threads, close):
        with frame:
            yield frame


def _ahead[T, R](
    begin: Callable[[T], Future[R]], items: Iterable[T], count: int, abandon: Callable[[Future[R]], object]
) -> Iterator[R]:
    """Yield results in the order of the items; `abandon` is called for those begun and not used."""
    pending: deque[Future[R]] = deque()
    try:
        for item in items:
            pending.append(begin(item))
            if len(pending) > count:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            abandon(future)
