"""What messages quote of what was given: one printable line that is not long. Importing this imports no torch."""

from __future__ import annotations

__all__ = ["said"]

MOST = 200


def said(what: object, most: int = MOST) -> str:
    """The first line of an error's message, its kind where it has none; of everything else its `repr` if need be.

    Args:
        what: an error, a path or a value.
        most: characters to keep.
    """
    text = str(what)
    if isinstance(what, BaseException):
        text = next((line.strip() for line in text.splitlines() if line.strip()), type(what).__name__)
    if not text.isprintable():
        text = ascii(text[: most + 1])
    return text if len(text) <= most else text[: most - 3] + "..."
