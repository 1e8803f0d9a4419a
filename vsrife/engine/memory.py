"""When memory runs out: how that is told from other errors, how much was wanted, and what is given back."""

from __future__ import annotations

import errno
import gc
import re
import threading
import weakref
from typing import Protocol

import torch

__all__ = ["Holder", "give_back", "is_out_of_memory", "register", "wanted_bytes"]

TEXTS = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "unable to allocate",
    "failed to allocate",
    "bad_alloc",
    "status_alloc_failed",
    "out_of_device_memory",
    "out_of_host_memory",
)
"""What libraries say, in small letters: PyTorch's allocators, cuBLAS and cuDNN, NumPy, the C library, SYCL."""
UNITS = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}
WANTED = re.compile(r"allocate:? ([0-9.]+) ?([bkmgtp])", re.IGNORECASE)


class Holder(Protocol):
    """What keeps memory on a device that can be made again."""

    @property
    def device(self) -> torch.device:
        """Where."""
        ...

    def release(self) -> None:
        """Give up what nobody uses or waits for."""
        ...


_holders: weakref.WeakSet[Holder] = weakref.WeakSet()
_lock = threading.Lock()


def register(holder: Holder) -> None:
    """Have `give_back` ask it."""
    with _lock:
        _holders.add(holder)


def give_back(device: torch.device) -> None:
    """Give up all that is kept on a device for later, of every filter, and what PyTorch keeps there."""
    with _lock:
        holders = list(_holders)
    for holder in holders:
        if holder.device == device:
            holder.release()
    gc.collect()
    if device.type in ("cuda", "xpu", "mps"):
        getattr(torch, device.type).empty_cache()


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error says that there was no memory, of a device or of the host."""
    if error is None:
        return False
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if isinstance(error, RuntimeError) and any(text in str(error).lower() for text in TEXTS):
        return True
    return is_out_of_memory(error.__cause__)


def wanted_bytes(error: BaseException) -> int | None:
    """How much was asked for in vain, where the error says so."""
    found = WANTED.search(str(error))
    return int(float(found[1]) * UNITS[found[2].lower()]) if found else None
