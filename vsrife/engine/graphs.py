"""Estimates captured once as CUDA graphs and replayed: one launch for dozens, none of which waits for Python."""

from __future__ import annotations

import math
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from vsrife.engine.cards import check_memory, is_lost
from vsrife.engine.levels import Level, fall, level_of
from vsrife.engine.memory import capturing, is_out_of_memory
from vsrife.errors import first_line
from vsrife.motion import Motion, PackedMap

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from vsrife.engine.estimator import Estimate, MotionEstimator

__all__ = ["Backend", "CudaGraphs", "GraphedEstimator", "Graphs"]

CAPACITY = 3
"""Graphs cached, each with its memory: a clip's own size and those of a few that run beside it."""
MOST_CAPTURES = 3
"""Captures of the same work, where the graphs are dropped again and again for want of memory."""
UNUSED = 200
"""Runs after which a graph that nobody replayed makes room for another: sizes that take turns are not captured anew."""


class Backend(Protocol):
    """Captures work and replays it."""

    def capture[T](self, work: Callable[[], T]) -> tuple[Callable[[], None], T]:
        """Record work without running it; returns a function that replays it, and what a replay writes.

        Raises:
            RuntimeError: it cannot be captured, or there is no memory for it; all is as before.
        """
        ...

    def release(self) -> None:
        """Wait for all replays, so that their memory can be released."""
        ...


@dataclass
class _Captured[T]:
    inputs: tuple[Tensor, ...]
    result: T
    replay: Callable[[], None]
    used: int


class Graphs[T]:
    """Work by key, captured when it is asked for the second time: the first one compiles and chooses algorithms.

    Work is `work(*inputs)`: it runs on the device alone, waits for nothing and reads no value on the host. All else
    that it reads, like weights, stays where it is. Where there is no memory for a graph, that work stays eager, and
    where one cannot be captured, all work does; a line says so. For one stream.

    Args:
        backend: captures; `CudaGraphs` on a card.
        clone: copies a result, which the next replay writes over.
        log: takes that line.
    """

    def __init__(self, backend: Backend, clone: Callable[[T], T], log: Callable[[str], None]) -> None:
        self._backend = backend
        self._clone = clone
        self._log = log
        self._captured: dict[Hashable, _Captured[T]] = {}
        self._seen: set[Hashable] = set()
        self._captures: Counter[Hashable] = Counter()
        self._lock = threading.Lock()
        self._runs = 0
        self.replays = 0
        self.failure = ""
        """Why nothing is captured any more, in one line."""

    def __len__(self) -> int:
        return len(self._captured)

    def run(
        self, key: Hashable, work: Callable[..., T], inputs: Sequence[Tensor], check: Callable[[], None] | None = None
    ) -> T:
        """The result of `work(*inputs)`.

        Args:
            key: all that work depends on besides the shapes and types of `inputs`, which are part of the key already.
            work: from tensors like `inputs` to a result; the same work for the same key.
            inputs: copied to where the graph reads them.
            check: called before a capture; raises `torch.OutOfMemoryError` where there is no memory for one.
        """
        full = (key, *((tuple(x.shape), x.stride(), x.dtype) for x in inputs))
        with self._lock:
            self._runs += 1
            captured = self._captured.get(full)
            if captured is None:
                result = work(*inputs)
                if full in self._seen and self._may_capture(full):
                    self._capture(full, work, inputs, check)
                self._seen.add(full)
                return result
            captured.used = self._runs
            for buffer, value in zip(captured.inputs, inputs, strict=True):
                buffer.copy_(value)
            captured.replay()
            self.replays += 1
            return self._clone(captured.result)

    def close(self) -> None:
        """Drop every graph and its memory."""
        with self._lock:
            if self._captured:
                self._backend.release()
                self._captured.clear()
                self._seen.clear()

    def _may_capture(self, key: Hashable) -> bool:
        """Whether work may be captured; makes room for it."""
        if self.failure or self._captures[key] >= MOST_CAPTURES:
            return False
        if len(self._captured) < CAPACITY:
            return True
        oldest = min(self._captured, key=lambda key: self._captured[key].used)
        if self._runs - self._captured[oldest].used <= UNUSED:
            return False
        self._backend.release()
        del self._captured[oldest]
        return True

    def _capture(
        self, key: Hashable, work: Callable[..., T], inputs: Sequence[Tensor], check: Callable[[], None] | None
    ) -> None:
        self._captures[key] += 1
        try:
            if check:
                check()
            buffers = tuple(x.clone() for x in inputs)
            work(*buffers)  # so that nothing happens for the first time while it is captured
            replay, result = self._backend.capture(lambda: work(*buffers))
        except RuntimeError as error:
            if is_lost(error):
                raise
            if is_out_of_memory(error):
                self._captures[key] = MOST_CAPTURES
                self._log("an estimate is not captured as a graph, for which there is no memory")
            else:
                self.failure = first_line(error)
                self._log(f"estimates are not captured as graphs, which costs some speed: {self.failure}")
        else:
            self._captured[key] = _Captured(buffers, result, replay, self._runs)


