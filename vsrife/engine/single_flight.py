"""Values that one thread computes while the others that want them wait."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SingleFlight"]


class SingleFlight[K, V]:
    """The values used last, each computed once while it is cached.

    Args:
        capacity: values cached.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[K, _Entry[V]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K, compute: Callable[[], V]) -> V:
        """The value of a key, computed where it is not cached; what `compute` raises is not cached."""
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            while len(self._entries) > self._capacity:
                self._entries.popitem(last=False)
        with entry.lock:
            if not entry.values:
                entry.values.append(compute())
            return entry.values[0]

    def values(self) -> list[V]:
        """The cached values, without those that are being computed."""
        with self._lock:
            return [value for entry in self._entries.values() for value in entry.values]

    def release(self) -> None:
        """Drop the values that nobody is computing."""
        with self._lock:
            self._entries = OrderedDict((key, entry) for key, entry in self._entries.items() if entry.lock.locked())


class _Entry[V]:
    """A value, absent until it is computed, and the lock of the thread that computes it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.values: list[V] = []
