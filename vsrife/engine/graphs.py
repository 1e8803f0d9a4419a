"""Work captured once as a CUDA graph and replayed: one launch for hundreds, none of which waits for Python."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from torch import Tensor

    Work = Callable[..., Sequence[Tensor]]
    """From input tensors to output tensors, on the device alone: it waits for nothing and asks for no value. What else
    it reads, like weights, stays where it is for as long as the graph."""

__all__ = ["Backend", "CudaGraphs", "Graphs"]

KEPT = 3
"""Graphs kept, each with its memory: a clip's own size and those of a few that run beside it."""
WARM_UPS = 3
"""Runs before a capture, in which cuDNN chooses its algorithms and Triton compiles."""


class Backend(Protocol):
    """What captures and replays."""

    def warm_up(self, work: Callable[[], object]) -> None:
        """Run work so that nothing in it happens for the first time when it is captured."""
        ...

    def capture(self, work: Callable[[], Sequence[Tensor]]) -> tuple[Callable[[], None], Sequence[Tensor]]:
        """Record work without running it: what runs it again, and the tensors it then writes.

        Raises:
            RuntimeError: it cannot be captured, or there is no memory for it.
        """
        ...

    def release(self) -> None:
        """Wait for what was replayed, so that its memory can be given back."""
        ...


@dataclass(frozen=True)
class _Captured:
    inputs: tuple[Tensor, ...]
    held: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    replay: Callable[[], None]


class Graphs:
    """Graphs by key, the last few kept. For one thread and one stream: the engine's.

    Where capturing fails, for want of memory or because something cannot be captured, all graphs are dropped, one line
    is logged, and from then on work runs as it is, which gives the same.

    Args:
        backend: what captures; `CudaGraphs` on a device.
        log: takes that line.
        kept: graphs kept.
    """

    def __init__(self, backend: Backend, log: Callable[[str], None], kept: int = KEPT) -> None:
        self._backend = backend
        self._log = log
        self._most = kept
        self._kept: OrderedDict[Hashable, _Captured] = OrderedDict()
        self._eager = False

    def __len__(self) -> int:
        return len(self._kept)

    def run(
        self, key: Hashable, work: Work, inputs: Sequence[Tensor], held: Sequence[Tensor] = (), *, keep: bool = False
    ) -> tuple[Tensor, ...]:
        """What `work(*inputs, *held)` returns.

        Args:
            key: what work depends on besides the shapes and types of `inputs`, which are part of the key already: the
                network, scale, number of passes.
            work: see `Work`; the same for the same key.
            inputs: copied to where the graph reads them.
            held: read where they are, for large tensors that stay where they are, like looks in a few buffers that
                frames take turns in; their addresses are part of the key, and they live as long as the graph.
            keep: whether the outputs are to outlive the next run, of any key, that would write over them.
        """
        if self._eager:
            return tuple(work(*inputs, *held))
        whole = key, *(_kind(x) for x in inputs), *((*_kind(x), x.data_ptr()) for x in held)
        captured = self._kept.get(whole)
        if captured is None:
            try:
                captured = self._capture(work, inputs, held)
            except RuntimeError as error:  # torch.cuda.OutOfMemoryError is one
                self._give_up(error)
                return tuple(work(*inputs, *held))
            self._keep(whole, captured)
        self._kept.move_to_end(whole)
        for there, here in zip(captured.inputs, inputs, strict=True):
            there.copy_(here)
        captured.replay()
        return tuple(x.clone() for x in captured.outputs) if keep else captured.outputs

    def close(self) -> None:
        """Drop every graph and its memory."""
        if self._kept:
            self._backend.release()
            self._kept.clear()

    def _capture(self, work: Work, inputs: Sequence[Tensor], held: Sequence[Tensor]) -> _Captured:
        fixed, there = tuple(x.clone() for x in inputs), tuple(held)
        self._backend.warm_up(lambda: work(*fixed, *there))
        replay, outputs = self._backend.capture(lambda: work(*fixed, *there))
        return _Captured(fixed, there, tuple(outputs), replay)

    def _keep(self, key: Hashable, captured: _Captured) -> None:
        while len(self._kept) >= self._most:
            self._backend.release()
            self._kept.popitem(last=False)
        self._kept[key] = captured

    def _give_up(self, error: RuntimeError) -> None:
        self._eager = True
        self.close()
        why = (
            "there is no memory for it"
            if isinstance(error, torch.cuda.OutOfMemoryError)
            else str(error).split("\n", 1)[0]
        )
        self._log(f"runs without CUDA graphs, which costs some speed: {why[:200]}")


def _kind(x: Tensor) -> tuple[Hashable, ...]:
    return tuple(x.shape), x.stride(), x.dtype, x.device


class CudaGraphs:
    """PyTorch's CUDA graphs of one device, which share their memory: a replay may write over another's outputs."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool = torch.cuda.graph_pool_handle()

    def warm_up(self, work: Callable[[], object]) -> None:
        """See `Backend`; on a stream of its own, as PyTorch asks for."""
        current = torch.cuda.current_stream(self._device)
        side = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        side.wait_stream(current)
        with torch.cuda.stream(side):
            for _ in range(WARM_UPS):
                work()
        current.wait_stream(side)

    def capture(self, work: Callable[[], Sequence[Tensor]]) -> tuple[Callable[[], None], Sequence[Tensor]]:
        """See `Backend`; other threads may go on using the device."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(self._device), torch.cuda.graph(graph, self._pool, capture_error_mode="thread_local"):
            outputs = work()
        return graph.replay, outputs

    def release(self) -> None:
        """See `Backend`."""
        torch.cuda.synchronize(self._device)
