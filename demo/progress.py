"""How far a pass has come."""

from __future__ import annotations

import sys
import time
from typing import Self

__all__ = ["Progress"]


class Progress:
    """One line that is written over on a terminal, a line for every quarter elsewhere.

    Args:
        label: what is going on.
        total: frames there will be.
    """

    def __init__(self, label: str, total: int) -> None:
        self._label = label
        self._total = total
        self._started = time.perf_counter()
        self._quarter = 0
        self._live = sys.stdout.isatty()
        self._write(f"{label}: loading")

    def show(self, done: int) -> None:
        """Says that `done` frames are there."""
        quarter = 4 * done // self._total
        if not self._live and quarter in (self._quarter, 4):
            return
        self._quarter = quarter
        spent = time.perf_counter() - self._started
        left = round(spent / max(done, 1) * (self._total - done))
        self._write(f"{self._label}: {done}/{self._total} frames, {left // 60}:{left % 60:02d} left")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        """Takes the line away again."""
        if self._live:
            print("\r\033[K", end="", flush=True)

    def _write(self, text: str) -> None:
        print(f"\r\033[K{text}" if self._live else text, end="" if self._live else "\n", flush=True)
