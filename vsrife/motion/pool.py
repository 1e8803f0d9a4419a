"""Reused memory: on a CPU, getting large blocks from the system costs as much as filling them."""

from __future__ import annotations

import threading
import weakref

import torch
from torch import Tensor

__all__ = ["Pool"]

IDLE = 4
"""Unused blocks kept."""


class Pool:
    """Lends tensors of CPU memory and reuses a block once the tensor that was lent is gone.

    A view of a lent tensor does not keep its block: whoever keeps a view keeps the lent tensor too.
    """

    def __init__(self) -> None:
        self._blocks: list[tuple[Tensor, weakref.ref[Tensor]]] = []
        self._lock = threading.Lock()

    def clear(self) -> None:
        """Give up the unused blocks."""
        with self._lock:
            self._blocks = [(block, lent) for block, lent in self._blocks if lent() is not None]

    def empty(self, *shape: int) -> Tensor:
        """An uninitialised fp32 tensor."""
        with self._lock:
            idle = [block for block, lent in self._blocks if lent() is None]
            block = next((block for block in idle if block.shape == shape), None)
            if block is None:
                block = torch.empty(shape)
            kept = {id(other) for other in [other for other in idle if other is not block][-IDLE:]}
            self._blocks = [
                (other, lent)
                for other, lent in self._blocks
                if other is not block and (lent() is not None or id(other) in kept)
            ]
            lent = block.view(shape)
            self._blocks.append((block, weakref.ref(lent)))
            return lent
