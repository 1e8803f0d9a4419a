"""How much memory the filters of a device keep for later, over all of them."""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from functools import cache
from typing import TYPE_CHECKING, Protocol

import torch

from vsrife.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CacheBudget", "Cached", "budget_of"]

VARIABLE = "VSRIFE_CACHE_MIB"
MIB = 1 << 20
SHARE = 16
"""A budget is one part of so many of the device's memory, within these bounds."""
LEAST, MOST = 256 * MIB, 1024 * MIB


class Cached(Protocol):
    """A filter's memory for later."""

    @property
    def size(self) -> int:
        """Bytes that `release` would give back."""

    def release(self) -> None:
        """Give up what nobody uses or waits for."""


class CacheBudget:
    """Empties the caches of filters that were used longest ago, as soon as all of them exceed the limit.

    The filter in use keeps what it needs even where that alone is more.

    Args:
        limit: bytes; asked for each time, so that it may change.
    """

    def __init__(self, limit: Callable[[], int]) -> None:
        self._limit = limit
        self._caches: OrderedDict[int, weakref.ref[Cached]] = OrderedDict()
        self._lock = threading.Lock()

    def use(self, cache: Cached) -> None:
        """Note that a cache is being used."""
        with self._lock:
            self._caches[id(cache)] = weakref.ref(cache)
            self._caches.move_to_end(id(cache))
            alive = {key: found for key, reference in self._caches.items() if (found := reference()) is not None}
            for key in [key for key in self._caches if key not in alive]:
                del self._caches[key]
        sizes = {key: each.size for key, each in alive.items()}
        excess = sum(sizes.values()) - self._limit()
        for key, each in alive.items():
            if excess <= 0 or each is cache:
                break
            each.release()
            excess -= sizes[key]
            with self._lock:
                self._caches.pop(key, None)


@cache
def budget_of(device: torch.device) -> CacheBudget:
    """The budget of a device's filters.

    Its limit is that of the environment variable `VSRIFE_CACHE_MIB`, else a part of the device's memory.

    Raises:
        RifeError: the variable is not a whole number of MiB.
    """
    usual = usual_limit(device)
    limit_from_environment()
    return CacheBudget(lambda: usual if (wanted := limit_from_environment()) is None else wanted)


def limit_from_environment() -> int | None:
    """The bytes that `VSRIFE_CACHE_MIB` allows; None where it is not set.

    Raises:
        RifeError: it is not a whole number.
    """
    text = os.environ.get(VARIABLE, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise ArgumentError(VARIABLE, text, "a whole number of MiB")
    return int(text) * MIB


def usual_limit(device: torch.device) -> int:
    """Bytes for a device without a limit of the user's."""
    return min(max(_memory(device) // SHARE, LEAST), MOST)


def _memory(device: torch.device) -> int:
    """Bytes of a device's memory, 0 where unknown."""
    if device.type in ("cuda", "xpu"):
        return int(getattr(torch, device.type).get_device_properties(device).total_memory)
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return SHARE * MOST
