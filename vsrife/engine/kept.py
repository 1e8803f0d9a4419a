"""Objects that stay loaded for a while after they were last asked for."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

    import torch

__all__ = ["Kept"]

COUNT = 2
"""Objects of a device that are kept: a script that alternates among more loads them again."""
SECONDS = 60.0
"""For how long after they were last asked for."""


class Kept[T]:
    """The objects of a device that were asked for last, each at most `SECONDS` after that.

    A script that creates a filter for each frame that it replaces, in `std.FrameEval`, so loads its network once.

    Args:
        device: the device whose memory they occupy.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._objects: OrderedDict[Hashable, tuple[T, float]] = OrderedDict()
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def keep(self, key: Hashable, wanted: T) -> None:
        """Note that an object is wanted now."""
        dropped = []
        with self._lock:
            self._objects[key] = wanted, time.monotonic() + SECONDS
            self._objects.move_to_end(key)
            while len(self._objects) > COUNT:
                dropped.append(self._objects.popitem(last=False))
            self._start_timer()
        del dropped  # after the lock: an object's end may take a while

    def release(self) -> None:
        """Keep none."""
        with self._lock:
            dropped, self._objects = self._objects, OrderedDict()
        del dropped

    def _start_timer(self) -> None:
        """Wait for the oldest object's end; the lock is taken."""
        if self._timer is None and self._objects:
            _, end = next(iter(self._objects.values()))
            self._timer = threading.Timer(max(0.0, end - time.monotonic()), self._expire)
            self._timer.name = "vsrife_kept"
            self._timer.daemon = True
            self._timer.start()

    def _expire(self) -> None:
        now, dropped = time.monotonic(), []
        with self._lock:
            self._timer = None
            for key in [key for key, (_, end) in self._objects.items() if end <= now]:
                dropped.append(self._objects.pop(key))
            self._start_timer()
        del dropped
