"""Memory that is lent again: on a CPU, large blocks cost as much to get from the system as to fill."""

from __future__ import annotations

import threading
import weakref

import torch
from torch import Tensor

__all__ = ["Pool"]

IDLE = 2
"""Blocks kept that nobody holds."""


class Pool:
    """Lends tensors of CPU memory; one is lent again once the tensor it was lent as is gone.

    Views made of a lent tensor do not count: who keeps one keeps the lent tensor, too.
    """

    def __init__(self) -> None:
        self._blocks: list[tuple[Tensor, weakref.ref[Tensor]]] = []
        self._lock = threading.Lock()

    def clear(self) -> None:
        """Give up the blocks that nobody holds."""
        with self._lock:
            self._blocks = [(block, lent) for block, lent in self._blocks if lent() is not None]

    def empty(self, *shape: int) -> Tensor:
        """An fp32 tensor whose values are whatever they were."""
        with self._lock:
            idle = [block for block, lent in self._blocks if lent() is None]
            block = next((block for block in idle if block.shape == shape), None)
            if block is None:
                block = torch.empty(shape)
            kept = [known for known in idle if known is not block][-IDLE:]
            lent = block.view(shape)
            # `block in kept` would compare values
            self._blocks = [
                (known, ref)
                for known, ref in self._blocks
                if known is not block and (ref() is not None or any(known is one for one in kept))
            ]
            self._blocks.append((block, weakref.ref(lent)))
            return lent
