"""Files that are there whole or not at all, and what becomes of errors on the way."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from vsrife.errors import RifeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["FULL", "reason", "whole"]

FULL = "; what is made so far is kept, --resume goes on with it"


@contextmanager
def whole(target: Path, beside: Path | None = None, note: str = "", who: str = "interpolate") -> Iterator[Path]:
    """A file of the same suffix that takes the target's place when the block ends well, and goes otherwise.

    Args:
        target: what is written; replaced in one step.
        beside: the folder the unfinished file lies in, on the target's file system; None for the target's own.
        note: what is said behind an error of the disk.
        who: what is said before it.

    Raises:
        RifeError: it cannot be written or encoded; in one line.
    """
    import av

    partial = (beside or target.parent) / f".{os.getpid()}-{target.name}"
    try:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    except (OSError, av.FFmpegError) as error:
        raise RifeError(f"{who}: {target} cannot be written ({reason(error)}){note}") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def reason(error: BaseException) -> str:
    """Why, in a few words on one line."""
    said = getattr(error, "strerror", None) or next(iter(str(error).splitlines()), "") or type(error).__name__
    log = getattr(error, "log", None)
    if log and log[2].strip():
        said = f"{said}: {' '.join(log[2].split())}"
    return str(said)[:200]
