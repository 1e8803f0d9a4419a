"""The frame server's side: arguments, time, formats, properties. The only part that imports vapoursynth.

The native functions of `core.rife` call the functions of their own names here.
"""

from __future__ import annotations

__all__ = ["RIFE", "At", "Motion", "Replace"]


def _enter(name: str) -> None:
    """Make the node from the native function's own arguments and hand it to its result."""
    from vsrife.plugin.create import FUNCTIONS, answer
    from vsrife.plugin.host import native_plugin

    native_plugin().Bridge(func=answer(name, FUNCTIONS[name]))


def RIFE() -> None:  # noqa: N802
    """Called by `core.rife.RIFE`."""
    _enter("RIFE")


def Motion() -> None:  # noqa: N802
    """Called by `core.rife.Motion`."""
    _enter("Motion")


def At() -> None:  # noqa: N802
    """Called by `core.rife.At`."""
    _enter("At")


def Replace() -> None:  # noqa: N802
    """Called by `core.rife.Replace`."""
    _enter("Replace")
