"""Files that are written whole or not at all. Importing this imports the standard library alone."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from vsrife.errors import RifeError, first_line, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["atomic_write", "reason"]


@contextmanager
def atomic_write(
    target: Path, *, beside: Path | None = None, note: str = "", failures: tuple[type[Exception], ...] = (OSError,)
) -> Iterator[Path]:
    """A path to write to, of the target's suffix, that replaces the target when the block ends without an error.

    Args:
        target: the file to be written; replaced in one step, left alone where the block fails.
        beside: folder of the unfinished file, on the target's file system; None for the target's own.
        note: text after the message of an error.
        failures: the exceptions that mean the file cannot be written.

    Raises:
        RifeError: the file cannot be written.
    """
    partial = (beside or target.parent) / f".{os.getpid()}-{target.name}"
    try:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    except failures as error:
        raise RifeError(f"{target} cannot be written ({reason(error)}){note}") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def reason(error: BaseException) -> str:
    """An error in a few words on one line: the system's own where it has one, then what FFmpeg logged of it."""
    message = str(getattr(error, "strerror", None) or first_line(error))
    log = getattr(error, "log", None)  # PyAV's: level, part of FFmpeg, text
    text = " ".join(log[2].split()) if log else ""
    return f"{message}: {shown(text, 200)}" if text else message
