"""One worker thread for each device, however many filters and threads ask for frames."""

from __future__ import annotations

import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

__all__ = ["Slot", "device_slot"]


class Slot:
    """Runs what it is given, one after another, on a thread of its own.

    PyTorch keeps a pool of CPU threads for every thread that calls it; with one calling thread there is one pool, and
    the result does not depend on who asked. The thread ends when the slot is no longer referenced.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vsrife")
        weakref.finalize(self, self._executor.shutdown, wait=False)

    def run[T](self, work: Callable[[], T]) -> T:
        """Wait for `work` to have run; returns what it returns, raises what it raises."""
        return self._executor.submit(work).result()


_slots: weakref.WeakValueDictionary[torch.device, Slot] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def device_slot(device: torch.device) -> Slot:
    """The slot of a device: made by the first who asks, kept while someone holds it."""
    with _lock:
        slot = _slots.get(device)
        if slot is None:
            slot = _slots[device] = Slot()
        return slot
