"""Frames through a GPU in three overlapping steps: one is uploaded while another is computed and a third downloaded."""

from __future__ import annotations

import threading
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from vsrife.engine.executor import device_executor
from vsrife.engine.transfer import lay_out, torch_dtype

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    Planes = Sequence[NDArray[np.generic]]

__all__ = ["CudaStreams", "Event", "Ring", "Streams", "Upload", "device_ring"]

SLOTS = 3
"""Frames in progress at once: one for each step."""


class Event(Protocol):
    """A point in a stream."""

    def synchronize(self) -> None:
        """Wait until the device is past it."""


class Streams(Protocol):
    """Three queues of a device: upload, compute, download. All but `pinned` and events is for the engine's thread."""

    def pinned(self, size: int) -> Tensor:
        """Allocate bytes of host memory that the device copies from and to by itself."""

    def upload(self, host: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Queue copies to new tensors of the device, which work that is queued from now on may read."""

    def computing(self) -> AbstractContextManager[None]:
        """A context in which work is queued to be computed."""

    def download(self, outputs: Sequence[Tensor], host: Sequence[Tensor]) -> Event:
        """Queue copies of outputs to the host, behind the work queued so far; the event is behind the copies."""

    def finish(self) -> None:
        """Wait for everything queued."""


class Upload:
    """A source frame that is copied to the device when it is called for."""

    def __init__(self, planes: Planes, host: Sequence[Tensor], streams: Streams) -> None:
        self._planes = planes
        self._host = host
        self._streams = streams
        self._staged = False
        self._uploaded: tuple[Tensor, ...] | None = None

    def stage(self) -> None:
        """Copy the planes to memory that the device reads; the thread that waits for the frame does this."""
        if not self._staged:
            _copy(self._planes, (x.numpy() for x in self._host))
            self._staged = True

    def __call__(self) -> tuple[Tensor, ...]:
        """The planes on the device, in their own values; called on the engine's thread."""
        if self._uploaded is None:
            self.stage()
            self._uploaded = self._streams.upload(self._host)
        return self._uploaded


class _Slot:
    """The host memory of one frame in progress: for its uploads and for its downloads."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._memory = [torch.empty(0, dtype=torch.uint8)] * 2

    def uploads(self, sources: Sequence[Planes]) -> list[Upload]:
        host = iter(self._lay_out(0, [plane for planes in sources for plane in planes]))
        return [Upload(planes, [next(host) for _ in planes], self._streams) for planes in sources]

    def downloads(self, target: Planes) -> list[Tensor]:
        return self._lay_out(1, target)

    def _lay_out(self, which: int, planes: Planes) -> list[Tensor]:
        """Tensors like these planes, one behind another in memory that grows as needed."""
        starts, size = lay_out(planes)
        if size > self._memory[which].numel():
            self._memory[which] = self._streams.pinned(size)
        memory = self._memory[which]
        return [
            memory[start : start + plane.nbytes].view(torch_dtype(plane)).view(plane.shape)
            for start, plane in zip(starts, planes, strict=True)
        ]


class Ring:
    """Frames in progress on a device, `slots` at most, for any number of threads, each of which waits for its own.

    The engine's thread only queues work and never waits for the device, so that the device always has the next frame's
    work before it finishes the last. The calling thread copies host memory and waits. A frame depends on its sources
    alone: frames share nothing here but the order of the queues.

    Args:
        streams: the device's; `CudaStreams`.
        execute: runs a function on the engine's thread and returns its result, as `DeviceExecutor.run` does.
        slots: frames in progress at once.
    """

    def __init__(self, streams: Streams, execute: Callable[[Callable[[], object]], object], slots: int = SLOTS) -> None:
        self._streams = streams
        self._execute = execute
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
        """Fill `target` with the outputs of `work`.

        Args:
            sources: the planes of each source frame.
            work: runs on the engine's thread, without gradients: from each source's `Upload`, which it calls where it
                needs the planes on the device, to tensors like `target`. It waits for nothing, and the tensors are its
                own: the next frame's work does not write over them.
            target: host arrays.
            expected: whether a source, by its index, will probably be needed; others are staged only when they are.
        """
        with self._slot() as slot:
            uploads = self._stage(slot, sources, expected)
            host = slot.downloads(target)
            outputs: list[Tensor] = []  # kept until the copies are done

            def queue() -> Event:
                with torch.inference_mode(), self._streams.computing():
                    outputs.extend(work(uploads))
                    _check(outputs, host)
                    return self._streams.download(outputs, host)

            self._queue(queue).synchronize()
            _copy([x.numpy() for x in host], target)

    def ask[T](
        self,
        sources: Sequence[Planes],
        work: Callable[[Sequence[Upload]], T],
        expected: Callable[[int], bool] = lambda index: True,
    ) -> T:
        """The value that `work` returns, on the host: it waits for the device itself. Arguments as of `run`."""
        with self._slot() as slot:
            uploads = self._stage(slot, sources, expected)

            def queue() -> tuple[T, Event]:
                with torch.inference_mode(), self._streams.computing():
                    return work(uploads), self._streams.download((), ())

            value, event = self._queue(queue)
            event.synchronize()
            return value

    def close(self) -> None:
        """Accept no more frames, wait for those in progress and release their memory."""
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
                raise RuntimeError("the ring is closed and takes no more frames")
            slot = self._free.pop()
        try:
            yield slot
        finally:
            with self._changed:
                self._free.append(slot)
                self._changed.notify_all()

    def _queue[T](self, queue: Callable[[], T]) -> T:
        """Queue work on the engine's thread; where that fails, wait for the slot's copies before raising."""

        def guarded() -> T:
            try:
                return queue()
            except BaseException:
                self._streams.finish()
                raise

        result: T = self._execute(guarded)  # type: ignore[assignment]
        return result

    @staticmethod
    def _stage(slot: _Slot, sources: Sequence[Planes], expected: Callable[[int], bool]) -> list[Upload]:
        uploads = slot.uploads(sources)
        for index, upload in enumerate(uploads):
            if expected(index):
                upload.stage()
        return uploads


def _copy(planes: Planes, target: Iterator[NDArray[np.generic]] | Planes) -> None:
    for plane, array in zip(planes, target, strict=True):
        np.copyto(array, plane)


def _check(outputs: Sequence[Tensor], host: Sequence[Tensor]) -> None:
    kinds, wanted = ([(tuple(x.shape), x.dtype) for x in tensors] for tensors in (outputs, host))
    if kinds != wanted:
        raise ValueError(f"work must return {wanted}, got {kinds}")


class CudaStreams:
    """The streams of a CUDA or ROCm device."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._up, self._compute, self._down = (torch.cuda.Stream(device) for _ in range(3))  # type: ignore[no-untyped-call]

    def pinned(self, size: int) -> Tensor:
        return torch.empty(size, dtype=torch.uint8, pin_memory=True)

    def upload(self, host: Sequence[Tensor]) -> tuple[Tensor, ...]:
        with torch.cuda.stream(self._up):
            uploaded = tuple(x.to(self._device, non_blocking=True) for x in host)
        self._compute.wait_stream(self._up)
        for x in uploaded:  # allocated on one stream and read on another, which their memory must wait for
            x.record_stream(self._compute)
        return uploaded

    @contextmanager
    def computing(self) -> Iterator[None]:
        """A context in which work is queued, behind the default stream's, which wrote the weights."""
        self._compute.wait_stream(torch.cuda.default_stream(self._device))
        with torch.cuda.stream(self._compute):
            yield

    def download(self, outputs: Sequence[Tensor], host: Sequence[Tensor]) -> Event:
        self._down.wait_stream(self._compute)
        with torch.cuda.stream(self._down):
            for x, array in zip(outputs, host, strict=True):
                array.copy_(x, non_blocking=True)
            event = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call] # it lets the thread sleep
            event.record(self._down)
        return event

    def finish(self) -> None:
        torch.cuda.synchronize(self._device)


_rings: weakref.WeakValueDictionary[torch.device, Ring] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def device_ring(device: torch.device) -> Ring:
    """The ring of a device, whose work runs on the device's one thread; created where nothing references one.

    All work on the device shares it, and with it the stream: an engine has tensors that it uses again.
    """
    with _lock:
        ring = _rings.get(device)
        if ring is None:
            executor = device_executor(device)
            ring = _rings[device] = Ring(CudaStreams(device), executor.run)
        return ring
