"""The few named errors. Each message is one line that begins with the function it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["ModelError", "RifeError", "nearest"]


class RifeError(ValueError):
    """An argument, a clip or a file that cannot be used; the message says which, what it is and what is allowed."""


class ModelError(RifeError):
    """A model that is unknown, missing, damaged or of another architecture than it was said to be."""


def nearest(got: str, names: Collection[str]) -> str:
    """The names, at most three, that look like what was given, as the end of a message: `, perhaps crf`; or nothing."""
    from difflib import get_close_matches

    like = get_close_matches(got.lower(), names, 3, 0.75)
    return f", perhaps {' or '.join(like)}" if like else ""
