"""Running out of memory: recognising it among other errors, the size of the request, and giving memory back."""

from __future__ import annotations

import errno
import gc
import re
import threading
import weakref
from typing import Protocol

import torch

__all__ = [
    "Holder",
    "capturing",
    "is_out_of_memory",
    "register",
    "release_all_memory",
    "release_memory",
    "requested_bytes",
]

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
    "invalid buffer size",
    "unable to find an engine to execute",
)
"""Messages in lower case of PyTorch's allocators, cuBLAS, cuDNN (which needs memory too), Metal, NumPy, C and SYCL."""
UNITS = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}
REQUESTED = re.compile(r"allocate:? ([0-9.]+) ?([bkmgtp])", re.IGNORECASE)


class Holder(Protocol):
    """An object that caches memory on a device."""

    device: torch.device

    def release(self) -> None:
        """Give up what nobody uses or waits for."""


_holders: weakref.WeakSet[Holder] = weakref.WeakSet()
_lock = threading.Lock()
capturing = threading.Lock()
"""Held while a graph is captured, which what other threads free on a card, or wait for, would end."""


def register(holder: Holder) -> None:
    """Have `release_memory` call a holder's `release`, as long as it lives."""
    with _lock:
        _holders.add(holder)


def release_memory(device: torch.device) -> None:
    """Give up all memory that filters and PyTorch cache on a device."""
    with _lock:
        holders = list(_holders)
    for holder in holders:
        if holder.device == device:
            holder.release()
    gc.collect()
    if device.type in ("cuda", "xpu", "mps"):
        with capturing:
            getattr(torch, device.type).empty_cache()


def release_all_memory() -> None:
    """Give up all memory that filters and PyTorch cache, on every device."""
    with _lock:
        devices = {holder.device for holder in _holders}
    for device in devices:
        release_memory(device)


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or one of its causes, means that a device or the host ran out of memory."""
    if error is None:
        return False
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if isinstance(error, RuntimeError) and any(text in str(error).lower() for text in TEXTS):
        return True
    return is_out_of_memory(error.__cause__)


def requested_bytes(error: BaseException) -> int | None:
    """The size of the request that failed, None where the error does not say."""
    match = REQUESTED.search(str(error))
    return int(float(match[1]) * UNITS[match[2].lower()]) if match else None
