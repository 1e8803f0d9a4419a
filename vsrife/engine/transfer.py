"""Copies between host and device: on CUDA one each way for all planes of a frame, from and to pinned memory.

The engine's thread queues them and never waits; the thread that asked for a frame does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from vsrife.engine.cards import wait_for
from vsrife.engine.streams import copy_streams
from vsrife.engine.unproven import type_on
from vsrife.motion.cpu import with_slack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["ALIGNMENT", "Download", "HostCopy", "Pending", "lay_out", "parts_like", "torch_dtype", "upload"]

ALIGNMENT = 256
"""Planes begin at multiples of so many bytes, which device copies prefer."""


class Pending[T]:
    """A result that a device is still computing.

    Args:
        finish: waits for it and returns it; called without gradients, on the thread that asked for it.
    """

    def __init__(self, finish: Callable[[], T]) -> None:
        self.finish = finish


class HostCopy:
    """A tensor and its copy in host memory, which is queued behind the work so far."""

    def __init__(self, tensor: Tensor) -> None:
        self._event: torch.cuda.Event | None = None
        self._device = tensor.device
        if tensor.device.type != "cuda":
            self._host = tensor.cpu()
            return
        self._host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        if streams := copy_streams(tensor.device):
            self._event = streams.download(tensor, self._host)
            return
        self._host.copy_(tensor, non_blocking=True)
        self._event = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call] # it lets the thread sleep
        self._event.record(torch.cuda.current_stream(tensor.device))

    def get(self) -> Tensor:
        """The copy, once it is done.

        Raises:
            RuntimeError: see `wait_for`.
        """
        if event := self._event:  # another thread may wait too
            wait_for(event, self._device)
            self._event = None
        return self._host


class Download:
    """Planes of a device that are copied to host arrays in one piece.

    Args:
        target: the host arrays, of the same sizes and types.
        device: where the planes are.
        beside: other tensors of the device that go with them.
    """

    def __init__(
        self, target: Sequence[NDArray[np.generic]], device: torch.device, beside: Sequence[Tensor] = ()
    ) -> None:
        self._target, self._beside = target, beside
        self._starts, size = lay_out((*target, *beside))
        self._memory = torch.empty(size, dtype=torch.uint8, device=device)
        self.planes = parts_like(target, self._memory)
        """Tensors like the arrays, to be written on the device."""

    def start(self) -> Pending[list[Tensor]]:
        """Queue the copy; the arrays are written when it is finished, which returns those beside them."""
        for copy, tensor in zip(self._parts_beside(self._memory), self._beside, strict=True):
            copy.copy_(tensor)
        whole = HostCopy(self._memory)

        def finish() -> list[Tensor]:
            memory = whole.get()
            for part, array in zip(parts_like(self._target, memory), self._target, strict=True):
                np.copyto(array, part.numpy())
            return self._parts_beside(memory)

        return Pending(finish)

    def _parts_beside(self, memory: Tensor) -> list[Tensor]:
        starts = self._starts[len(self._target) :]
        return [_part(memory, start, x.nbytes, x.dtype, x.shape) for start, x in zip(starts, self._beside, strict=True)]


def torch_dtype(plane: NDArray[np.generic]) -> torch.dtype:
    """PyTorch's name of an array's type."""
    return torch.from_numpy(np.empty(0, plane.dtype)).dtype


def lay_out(planes: Sequence[NDArray[np.generic] | Tensor]) -> tuple[list[int], int]:
    """Where planes begin that lie one behind another in memory, and the bytes of all."""
    starts, size = [], 0
    for plane in planes:
        starts.append(size)
        size += -(-plane.nbytes // ALIGNMENT) * ALIGNMENT
    return starts, size


def upload(planes: Sequence[NDArray[np.generic]], device: torch.device) -> tuple[Tensor, ...]:
    """Copies of planes on a device, in their own values; in fp32 where it does not know their type."""
    if device.type != "cuda":
        return tuple(_copy(type_on(device, plane)).to(device) for plane in planes)
    _, size = lay_out(planes)
    host = torch.empty(size, dtype=torch.uint8, pin_memory=True)
    for part, plane in zip(parts_like(planes, host), planes, strict=True):
        np.copyto(part.numpy(), plane)
    streams = copy_streams(device)
    return parts_like(planes, streams.upload(host) if streams else host.to(device, non_blocking=True))


def parts_like(planes: Sequence[NDArray[np.generic]], memory: Tensor) -> tuple[Tensor, ...]:
    """The tensors like these planes in memory that is laid out for them."""
    starts, _ = lay_out(planes)
    return tuple(
        _part(memory, start, plane.nbytes, torch_dtype(plane), plane.shape)
        for start, plane in zip(starts, planes, strict=True)
    )


def _part(memory: Tensor, start: int, size: int, dtype: torch.dtype, shape: Sequence[int]) -> Tensor:
    return memory[start : start + size].view(dtype).view(tuple(shape))


def _copy(plane: NDArray[np.generic]) -> Tensor:
    height, width = plane.shape
    copy = with_slack(height, width, torch_dtype(plane))
    np.copyto(copy.numpy(), plane)
    return copy
