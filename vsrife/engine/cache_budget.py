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
RECENT = 6
"""Caches used last whose sizes may have changed: of the frames that a device works on at once, and a few more."""


class Cached(Protocol):
    """A filter's memory for later."""

    @property
    def size(self) -> int:
        """Bytes that it holds."""

    def release(self) -> None:
        """Give up what nobody uses or waits for."""


class CacheBudget:
    """Empties the caches of filters that were used longest ago, as soon as all of them exceed the limit.

    The filter in use keeps what it needs even where that alone is more.

    Args:
        limit: bytes; asked for each time, so that it may change.
    """

    def __init__(self, limit: Callable[[], int]) -> None:
        self._find_limit = limit
        self._caches: OrderedDict[int, tuple[weakref.ref[Cached], int]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def limit(self) -> int:
        """Bytes that all caches may have together."""
        return self._find_limit()

    def use(self, cache: Cached) -> None:
        """Note that a cache is being used.

        Caches grow while they are used: the sizes of the last few are read anew.
        """
        key, caches = id(cache), self._caches
        with self._lock:
            caches[key] = weakref.ref(cache, lambda _: caches.pop(key, None)), 0
            caches.move_to_end(key)
            for recent, (holder, _) in list(caches.items())[-RECENT:]:
                if (found := holder()) is not None:
                    caches[recent] = holder, found.size
            *oldest, (_, (_, size)) = list(caches.items())
            excess = size + sum(held for _, (_, held) in oldest) - self.limit
            given_up = []
            for other, (holder, held) in oldest:
                if excess <= 0:
                    break
                caches.pop(other, None)
                given_up.append(holder)
                excess -= held
        for holder in given_up:
            if (released := holder()) is not None:
                released.release()


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
