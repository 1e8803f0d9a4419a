"""How many threads a frame's work has: its own few, or all of the CPU's while no other frame is in progress.

Only work whose bits do not depend on threads may ask: the kernels, and the convolutions that `vsrife.engine.same_bits`
has found to be so. PyTorch's other operations keep the thread's own number. Where other programs keep the CPU busy, a
frame keeps its few threads too: threads that meet at every layer would wait for one another longer than they save.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from vsrife.motion.openmp import set_threads

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["frame_in_progress", "threads_of", "usable_threads"]


CROWDED = 1.5
"""Seconds that a frame's thread takes for a second of computing from which on other programs keep the CPU busy."""
SHORTEST = 0.03
"""Seconds of computing from which on a job tells anything: a comparison of two frames takes less."""


class _Frame(threading.local):
    """The calling thread's frame.

    Attributes:
        most: threads that its work may have while it is alone; 0 outside of frames.
        crowded: whether the thread waited for the CPU when it made the last one.
    """

    most = 0
    crowded = False


_frame = _Frame()
_lock = threading.Lock()
_frames = 0


@contextmanager
def frame_in_progress(most: int) -> Iterator[None]:
    """Count the calling thread's frame as in progress.

    Args:
        most: threads for it while it is the only one.
    """
    global _frames
    with _lock:
        _frames += 1
    _frame.most = 0 if _frame.crowded else most
    began, computed = time.perf_counter(), time.thread_time()
    try:
        yield
    finally:
        _frame.most = 0
        computed = time.thread_time() - computed
        if computed >= SHORTEST:
            _frame.crowded = time.perf_counter() - began > CROWDED * computed
        with _lock:
            _frames -= 1


def usable_threads() -> int:
    """Threads for what the calling thread does next, if its bits do not depend on them."""
    return _frame.most if _frame.most and _frames == 1 else torch.get_num_threads()


@contextmanager
def threads_of(count: int) -> Iterator[None]:
    """Give the calling thread's work this number of threads meanwhile, in PyTorch too."""
    own = torch.get_num_threads()
    set_threads(count)
    try:
        yield
    finally:
        set_threads(own)
