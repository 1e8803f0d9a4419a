"""The frame server's side: arguments, time, formats, properties. The only part that imports vapoursynth.

The native functions of `core.rife` call the functions of their own names here.
"""

from __future__ import annotations

__all__ = ["RIFE", "At", "Motion"]


def _enter(name: str) -> None:
    """Have the node made from the native function's own arguments, and handed to its result."""
    from vsrife.plugin.create import FUNCTIONS, answering
    from vsrife.plugin.native import native_plugin

    native_plugin().Bridge(func=answering(name, FUNCTIONS[name]))


def RIFE() -> None:  # noqa: N802
    """Called by `core.rife.RIFE`."""
    _enter("RIFE")


def Motion() -> None:  # noqa: N802
    """Called by `core.rife.Motion`."""
    _enter("Motion")


def At() -> None:  # noqa: N802
    """Called by `core.rife.At`."""
    _enter("At")
