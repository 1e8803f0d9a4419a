"""Work captured once as a CUDA graph and replayed: one launch for hundreds, none of which waits for Python."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch

from vsrife.errors import first_line

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from torch import Tensor

    Work = Callable[..., Sequence[Tensor]]
    """From input tensors to output tensors, on the device alone: it waits for nothing and reads no value on the host.
    All else that it reads, like weights, stays where it is for as long as the graph."""

__all__ = ["Backend", "CudaGraphs", "Graphs"]

CAPACITY = 3
"""Graphs cached, each with its memory: a clip's own size and those of a few that run beside it."""
WARM_UPS = 3
"""Runs before a capture, in which cuDNN chooses its algorithms and Triton compiles."""


class Backend(Protocol):
    """Captures work and replays it."""

    def warm_up(self, work: Callable[[], object]) -> None:
        """Run work so that nothing in it happens for the first time when it is captured."""
        ...

    def capture(self, work: Callable[[], Sequence[Tensor]]) -> tuple[Callable[[], None], Sequence[Tensor]]:
        """Record work without running it; returns a function that replays it, and the tensors that a replay writes.

        Raises:
            RuntimeError: it cannot be captured, or there is no memory for it.
        """
        ...

    def release(self) -> None:
        """Wait for all replays, so that their memory can be released."""
        ...


@dataclass(frozen=True)
class _Captured:
    inputs: tuple[Tensor, ...]
    fixed: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    replay: Callable[[], None]


class Graphs:
    """Graphs by key, the last few cached. For one thread and one stream: the engine's.

    Where capturing fails, for want of memory or because something cannot be captured, all graphs are dropped, one line
    is logged, and from then on work runs as it is, which gives the same.

    Args:
        backend: captures; `CudaGraphs` on a device.
        log: takes that line.
        capacity: graphs cached.
    """

    def __init__(self, backend: Backend, log: Callable[[str], None], capacity: int = CAPACITY) -> None:
        self._backend = backend
        self._log = log
        self._capacity = capacity
        self._cached: OrderedDict[Hashable, _Captured] = OrderedDict()
        self._eager = False

    def __len__(self) -> int:
        return len(self._cached)

    def run(
        self, key: Hashable, work: Work, inputs: Sequence[Tensor], fixed: Sequence[Tensor] = (), *, keep: bool = False
    ) -> tuple[Tensor, ...]:
        """Run `work(*inputs, *fixed)`; returns its outputs.

        Args:
            key: all that work depends on besides the shapes and types of `inputs`, which are part of the key already:
                the network, scale, number of views.
            work: see `Work`; the same for the same key.
            inputs: copied to where the graph reads them.
            fixed: read where they are, for large tensors that stay in place, like encoded pictures in a few buffers
                that frames take turns in; their addresses are part of the key, and they live as long as the graph.
            keep: whether the outputs must outlive the next run, of any key, that would write over them.
        """
        if self._eager:
            return tuple(work(*inputs, *fixed))
        full_key = key, *(_kind(x) for x in inputs), *((*_kind(x), x.data_ptr()) for x in fixed)
        captured = self._cached.get(full_key)
        if captured is None:
            try:
                captured = self._capture(work, inputs, fixed)
            except RuntimeError as error:  # torch.cuda.OutOfMemoryError is one
                self._give_up(error)
                return tuple(work(*inputs, *fixed))
            self._add(full_key, captured)
        self._cached.move_to_end(full_key)
        for buffer, value in zip(captured.inputs, inputs, strict=True):
            buffer.copy_(value)
        captured.replay()
        return tuple(x.clone() for x in captured.outputs) if keep else captured.outputs

    def close(self) -> None:
        """Drop every graph and its memory."""
        if self._cached:
            self._backend.release()
            self._cached.clear()

    def _capture(self, work: Work, inputs: Sequence[Tensor], fixed: Sequence[Tensor]) -> _Captured:
        buffers = tuple(x.clone() for x in inputs)
        self._backend.warm_up(lambda: work(*buffers, *fixed))
        replay, outputs = self._backend.capture(lambda: work(*buffers, *fixed))
        return _Captured(buffers, tuple(fixed), tuple(outputs), replay)

    def _add(self, key: Hashable, captured: _Captured) -> None:
        while len(self._cached) >= self._capacity:
            self._backend.release()
            self._cached.popitem(last=False)
        self._cached[key] = captured

    def _give_up(self, error: RuntimeError) -> None:
        self._eager = True
        self.close()
        why = "there is no memory for it" if isinstance(error, torch.cuda.OutOfMemoryError) else first_line(error)
        self._log(f"runs without CUDA graphs, which costs some speed: {why}")


def _kind(x: Tensor) -> tuple[Hashable, ...]:
    return tuple(x.shape), x.stride(), x.dtype, x.device


class CudaGraphs:
    """PyTorch's CUDA graphs of one device, which share their memory: a replay may write over another's outputs."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool = torch.cuda.graph_pool_handle()

    def warm_up(self, work: Callable[[], object]) -> None:
        """Run work on a stream of its own, as PyTorch requires."""
        current = torch.cuda.current_stream(self._device)
        side = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        side.wait_stream(current)
        with torch.cuda.stream(side):
            for _ in range(WARM_UPS):
                work()
        current.wait_stream(side)

    def capture(self, work: Callable[[], Sequence[Tensor]]) -> tuple[Callable[[], None], Sequence[Tensor]]:
        """Record work; other threads may go on using the device."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(self._device), torch.cuda.graph(graph, self._pool, capture_error_mode="thread_local"):
            outputs = work()
        return graph.replay, outputs

    def release(self) -> None:
        torch.cuda.synchronize(self._device)
