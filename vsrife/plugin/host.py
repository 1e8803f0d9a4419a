"""VapourSynth's core: the native plugin in it, and its log, where the filter writes; nothing here prints."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import vapoursynth as vs

from vsrife.errors import RifeError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["log", "native_plugin", "once", "warn"]

PLUGIN_ID = "org.vsrife.plugin"


def native_plugin() -> Any:
    """`core.rife`, with its functions RIFE, Motion, At, Replace, Bridge and Node.

    Raises:
        RifeError: it is not loaded, or another plugin has taken its name.
    """
    plugin = getattr(vs.core, "rife", None)
    if plugin is None:
        raise RifeError("the native plugin is not loaded; install vsrife with pip into this Python")
    if plugin.identifier != PLUGIN_ID:
        raise RifeError(f"core.rife is another plugin, {plugin.identifier}; remove that one to use this")
    return plugin


def log(message: str) -> None:
    """Write what was chosen or is being done."""
    vs.core.log_message(vs.MESSAGE_TYPE_INFORMATION, f"RIFE: {message}")


def warn(message: str) -> None:
    """Write what costs the user something."""
    vs.core.log_message(vs.MESSAGE_TYPE_WARNING, f"RIFE: {message}")


def once(write: Callable[[str], None], subject: str | None = None) -> Callable[[str], None]:
    """A function that writes every message a single time for each script, from however many threads and filters.

    Args:
        write: writes a message.
        subject: what all its messages are about, of which the first alone is written; each is of its own by default.
    """

    def write_once(message: str) -> None:
        if _is_first(subject or message):
            write(message)

    return write_once


MOST_LINES = 1000
_written: WeakKeyDictionary[vs.Core, set[str]] = WeakKeyDictionary()
"""The subjects that each script's log has had, by the script's core."""
_lock = Lock()


def _is_first(subject: str) -> bool:
    """Whether the script's log has had nothing about a subject; notes that it has now."""
    with _lock:
        subjects = _written.setdefault(vs.core.core, set())
        if subject in subjects or len(subjects) >= MOST_LINES:
            return False
        subjects.add(subject)
        return True
