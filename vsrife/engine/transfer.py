"""Copies between host and device: on CUDA one each way for all planes of a frame, from and to pinned memory.

The engine's thread queues them and never waits; the thread that asked for a frame does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from vsrife.engine.streams import copy_streams
from vsrife.motion.cpu import with_slack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["ALIGNMENT", "HostCopy", "Pending", "allocate_like", "lay_out", "parts_like", "torch_dtype", "upload"]

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
        """The copy, once it is done."""
        if event := self._event:  # another thread may wait too
            event.synchronize()
            self._event = None
        return self._host


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


def allocate_like(planes: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Memory for tensors like these on their device, and the tensors in it."""
    starts, size = lay_out(planes)
    memory = torch.empty(size, dtype=torch.uint8, device=planes[0].device)
    parts = zip(starts, planes, strict=True)
    return memory, [_part(memory, start, plane.nbytes, plane.dtype, plane.shape) for start, plane in parts]


def upload(planes: Sequence[NDArray[np.generic]], device: torch.device) -> tuple[Tensor, ...]:
    """Copies of planes on a device, in their own values."""
    if device.type != "cuda":
        return tuple(_copy(plane).to(device) for plane in planes)
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
