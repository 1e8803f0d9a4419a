"""What a probe found about a CUDA card: one file for each card in the user's cache folder, and the lock of a probe."""

from __future__ import annotations

import ctypes
import errno
import importlib
import json
import os
import re
import sys
import time
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import torch

from vsrife.errors import RifeError
from vsrife.files import atomic_write
from vsrife.weights import user_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["begin", "card_key", "locked", "read", "record_path", "write"]

ATTEMPTS = 3
"""Probes that may end without a result, as they do in a crash or when the computer is turned off."""
LIMIT = 240.0
"""Seconds after which a probe is given up; most of them compile."""
PATIENCE = LIMIT + 60
"""Seconds for which a probe that was started is believed to be at work; its own limit is less."""
TAKEN = errno.EAGAIN, errno.EACCES, errno.EDEADLK
"""Errors of a lock that another process holds."""
LIBRARIES = ("libnvidia-ml.so.1", "nvml.dll")


def card_key(device: torch.device) -> dict[str, str]:
    """All that a probe's result depends on."""
    major, minor = torch.cuda.get_device_capability(device)
    return {
        "card": f"{torch.cuda.get_device_name(device)} ({major}.{minor})",
        "driver": driver_version(),
        "torch": f"{torch.__version__} ({torch.version.hip or torch.version.cuda})",
        "triton": _triton_version(),
        "vsrife": _version("vsrife"),
    }


@cache
def driver_version() -> str:
    """The version of NVIDIA's driver; empty where it cannot be had."""
    for name in LIBRARIES:
        with suppress(OSError, AttributeError):
            library = ctypes.CDLL(name)
            text = ctypes.create_string_buffer(96)
            if library.nvmlInit_v2() == 0:
                found = library.nvmlSystemGetDriverVersion(text, len(text)) == 0
                library.nvmlShutdown()
                return text.value.decode("ascii", "replace") if found else ""
    return ""


def record_path(device: torch.device) -> Path:
    """The file of a card."""
    name = re.sub(r"[^a-z0-9]+", "-", torch.cuda.get_device_name(device).lower()).strip("-")
    return user_folder() / f"cuda-{name[:80]}.json"


def read(device: torch.device) -> dict[str, Any] | None:
    """What is known of a card; None where that is nothing, or was found with another driver or version."""
    try:
        found = json.loads(record_path(device).read_text(encoding="utf-8"))
    except (OSError, ValueError, RuntimeError):  # also without a home folder, or where it is nested too deeply
        return None
    return found if isinstance(found, dict) and found.get("key") == card_key(device) else None


def write(device: torch.device, found: dict[str, Any]) -> None:
    """Keep what was found of a card, where the folder can be written."""
    text = json.dumps({"key": card_key(device), **found}, indent=1)
    with suppress(OSError, RifeError, RuntimeError):
        path = record_path(device)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as partial:
            partial.write_text(text, encoding="utf-8")


def begin(device: torch.device) -> str | None:
    """Note that a probe begins, for the case that it never ends; returns why it must not, in one line.

    Raises:
        OSError: the folder cannot be written, or its file system has no locks.
    """
    with locked(device) as ours:
        if not ours:
            return "it is being probed"
        known = read(device) or {}
        attempts, started = known.get("attempts", 0), known.get("started", 0)
        if isinstance(started, (int, float)) and 0 <= time.time() - started < PATIENCE:
            return "it is being probed"
        if not isinstance(attempts, int) or attempts >= ATTEMPTS:
            return f"{attempts} probes ended without a result, the last one in {str(known.get('step'))[:80]}"
        write(device, {"attempts": attempts + 1, "started": time.time(), "step": "its start"})
        if (read(device) or {}).get("attempts") != attempts + 1:  # or it would be tried with every filter
            raise OSError("the folder keeps no file")
    return None


@contextmanager
def locked(device: torch.device) -> Iterator[bool]:
    """Hold the lock of a card's probe; whether it was free. The system frees it when a process ends, however it does.

    Raises:
        OSError: the folder cannot be written, or its file system has no locks.
    """
    path = record_path(device).with_suffix(".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield _lock(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in TAKEN:  # the file system has no locks
            raise
        return False
    return True


def _triton_version() -> str:
    """Of the module, which packages of several names bring; empty where it cannot be imported."""
    try:
        return str(importlib.import_module("triton").__version__)
    except (ImportError, AttributeError):
        return ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
