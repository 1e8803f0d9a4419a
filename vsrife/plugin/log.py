"""VapourSynth's log, where everything the filter has to say goes; nothing here prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import vapoursynth as vs

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["log", "once", "warn"]


def log(message: str) -> None:
    """Say what was chosen or is being done."""
    _say(vs.MESSAGE_TYPE_INFORMATION, message)


def warn(message: str) -> None:
    """Say what costs the user something."""
    _say(vs.MESSAGE_TYPE_WARNING, message)


def once(say: Callable[[str], None]) -> Callable[[str], None]:
    """The same, but every line is said a single time, from however many threads."""
    said: dict[str, object] = {}

    def tell(message: str) -> None:
        mine = object()
        if said.setdefault(message, mine) is mine:
            say(message)

    return tell


def _say(kind: vs.MessageType, message: str) -> None:
    vs.core.log_message(kind, f"RIFE: {message}")
