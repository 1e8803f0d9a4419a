"""Frames through a GPU in three overlapping steps: one comes up while another is computed and a third goes down."""

from __future__ import annotations

import threading
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from vsrife.engine.executor import device_executor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    Planes = Sequence[NDArray[np.generic]]

__all__ = ["CudaStreams", "Event", "Ring", "Streams", "Upload", "device_ring"]

SLOTS = 3
"""Frames at work at once: one for each step."""
ALIGNMENT = 256
"""Bytes that planes begin at multiples of, as device copies like."""


class Event(Protocol):
    """A point in a stream."""

    def synchronize(self) -> None:
        """Let this thread wait until the device is past it."""
        ...


class Streams(Protocol):
    """Three queues of a device: up, compute, down. Called on the engine's thread, but for `pinned` and events."""

    def pinned(self, size: int) -> Tensor:
        """So many bytes of host memory that the device copies from and to by itself."""
        ...

    def upload(self, host: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Queue copies to new tensors of the device, which what is computed from now on may read."""
        ...

    def computing(self) -> AbstractContextManager[None]:
        """Within it, work is queued to be computed."""
        ...

    def download(self, made: Sequence[Tensor], host: Sequence[Tensor]) -> Event:
        """Queue copies to the host of what has been queued to be computed; the event is behind them all."""
        ...

    def finish(self) -> None:
        """Wait for all that was queued."""
        ...


class Upload:
    """A source frame on its way to the device, which it only goes if it is asked for."""

    def __init__(self, planes: Planes, host: Sequence[Tensor], streams: Streams) -> None:
        self._planes = planes
        self._host = host
        self._streams = streams
        self._staged = False
        self._there: tuple[Tensor, ...] | None = None

    def stage(self) -> None:
        """Copy the planes to memory that the device reads: work for the thread that waits for the frame anyway."""
        if not self._staged:
            _copy(self._planes, (x.numpy() for x in self._host))
            self._staged = True

    def __call__(self) -> tuple[Tensor, ...]:
        """The planes on the device, as they are; on the engine's thread."""
        if self._there is None:
            self.stage()
            self._there = self._streams.upload(self._host)
        return self._there


class _Slot:
    """The host memory of one frame at work: what it comes from and what it goes to."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._memory = [torch.empty(0, dtype=torch.uint8)] * 2

    def uploads(self, sources: Sequence[Planes]) -> list[Upload]:
        host = iter(self._laid_out(0, [plane for planes in sources for plane in planes]))
        return [Upload(planes, [next(host) for _ in planes], self._streams) for planes in sources]

    def downloads(self, target: Planes) -> list[Tensor]:
        return self._laid_out(1, target)

    def _laid_out(self, which: int, planes: Planes) -> list[Tensor]:
        """Tensors like these planes, one behind another in memory that grows with what is asked of it."""
        starts, size = [], 0
        for plane in planes:
            starts.append(size)
            size += -(-plane.nbytes // ALIGNMENT) * ALIGNMENT
        if size > self._memory[which].numel():
            self._memory[which] = self._streams.pinned(size)
        memory = self._memory[which]
        return [
            memory[start : start + plane.nbytes].view(_dtype(plane)).view(plane.shape)
            for start, plane in zip(starts, planes, strict=True)
        ]


class Ring:
    """Frames at work on a device, `slots` at most; for any number of threads, each of which waits for its own frame.

    The engine's thread only queues work and never waits for the device, so that the device always has the next frame's
    before it is done with the last. The thread that asked copies host memory and waits. A frame depends on what it is
    made of alone: frames share nothing here but the order of the queues.

    Args:
        streams: of the device; `CudaStreams`.
        worker: runs what it is given on the engine's thread and returns what that returns, as `Slot.run` does.
        slots: frames at work at once.
    """

    def __init__(self, streams: Streams, worker: Callable[[Callable[[], object]], object], slots: int = SLOTS) -> None:
        self._streams = streams
        self._worker = worker
        self._count = slots
        self._free = [_Slot(streams) for _ in range(slots)]
        self._changed = threading.Condition()
        self._closed = False

    def run(
        self,
        sources: Sequence[Planes],
        work: Callable[[Sequence[Upload]], Sequence[Tensor]],
        target: Planes,
        expected: Callable[[int], bool] = lambda index: True,
    ) -> None:
        """Fill `target` with what `work` makes.

        Args:
            sources: the planes of each source frame.
            work: on the engine's thread, without gradients: from each source's `Upload`, to be called if its planes are
                wanted on the device, to tensors like `target`. It waits for nothing, and the tensors are its own: not
                what the next frame's work writes over.
            target: host arrays.
            expected: whether a source, by its place, will probably be asked for; others are only copied then.
        """
        with self._slot() as slot:
            uploads = self._staged(slot, sources, expected)
            host = slot.downloads(target)
            made: list[Tensor] = []  # held until the copies are done

            def queue() -> Event:
                with torch.inference_mode(), self._streams.computing():
                    made.extend(work(uploads))
                    _check(made, host)
                    return self._streams.download(made, host)

            self._queued(queue).synchronize()
            _copy([x.numpy() for x in host], target)

    def ask[T](
        self,
        sources: Sequence[Planes],
        work: Callable[[Sequence[Upload]], T],
        expected: Callable[[int], bool] = lambda index: True,
    ) -> T:
        """What `work` returns, which is a value of the host: it waits for the device itself. See `run`."""
        with self._slot() as slot:
            uploads = self._staged(slot, sources, expected)

            def queue() -> tuple[T, Event]:
                with torch.inference_mode(), self._streams.computing():
                    return work(uploads), self._streams.download((), ())

            value, event = self._queued(queue)
            event.synchronize()
            return value

    def close(self) -> None:
        """Let no more frames in, wait for those at work and give their memory back."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: len(self._free) == self._count or not self._count)
            self._free, self._count = [], 0

    @contextmanager
    def _slot(self) -> Iterator[_Slot]:
        with self._changed:
            self._changed.wait_for(lambda: self._free or self._closed)
            if self._closed:
                raise RuntimeError("Ring: closed, no frame can be made any more")
            slot = self._free.pop()
        try:
            yield slot
        finally:
            with self._changed:
                self._free.append(slot)
                self._changed.notify_all()

    def _queued[T](self, queue: Callable[[], T]) -> T:
        """What is queued on the engine's thread; if that fails, the slot's copies have come to an end all the same."""

        def guarded() -> T:
            try:
                return queue()
            except BaseException:
                self._streams.finish()
                raise

        done: T = self._worker(guarded)  # type: ignore[assignment]
        return done

    @staticmethod
    def _staged(slot: _Slot, sources: Sequence[Planes], expected: Callable[[int], bool]) -> list[Upload]:
        uploads = slot.uploads(sources)
        for index, upload in enumerate(uploads):
            if expected(index):
                upload.stage()
        return uploads


def _dtype(plane: NDArray[np.generic]) -> torch.dtype:
    return torch.from_numpy(np.empty(0, plane.dtype)).dtype


def _copy(planes: Planes, target: Iterator[NDArray[np.generic]] | Planes) -> None:
    for plane, there in zip(planes, target, strict=True):
        np.copyto(there, plane)


def _check(made: Sequence[Tensor], host: Sequence[Tensor]) -> None:
    kinds, wanted = ([(tuple(x.shape), x.dtype) for x in tensors] for tensors in (made, host))
    if kinds != wanted:
        raise ValueError(f"Ring.run: work must make {wanted}, got {kinds}")


class CudaStreams:
    """The streams of a CUDA or ROCm device."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._up, self._compute, self._down = (torch.cuda.Stream(device) for _ in range(3))  # type: ignore[no-untyped-call]

    def pinned(self, size: int) -> Tensor:
        """See `Streams`."""
        return torch.empty(size, dtype=torch.uint8, pin_memory=True)

    def upload(self, host: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """See `Streams`."""
        with torch.cuda.stream(self._up):
            there = tuple(x.to(self._device, non_blocking=True) for x in host)
        self._compute.wait_stream(self._up)
        for x in there:  # got for one stream and read on another, which their memory is to wait for
            x.record_stream(self._compute)
        return there

    @contextmanager
    def computing(self) -> Iterator[None]:
        """See `Streams`; what was made outside, like weights, is there too."""
        self._compute.wait_stream(torch.cuda.default_stream(self._device))
        with torch.cuda.stream(self._compute):
            yield

    def download(self, made: Sequence[Tensor], host: Sequence[Tensor]) -> Event:
        """See `Streams`."""
        self._down.wait_stream(self._compute)
        with torch.cuda.stream(self._down):
            for x, there in zip(made, host, strict=True):
                there.copy_(x, non_blocking=True)
            event = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call] # it lets the thread sleep
            event.record(self._down)
        return event

    def finish(self) -> None:
        """See `Streams`."""
        torch.cuda.synchronize(self._device)


_rings: weakref.WeakValueDictionary[torch.device, Ring] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def device_ring(device: torch.device) -> Ring:
    """The ring of a device, whose work runs on the device's one thread; created where nothing references one.

    All that runs on the device shares it, and with it the stream: an engine has tensors that it uses again.
    """
    with _lock:
        ring = _rings.get(device)
        if ring is None:
            executor = device_executor(device)
            ring = _rings[device] = Ring(CudaStreams(device), executor.run)
        return ring
