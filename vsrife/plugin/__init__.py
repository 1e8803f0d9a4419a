"""The frame server's side: arguments, time, formats, properties. The only part that imports vapoursynth."""

from __future__ import annotations

from vsrife.plugin.native import native_plugin
from vsrife.plugin.node import create

__all__ = ["enter"]


def enter() -> None:
    """Called by the native `RIFE`: has `create` called with that function's own arguments and result."""
    native_plugin().Bridge(func=create)
