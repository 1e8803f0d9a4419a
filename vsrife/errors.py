"""The errors of this package: structured, one line each. Importing this imports the standard library alone."""

from __future__ import annotations

from contextlib import contextmanager
from os import PathLike
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = ["ArgumentError", "ModelError", "RifeError", "first_line", "named", "nearest", "shown"]


class RifeError(ValueError):
    """An argument, a clip, a model or a file that cannot be used.

    The message names neither a function nor a command. The boundary through which the user came adds that name once,
    see `named`; `str` then gives `NAME: message`.
    """

    function: str | None = None
    note: str = ""
    """Text after the message, which a boundary adds: what is kept of an unfinished run."""

    @property
    def message(self) -> str:
        """The message without the name of the function or command, and without the note."""
        return str(self.args[0]) if self.args else ""

    def __str__(self) -> str:
        return f"{self.function}: {self.message}{self.note}" if self.function else f"{self.message}{self.note}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.message, self.__dict__)


class ArgumentError(RifeError):
    """An argument whose value is not allowed.

    Args:
        argument: its name as the user wrote it.
        got: the value; shortened and put on one line by `shown`.
        allowed: the values that are allowed, in words.
        verb: the verb between the name and `allowed`: `scale must BE 1 or 2`, `output must END IN .mkv`.
        note: text after the value, for instance what helps.
    """

    def __init__(self, argument: str, got: object, allowed: str, *, verb: str = "be", note: str = "") -> None:
        super().__init__(f"{argument} must {verb} {allowed}, got {shown(got)}{note}")
        self.argument = argument
        self.got = got
        self.allowed = allowed


class ModelError(RifeError):
    """A model that is unknown, missing, damaged or of another architecture than named."""


def _restored(kind: type[RifeError], message: str, state: dict[str, Any]) -> RifeError:
    """An error that was pickled: the constructors of subclasses take other arguments."""
    error = kind.__new__(kind, message)
    error.__dict__.update(state)
    return error


@contextmanager
def named(function: str) -> Iterator[None]:
    """Give every `RifeError` that leaves the block the name of a function or command; the outermost name stays.

    Also a decorator: `@named("open_footage")`.
    """
    try:
        yield
    except RifeError as error:
        error.function = function
        raise


def shown(value: object, most: int | None = None) -> str:
    """A value on one printable line: numbers in their shortest form, text unquoted.

    Args:
        value: anything.
        most: the characters of the line, at most; None for 60, and 200 for a path.
    """
    if most is None:
        most = 200 if isinstance(value, PathLike) else 60
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    text = str(value)
    if not text or not text.isprintable():
        text = ascii(text[: most + 1])
    return text if len(text) <= most else text[: most - 3] + "..."


def first_line(error: BaseException, most: int = 200) -> str:
    """The first line of an error's message that is not blank, its class's name where there is none.

    Of a traceback, which VapourSynth gives for an error in a Python callback, it is the last line: the error itself.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    if not lines[0].startswith("Traceback "):
        return shown(lines[0], most)
    name, _, message = lines[-1].partition(": ")
    return shown(message if name.startswith(f"{__name__}.") else lines[-1], most)


def nearest(got: str, names: Collection[str]) -> str:
    """The names, at most three, that resemble `got`, as the end of a message (`, perhaps crf`); else an empty text."""
    from difflib import get_close_matches

    like = get_close_matches(got.lower(), names, 3, 0.75)
    return f", perhaps {' or '.join(like)}" if like else ""
