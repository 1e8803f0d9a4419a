"""The worker threads of a device, however many filters and threads ask for frames."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import torch

from vsrife.errors import RifeError
from vsrife.motion.openmp import set_threads

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Slot", "check_not_forked", "device_slot"]

MANY_CORES = 8
"""From here on four frames are worked on at once, below two."""
PATIENCE = 30.0
"""Seconds that the frames at work have to come to an end when the process does."""

Job = tuple["Callable[[], object]", "Future[Any]"]


class _Jobs:
    """Jobs, first in, first out; None ends a thread. None gets lost where an exception is thrown into who waits."""

    def __init__(self) -> None:
        self._jobs: deque[Job | None] = deque()
        self._woken: SimpleQueue[None] = SimpleQueue()

    def put(self, job: Job | None) -> None:
        self._jobs.append(job)
        self._woken.put(None)

    def get(self) -> Job | None:
        while True:
            with suppress(BaseException):
                self._woken.get()
            with suppress(IndexError):
                return self._jobs.popleft()


@dataclass(frozen=True)
class _Share:
    """How a device's work is divided: so many frames at once, each on so many threads (None: as PyTorch does)."""

    lanes: int
    threads: int | None


def _share(device: torch.device, parts: int) -> _Share:
    """Of a CPU's cores a few frames get the same number each; other devices take one frame after another.

    Two frames side by side need no waiting for one another where one frame's threads wait at every layer, the more so
    where an encoder runs on the same cores. The number of threads is fixed, since the last bit depends on it: where
    the CPU is several devices, each has fewer frames at work rather than fewer threads for a frame.
    """
    cores = torch.get_num_threads()
    if device.type != "cpu" or cores < 2 or not set_threads(cores):
        return _Share(1, None)
    lanes = 4 if cores >= MANY_CORES else 2
    return _Share(max(1, lanes // parts), cores // lanes)


class Slot:
    """Runs what it is given on threads of its own, which end when it is no longer referenced.

    PyTorch keeps a pool of CPU threads for every thread that calls it; with few calling threads there are few pools,
    and the result does not depend on who asked.

    Args:
        device: whose work it is.
        parts: how many slots share the device.

    Raises:
        RifeError: the system gives no more threads, or this process was forked from one that had a slot.
    """

    def __init__(self, device: torch.device, parts: int = 1) -> None:
        check_not_forked()
        share = _share(device, parts)
        self.lanes = share.lanes
        self.alone = threading.Lock()
        """Held by a caller whose work ran out of memory while it tries again."""
        self._process = os.getpid()
        self._gate = threading.Lock()
        self._closed = False
        self._jobs = _Jobs()
        self._threads: list[threading.Thread] = []
        weakref.finalize(self, _stop, self._jobs, share.lanes).atexit = False
        started: SimpleQueue[Exception | None] = SimpleQueue()
        try:
            for number in range(share.lanes):
                arguments = (self._jobs, share.threads, started)
                thread = threading.Thread(target=_serve, args=arguments, name=f"vsrife_{number}", daemon=True)
                thread.start()
                self._threads.append(thread)
                if failed := started.get():
                    raise failed
        except RuntimeError as error:
            raise RifeError(f"{device} cannot be used, no thread can be started for it ({error})") from None
        _remember(self)

    def run[T](self, work: Callable[[], T]) -> T:
        """Wait for `work` to have run; returns what it returns, raises what it raises.

        Raises:
            RifeError: this is another process than the one the slot was made in, which has its threads.
            RuntimeError: the process is coming to its end.
        """
        check_not_forked(self._process)
        future: Future[T] = Future()
        with self._gate:
            if self._closed:
                raise RuntimeError("the program is ending")
            self._jobs.put((work, future))
        try:
            return future.result()
        finally:
            del future  # what it raised knows this frame, which would know what was raised, and all that it holds

    def close(self, patience: float = PATIENCE) -> None:
        """Let no more work in, and wait for what was let in, but not for ever."""
        if self._process != os.getpid():
            return
        with self._gate:
            if not self._closed:
                self._closed = True
                _stop(self._jobs, self.lanes)
        for thread in self._threads:
            thread.join(patience)


def _serve(jobs: _Jobs, threads: int | None, started: SimpleQueue[Exception | None]) -> None:
    """Do jobs until there is None."""
    try:
        if threads is not None:
            torch.get_num_threads()  # PyTorch sets its own number when a thread first asks
            set_threads(threads)
    except Exception as error:
        started.put(error)
        return
    started.put(None)
    while True:
        job = jobs.get()
        if job is None:
            return
        _do(*job)
        del job


def _do(work: Callable[[], object], future: Future[Any]) -> None:
    """Run work; whatever comes of it, the one who waits is told."""
    try:
        value = work()
    except Exception as error:
        future.set_exception(error)
    except BaseException as error:
        future.set_exception(RuntimeError(f"the engine's thread was told to stop ({type(error).__name__})"))
    else:
        future.set_result(value)
    # an error knows this frame, which would know who holds the error; so what was at work is freed with it
    del work, future


def _stop(jobs: _Jobs, lanes: int) -> None:
    for _ in range(lanes):
        jobs.put(None)


_slots: weakref.WeakValueDictionary[tuple[torch.device, int, int], Slot] = weakref.WeakValueDictionary()
_all: weakref.WeakSet[Slot] = weakref.WeakSet()
_lock = threading.Lock()
_process: list[int] = []
"""The process that made the first slot."""


def check_not_forked(process: int | None = None) -> None:
    """Refuse to work in a child of the process that has the threads: a fork leaves them behind, and OpenMP's with them.

    Args:
        process: that one; None for the one that made the first slot. No lock is taken, as it may be held for ever.

    Raises:
        RifeError: this is another process.
    """
    if process is None:
        process = _process[0] if _process else None
    if process not in (None, os.getpid()):
        raise RifeError(
            "this process was forked from one in which the filter had been used, whose threads it does not have; "
            'start it anew instead (multiprocessing: "spawn")'
        )


def _remember(slot: Slot) -> None:
    """Have a slot closed when the process ends: after that no thread may be at work."""
    with _lock:
        if not _process:
            _process.append(os.getpid())
            atexit.register(_close)
        _all.add(slot)


def _close() -> None:
    for slot in list(_all):
        slot.close()


def device_slot(device: torch.device, part: int = 0, parts: int = 1) -> Slot:
    """The slot of a device: made by the first who asks, kept while someone holds it.

    Args:
        device: that one.
        part: which of its slots.
        parts: how many there are.

    Raises:
        RifeError: see `Slot`.
    """
    check_not_forked()
    with _lock:
        slot = _slots.get((device, part, parts))
    if slot is not None:
        return slot
    made = Slot(device, parts)
    with _lock:
        return _slots.setdefault((device, part, parts), made)
