"""The native plugin, found in the current core."""

from __future__ import annotations

from typing import Any

import vapoursynth as vs

from vsrife.errors import RifeError

__all__ = ["PLUGIN_ID", "native_plugin"]

PLUGIN_ID = "org.vsrife.plugin"


def native_plugin() -> Any:
    """`core.rife`, with its functions RIFE, Bridge and Node.

    Raises:
        RifeError: it is not loaded, or another plugin has taken its name.
    """
    plugin = getattr(vs.core, "rife", None)
    if plugin is None:
        raise RifeError("the native plugin is not loaded; install vsrife with pip into this Python")
    if plugin.identifier != PLUGIN_ID:
        raise RifeError(f"core.rife is another plugin, {plugin.identifier}; remove that one to use this")
    return plugin