class CudaGraphs:
    """PyTorch's CUDA graphs of one card, which share their memory: a replay may write over another's results."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()

    def capture[T](self, work: Callable[[], T]) -> tuple[Callable[[], None], T]:
        """Record work on a stream of its own; other threads may go on using the card.

        `torch.cuda.graph` leaves the thread on the capture's stream where it fails, and the allocator believing that
        a capture is going on, after which memory that two streams used is never handed out again.
        """
        graph = torch.cuda.CUDAGraph()
        with capturing, torch.cuda.device(self._device):
            torch.cuda.synchronize()  # errors of earlier work are not the capture's
            torch.cuda.empty_cache()
            with torch.cuda.stream(self._stream):
                graph.capture_begin(pool=self._pool, capture_error_mode="thread_local")
                try:
                    result = work()
                    graph.capture_end()
                except BaseException:
                    self._abandon(graph)
                    raise
        return graph.replay, result

    def release(self) -> None:
        with capturing:
            torch.cuda.synchronize(self._device)
        self._pool = torch.cuda.graph_pool_handle()

    def _abandon(self, graph: torch.cuda.CUDAGraph) -> None:
        """End a capture that failed, and the allocator's part in it, as far as that was not done."""
        with suppress(RuntimeError):
            graph.capture_end()
        index, pool = self._device.index, self._pool
        end, before_2_8 = "_cuda_endAllocateToPool", "_cuda_endAllocateCurrentStreamToPool"  # of PyTorch
        with suppress(RuntimeError, AttributeError, TypeError):  # RuntimeError where the capture's end did so
            getattr(torch._C, end if hasattr(torch._C, end) else before_2_8)(index, pool)
            torch._C._cuda_releasePool(index, pool)
        with suppress(RuntimeError):
            graph.reset()
        self._pool = torch.cuda.graph_pool_handle()


class GraphedEstimator:
    """A `MotionEstimator` of a card whose estimates are captured as graphs, where the level allows it.

    Those in bands, and with maps of times, run eagerly.

    Args:
        estimator: its `estimate` waits for nothing.
        device: the card.
        backend: captures; None for the card's.
        log: see `Graphs`.
    """

    def __init__(
        self,
        estimator: MotionEstimator,
        device: torch.device,
        log: Callable[[str], None],
        backend: Backend | None = None,
    ) -> None:
        self._estimator = estimator
        self._device = device
        self._log = log
        self._backend = backend
        self.graphs: Graphs[Motion] | None = None
        """Created for the first estimate at a level that has them."""
        self.config, self.dtype = estimator.config, estimator.dtype
        self.has_bands, self.takes_batches = estimator.has_bands, estimator.takes_batches

    def encode(self, rgb: Tensor, band: int = 0) -> Tensor:
        return self._estimator.encode(rgb, band)

    def estimate(
        self,
        encoded0: Tensor,
        encoded1: Tensor,
        timestep: Tensor,
        scale: float,
        *,
        ensemble: bool = False,
        band: int = 0,
    ) -> Estimate:
        pixels = math.prod(encoded0.shape) // min(encoded0.shape[1], encoded0.shape[-1])

        def work(first: Tensor, last: Tensor, time: Tensor) -> Motion:
            return self._estimator.estimate(first, last, time, scale, ensemble=ensemble, band=band)[0]

        if level_of(self._device) < Level.GRAPHS:
            self.release_graphs()
        elif not band and timestep.shape[-2:] == (1, 1):
            if self.graphs is None:
                self.graphs = Graphs(self._backend or CudaGraphs(self._device), _clone, self._say)
            inputs = encoded0, encoded1, timestep
            motion = self.graphs.run((scale, ensemble), work, inputs, lambda: check_memory(self._device, pixels))
            if self.graphs.failure:
                fall(self._device, self.graphs.failure)
            return motion, None
        return work(encoded0, encoded1, timestep), None

    def release(self) -> None:
        """Give up the graphs, and what the estimator keeps."""
        self.release_graphs()
        self._estimator.release()

    def release_graphs(self) -> None:
        """Drop every graph and its memory."""
        if self.graphs is not None:
            self.graphs.close()

    def _say(self, what: str) -> None:
        self._log(f"{self._device}: {what}")


def _clone(motion: Motion) -> Motion:
    maps = (
        replace(each, stored=each.stored.clone())
        if isinstance(each, PackedMap)
        else replace(each, data=each.data.clone())
        for each in motion.maps
    )
    return Motion(tuple(maps), motion.accumulates_mask)
