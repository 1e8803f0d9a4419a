"""Files that are written whole or not at all. Importing this imports the standard library alone."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from vsrife.errors import RifeError, first_line, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["atomic_write", "partial_file", "reason"]


@contextmanager
def atomic_write(
    target: Path,
    *,
    beside: Path | None = None,
    failures: tuple[type[Exception], ...] = (OSError,),
    kind: type[RifeError] = RifeError,
) -> Iterator[Path]:
    """A path to write to, of the target's suffix, that replaces the target when the block ends without an error.

    Args:
        target: the file to be written; replaced in one step, left alone where the block fails. What is no file, such
            as /dev/stdout or a pipe, is never replaced: the finished file's bytes are written to it.
        beside: folder of the unfinished file, on the target's file system; None for the target's own.
        failures: the exceptions that mean the file cannot be written.
        kind: of the error.

    Raises:
        RifeError: the file cannot be written.
    """
    special = _is_special(target)
    try:
        with ExitStack() as stack:
            if special and not beside:  # in a folder of its own: names in the system's are anyone's to take
                partial = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vsrife-"))) / target.name
            else:
                partial = partial_file(target, beside)
                stack.callback(_remove, partial)
            yield partial
            with partial.open("rb") as file:
                os.fsync(file.fileno())
                if special:
                    with target.open("wb") as stream:
                        shutil.copyfileobj(file, stream)
            if not special:
                partial.replace(target)
    except failures as error:
        raise kind(f"{shown(target)} cannot be written ({reason(error)})") from error


def partial_file(target: Path, beside: Path | None = None) -> Path:
    """Where this process writes a file before it becomes the target; its name is a few characters longer."""
    return (beside or target.parent) / f".{os.getpid()}-{target.name}"


def reason(error: BaseException) -> str:
    """An error in a few words on one line: the system's own where it has one, then what FFmpeg logged of it."""
    message = str(getattr(error, "strerror", None) or first_line(error))
    log = getattr(error, "log", None)  # PyAV's: level, part of FFmpeg, text
    text = " ".join(log[2].split()) if log else ""
    return f"{message}: {shown(text, 200)}" if text else message


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _is_special(path: Path) -> bool:
    """Whether a path exists and is neither a file nor a folder: a device or a pipe."""
    try:
        return path.exists() and not path.is_file() and not path.is_dir()
    except OSError:
        return False
