"""Copies beside the computation: a frame is uploaded while another one is computed and a third one downloaded.

PyTorch's allocators are the ring of buffers: memory of the card or of the host is handed out again once every stream
that used it is past it. How many frames are in progress is up to the threads that ask for them.
"""

from __future__ import annotations

import threading

import torch
from torch import Tensor

from vsrife.engine.levels import Level, level_of

__all__ = ["CopyStreams", "copy_streams"]


class CopyStreams:
    """A card's two streams for copies, beside the current one, on which it computes. None of the methods waits."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._up, self._down = (torch.cuda.Stream(device) for _ in range(2))  # type: ignore[no-untyped-call]

    def upload(self, host: Tensor) -> Tensor:
        """A copy of pinned memory on the card, which work that is queued from now on may read."""
        compute = torch.cuda.current_stream(self._device)
        with torch.cuda.stream(self._up):
            there = host.to(self._device, non_blocking=True)
        compute.wait_stream(self._up)
        there.record_stream(compute)  # its memory belongs to the other stream, which must not use it before
        return there

    def download(self, tensor: Tensor, host: Tensor) -> torch.cuda.Event:
        """Copy what the work so far makes to pinned memory; returns an event behind the copy."""
        self._down.wait_stream(torch.cuda.current_stream(self._device))
        event = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call] # it lets the thread sleep
        with torch.cuda.stream(self._down):
            host.copy_(tensor, non_blocking=True)
            event.record(self._down)
        tensor.record_stream(self._down)
        return event


_streams: dict[torch.device, CopyStreams] = {}
_lock = threading.Lock()


def copy_streams(device: torch.device) -> CopyStreams | None:
    """The streams of a card that is used at the level `RING`; else None."""
    if level_of(device) is not Level.RING:
        return None
    with _lock:
        if device not in _streams:
            _streams[device] = CopyStreams(device)
        return _streams[device]
