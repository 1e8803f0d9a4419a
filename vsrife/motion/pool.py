"""Reused memory: on a CPU, getting large blocks from the system costs as much as filling them."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Pool"]

IDLE = 4
"""Unused blocks kept."""


class Pool:
    """Lends tensors of CPU memory and reuses a block once the tensor that was lent, and all views of it, are gone.

    A tensor made from an array keeps that array as long as its memory is used, through views too, which a reference to
    the tensor itself does not tell of.
    """

    def __init__(self) -> None:
        self._idle: deque[Tensor] = deque(maxlen=IDLE)
        self._lock = threading.Lock()

    def clear(self) -> None:
        """Give up the unused blocks."""
        with self._lock:
            self._idle.clear()

    def empty(self, *shape: int) -> Tensor:
        """An uninitialised fp32 tensor."""
        block = self._take(shape)
        if block is None:
            block = torch.empty(shape)
        lent = block.numpy().view()
        weakref.finalize(lent, self._idle.append, block).atexit = False
        return torch.from_numpy(lent)

    def _take(self, shape: tuple[int, ...]) -> Tensor | None:
        """An unused block; blocks are returned at any moment, also while this runs."""
        with self._lock:
            for _ in range(len(self._idle)):
                block = self._idle.popleft()
                if block.shape == shape:
                    return block
                self._idle.append(block)
        return None
