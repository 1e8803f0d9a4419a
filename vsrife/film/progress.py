"""What a run reports while it works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from vsrife.errors import RifeError

__all__ = ["Log", "Progress", "ProgressReporter", "StoppedError", "ignore"]

Log = Callable[[str], None]
"""Takes a line that the user may want to know."""
Progress = Callable[[int, int], None]
"""Takes how many frames are done, of how many."""


class StoppedError(RifeError):
    """A failure after which a later run can go on with the finished segments; its note says how many are kept."""


class ProgressReporter(Protocol):
    """Shows the user what a run is doing."""

    def stage(self, what: str, total: int = 0, done: int = 0) -> None:
        """Begin a stage of `total` frames, `done` of which an earlier run has finished."""

    def watch(self, done: int, total: int) -> None: ...

    def log(self, line: str) -> None: ...


def ignore(line: str) -> None:
    """A `Log` that nobody reads."""
