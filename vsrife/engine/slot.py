"""The worker threads of a device, however many filters and threads ask for frames."""

from __future__ import annotations

import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from vsrife.motion.openmp import set_threads

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Slot", "device_slot"]

MANY_CORES = 8
"""From here on four frames are worked on at once, below two."""


@dataclass(frozen=True)
class _Share:
    """How a device's work is divided: so many frames at once, each on so many threads (None: as PyTorch does)."""

    lanes: int
    threads: int | None


def _share(device: torch.device) -> _Share:
    """Of a CPU's cores a few frames get the same number each; other devices take one frame after another.

    Two frames side by side need no waiting for one another where one frame's threads wait at every layer, the more so
    where an encoder runs on the same cores. The number of threads is fixed, since the last bit depends on it.
    """
    cores = torch.get_num_threads()
    if device.type != "cpu" or cores < 2 or not set_threads(cores):
        return _Share(1, None)
    lanes = 4 if cores >= MANY_CORES else 2
    return _Share(lanes, cores // lanes)


class Slot:
    """Runs what it is given on threads of its own, which end when it is no longer referenced.

    PyTorch keeps a pool of CPU threads for every thread that calls it; with few calling threads there are few pools,
    and the result does not depend on who asked.
    """

    def __init__(self, device: torch.device) -> None:
        share = _share(device)
        self.lanes = share.lanes

        def begin() -> None:
            if share.threads is not None:
                torch.get_num_threads()  # PyTorch sets its own number when a thread first asks
                set_threads(share.threads)

        self._executor = ThreadPoolExecutor(share.lanes, thread_name_prefix="vsrife", initializer=begin)
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
            slot = _slots[device] = Slot(device)
        return slot
