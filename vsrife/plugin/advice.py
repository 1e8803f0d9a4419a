"""The line for users whose CPU is slower than real time with the default network."""

from __future__ import annotations

import os
import time
from threading import Lock
from typing import TYPE_CHECKING

from vsrife.networks.catalog import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsrife.plugin.schedule import Schedule

__all__ = ["SMALL", "SlowAdvice", "required_rate"]

SMALL = "nano"
"""The network that the line names."""
FACTOR = "about twice"
"""How many frames more it was measured to make, see docs/performance.md."""
SKIPPED, MEASURED = 8, 24
"""Interpolated frames that are not measured, because the first ones prepare layers, and those that are."""
SAMPLE = 120
"""Outputs whose share of interpolated frames stands for the film's."""


class SlowAdvice:
    """Says once how far the CPU is from real time, and which network costs less. Changes no frame.

    The rate is that of the process's own time on its processors, so that a paused preview counts nothing.

    Args:
        required: gives the interpolated frames a second in real time, 0 where that is unknown.
        tell: takes the line.
        clock: seconds of processor time.
        cores: processors that the process may use.
    """

    def __init__(
        self,
        required: Callable[[], float],
        tell: Callable[[str], None],
        clock: Callable[[], float] = time.process_time,
        cores: int | None = None,
    ) -> None:
        self._required = required
        self._tell = tell
        self._clock = clock
        self._cores = cores or (
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        )
        self._lock = Lock()
        self._count = 0
        self._begin = 0.0

    def count(self) -> None:
        """Count an interpolated frame."""
        if self._count >= SKIPPED + MEASURED:  # one comparison a frame from then on
            return
        with self._lock:
            self._count += 1
            count = self._count
            if count == SKIPPED:
                self._begin = self._clock()
        if count == SKIPPED + MEASURED:
            rate = self._cores * MEASURED / max(self._clock() - self._begin, 1e-9)
            required = self._required()
            if rate < required:
                self._tell(_line(rate, required))


def required_rate(schedule: Schedule) -> float:
    """Interpolated frames a second that real time takes; 0 where the clip's rate is unknown."""
    outputs = min(schedule.timeline.length, SAMPLE)
    made = sum(schedule.timeline.at(n).timestep != 0 for n in range(outputs))
    return float(schedule.fps or 0) * made / max(outputs, 1)


def _line(rate: float, required: float) -> str:
    return (
        f"{DEFAULT} makes about {rate:.3g} interpolated frames a second on this CPU when nothing else uses it, and "
        f'real time takes {required:.3g}; model="{SMALL}" makes {FACTOR} as many'
    )
