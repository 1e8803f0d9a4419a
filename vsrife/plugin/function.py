"""The filter as a Python function."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import vapoursynth as vs

from vsrife.errors import RifeError

__all__ = ["rife"]

PLUGIN_ID = "org.vsrife.plugin"


def rife(clip: vs.VideoNode, multi: float | Fraction | None = None, **arguments: Any) -> vs.VideoNode:
    """Interpolate the frames of a clip: `core.rife.RIFE` as a function.

    Args:
        clip: any constant format of up to 16 bits or float, at least 16×16.
        multi: output frames for each source frame; a Fraction is taken exactly.
        **arguments: the other arguments of `core.rife.RIFE`, see `vsrife.plugin.arguments.Arguments`.

    Raises:
        vapoursynth.Error: an argument cannot be used; the line begins with `RIFE: `.
        RifeError: the native plugin is not loaded, or another plugin has taken its name.
    """
    plugin = getattr(vs.core, "rife", None)
    if plugin is None:
        raise RifeError("RIFE: the native plugin is not loaded; install vsrife with pip into this Python")
    if plugin.identifier != PLUGIN_ID:
        raise RifeError(f"RIFE: core.rife is another plugin, {plugin.identifier}; remove that one to use this")
    if isinstance(multi, Fraction):
        arguments |= {"factor_num": multi.numerator, "factor_den": multi.denominator}
    elif multi is not None:
        arguments["multi"] = multi
    return plugin.RIFE(clip, **arguments)
