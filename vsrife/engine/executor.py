"""The threads of a device, however many filters and threads ask for frames."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections import deque
from concurrent.futures import Future
from contextlib import nullcontext, suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import torch

from vsrife.engine.cards import unfinished
from vsrife.errors import RifeError
from vsrife.motion.openmp import set_threads
from vsrife.motion.thread_count import frame_in_progress

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DeviceExecutor", "check_not_forked", "device_executor"]

MANY_CORES = 8
"""Cores from which on a CPU works on four frames at once, below on two."""
PATIENCE = 30.0
"""Seconds that the frames in progress have to finish when the process ends."""
LIMIT = 600.0
"""Seconds after which a card's thread is taken to hang: it only queues work, but may compile kernels first."""

Job = tuple["Callable[[], object]", "Future[Any]"]


class _Jobs:
    """A first-in, first-out queue; None ends a thread. No job is lost where an exception is thrown into a waiter."""

    def __init__(self) -> None:
        self._jobs: deque[Job | None] = deque()
        self._signals: SimpleQueue[None] = SimpleQueue()

    def put(self, job: Job | None) -> None:
        self._jobs.append(job)
        self._signals.put(None)

    def get(self) -> Job | None:
        while True:
            with suppress(BaseException):
                self._signals.get()
            with suppress(IndexError):
                return self._jobs.popleft()


def _division(device: torch.device, parts: int) -> tuple[int, int | None]:
    """Frames at once, and the CPU threads of each (None: as many as PyTorch uses).

    A CPU works on a few frames side by side, each on the same number of cores: frames need not wait for one another,
    while the threads of one frame meet at every layer, the more so where an encoder runs on the same cores. The number
    of threads is fixed, since the last bit depends on it: where the CPU stands for several devices, each of them has
    fewer frames at once rather than fewer threads for a frame. What does not depend on it has all cores while no other
    frame is in progress, see `vsrife.motion.thread_count`. Other devices take one frame after another.
    """
    cores = torch.get_num_threads()
    if device.type != "cpu" or cores < 2 or not set_threads(cores):
        return 1, None
    concurrency = 4 if cores >= MANY_CORES else 2
    return max(1, concurrency // parts), cores // concurrency


class DeviceExecutor:
    """Runs functions on threads of its own, which end when it is no longer referenced.

    PyTorch has a pool of CPU threads for every thread that calls it; few calling threads mean few pools, and the result
    does not depend on the caller's thread.

    Args:
        device: the device whose work it is.
        parts: number of executors that share the device.

    Raises:
        RifeError: the system gives no more threads, or this process was forked from one that had an executor.
    """

    def __init__(self, device: torch.device, parts: int = 1) -> None:
        check_not_forked()
        self.concurrency, cpu_threads = _division(device, parts)
        most = 0 if cpu_threads is None else torch.get_num_threads()
        self.retry_lock = threading.Lock()
        """Taken by a caller whose work ran out of memory while it tries again."""
        self._device = device
        self._limit = LIMIT if device.type == "cuda" else None
        self._process = os.getpid()
        self._gate = threading.Lock()
        self._closed = False
        self._jobs = _Jobs()
        self._threads: list[threading.Thread] = []
        weakref.finalize(self, _stop, self._jobs, self.concurrency).atexit = False
        started: SimpleQueue[Exception | None] = SimpleQueue()
        try:
            for number in range(self.concurrency):
                arguments = (self._jobs, cpu_threads, most, started)
                thread = threading.Thread(target=_serve, args=arguments, name=f"vsrife_{number}", daemon=True)
                thread.start()
                self._threads.append(thread)
                if failure := started.get():
                    raise failure
        except RuntimeError as error:
            raise RifeError(f"{device} cannot be used, no thread can be started for it ({error})") from None
        _register(self)

    def run[T](self, work: Callable[[], T]) -> T:
        """Run `work` on one of the threads and wait for it; returns what it returns, raises what it raises.

        Raises:
            RifeError: this process is a fork of the one that the executor was created in.
            RuntimeError: the process is ending, or a card's thread hangs.
        """
        check_not_forked(self._process)
        future: Future[T] = Future()
        with self._gate:
            if self._closed:
                raise RuntimeError("the program is ending")
            self._jobs.put((work, future))
        try:
            return future.result(self._limit)
        except TimeoutError:
            if future.done() or self._limit is None:  # it is the work's own
                raise
            raise unfinished(self._device, self._limit) from None
        finally:
            del future  # an error refers to this frame, which would refer to the error and all that it keeps alive

    def close(self, patience: float = PATIENCE) -> None:
        """Accept no more work, and wait at most `patience` seconds for the work in progress."""
        if self._process != os.getpid():
            return
        with self._gate:
            if not self._closed:
                self._closed = True
                _stop(self._jobs, self.concurrency)
        for thread in self._threads:
            thread.join(patience)


def _serve(jobs: _Jobs, cpu_threads: int | None, most: int, started: SimpleQueue[Exception | None]) -> None:
    """Run jobs until there is None, each on `cpu_threads`, or on `most` what may be while no other is in progress."""
    try:
        if cpu_threads is not None:
            torch.get_num_threads()  # PyTorch sets its own number when a thread first asks
            set_threads(cpu_threads)
    except Exception as error:
        started.put(error)
        return
    started.put(None)
    while True:
        job = jobs.get()
        if job is None:
            return
        _complete(*job, most)
        del job


def _complete(work: Callable[[], object], future: Future[Any], most: int) -> None:
    """Run work and pass its result or its error to whoever waits."""
    try:
        with frame_in_progress(most) if most else nullcontext():
            value = work()
    except Exception as error:
        future.set_exception(error)
    except BaseException as error:
        future.set_exception(RuntimeError(f"the engine's thread was stopped ({type(error).__name__})"))
    else:
        future.set_result(value)
    # an error refers to this frame, which must not refer to whoever keeps the error
    del work, future


def _stop(jobs: _Jobs, threads: int) -> None:
    for _ in range(threads):
        jobs.put(None)


_shared: weakref.WeakValueDictionary[tuple[torch.device, int, int], DeviceExecutor] = weakref.WeakValueDictionary()
_all: weakref.WeakSet[DeviceExecutor] = weakref.WeakSet()
_lock = threading.Lock()
_process: list[int] = []
"""The process that created the first executor."""


def check_not_forked(process: int | None = None) -> None:
    """Refuse to work in a child of the process that has the threads: a fork leaves them behind, and OpenMP's too.

    Takes no lock, as a fork may have left it locked.

    Args:
        process: the process that has the threads; None for the one that created the first executor.

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


def _register(executor: DeviceExecutor) -> None:
    """Have an executor closed when the process ends: after that no thread may be working."""
    with _lock:
        if not _process:
            _process.append(os.getpid())
            atexit.register(_close_all)
        _all.add(executor)


def _close_all() -> None:
    for executor in list(_all):
        executor.close()


def device_executor(device: torch.device, part: int = 0, parts: int = 1) -> DeviceExecutor:
    """The shared executor of a device, created where nothing references one.

    Args:
        device: the device.
        part: which of the executors that share it.
        parts: how many executors share it.

    Raises:
        RifeError: see `DeviceExecutor`.
    """
    check_not_forked()
    with _lock:
        executor = _shared.get((device, part, parts))
    if executor is not None:
        return executor
    created = DeviceExecutor(device, parts)
    with _lock:
        return _shared.setdefault((device, part, parts), created)
