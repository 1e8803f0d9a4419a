"""The filter as a Python function."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from vsrife.errors import RifeError
from vsrife.plugin.arguments import INT64_MAX
from vsrife.plugin.native import native_plugin

if TYPE_CHECKING:
    import vapoursynth as vs

__all__ = ["rife"]


def rife(clip: vs.VideoNode, multi: float | Fraction | None = None, **arguments: Any) -> vs.VideoNode:
    """Interpolate the frames of a clip: `core.rife.RIFE` as a function.

    Args:
        clip: any constant format of up to 16 bits or float, at least 16×16.
        multi: output frames for each source frame; a Fraction is taken exactly.
        **arguments: the other arguments of `core.rife.RIFE`, see `vsrife.plugin.arguments.Arguments`.

    Raises:
        vapoursynth.Error: an argument cannot be used; the line begins with `RIFE: `.
        RifeError: the native plugin is not loaded, another plugin has taken its name, or `multi` is a Fraction that is
            too large or comes with another rate.
    """
    if isinstance(multi, Fraction):
        if arguments.keys() & {"factor_num", "factor_den", "fps_num", "fps_den"}:
            raise RifeError(f"RIFE: multi must be the only rate, got {', '.join(sorted(arguments))} too")
        if max(multi.numerator, multi.denominator) > INT64_MAX or multi <= 0:
            raise RifeError("RIFE: multi must be above 0 and a fraction of 64-bit integers")
        arguments |= {"factor_num": multi.numerator, "factor_den": multi.denominator}
    elif multi is not None:
        arguments["multi"] = multi
    node: vs.VideoNode = native_plugin().RIFE(clip, **arguments)
    return node
