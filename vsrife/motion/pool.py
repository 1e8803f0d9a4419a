"""Reused memory: on a CPU, getting large blocks from the system costs as much as filling them."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
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
        self._blocks: list[tuple[Tensor, weakref.ref[NDArray[np.float32]]]] = []
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
            lent: NDArray[np.float32] = block.numpy().view()
            self._blocks.append((block, weakref.ref(lent)))
            return torch.from_numpy(lent)
