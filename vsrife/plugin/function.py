"""The filter's functions as Python functions."""

from __future__ import annotations

from dataclasses import fields
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Unpack, overload

import vapoursynth as vs

from vsrife.errors import ArgumentError, RifeError, named
from vsrife.plugin.arguments import INT64_MAX, TEXTS, Arguments, kind_of
from vsrife.plugin.host import log, native_plugin
from vsrife.plugin.ports import translated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vsrife.plugin.keywords import AtArguments, MotionArguments, ReplaceArguments, RifeArguments

__all__ = ["at", "clear_cache", "estimate_motion", "replace_frames", "rife"]

Nodes = vs.VideoNode | list[vs.VideoNode]
KNOWN = frozenset(argument.name for argument in fields(Arguments))
NUMBERS = KNOWN - {*TEXTS, *(argument.name for argument in fields(Arguments) if "Clip" in str(argument.type))}


@overload
def rife(
    clip: vs.VideoNode,
    multi: float | Fraction | None = None,
    *,
    extra: None = None,
    **arguments: Unpack[RifeArguments],
) -> vs.VideoNode: ...
@overload
def rife(
    clip: vs.VideoNode,
    multi: float | Fraction | None = None,
    *,
    extra: Sequence[vs.VideoNode],
    **arguments: Unpack[RifeArguments],
) -> list[vs.VideoNode]: ...
@named("RIFE")
def rife(
    clip: vs.VideoNode,
    multi: float | Fraction | None = None,
    *,
    extra: Sequence[vs.VideoNode] | None = None,
    **arguments: Unpack[RifeArguments],
) -> Nodes:
    """Interpolate the frames of a clip: `core.rife.RIFE` as a function.

    Args:
        clip: any constant format of up to 16 bits or float, at least 16×16.
        multi: output frames for each source frame; a Fraction is taken exactly.
        extra: other clips of the same length, moved along the clip's motion.
        **arguments: the other arguments of `core.rife.RIFE`, see `vsrife.plugin.arguments.Arguments`; those of vsrife's
            function up to 5.7 are taken too, the ones about TensorRT without effect.

    Returns:
        The clip, or with `extra` a list of the clip and the extra clips.

    Raises:
        vapoursynth.Error: an argument cannot be used; the line begins with `RIFE: `.
        RifeError: the native plugin is not loaded, another plugin has taken its name, or `multi` is a Fraction that is
            too large or comes with another rate.
    """
    given = _named(translated({"multi": multi, **arguments, "extra": extra}, log))
    given.pop("multi", None)
    if isinstance(multi, Fraction):
        others = [name for name in ("factor_num", "factor_den", "fps_num", "fps_den") if name in given]
        if others:
            raise RifeError(f"multi must be the only rate, got {', '.join(others)} too")
        if max(multi.numerator, multi.denominator) > INT64_MAX or multi <= 0:
            raise RifeError("multi must be above 0 and a fraction of 64-bit integers")
        given |= {"factor_num": multi.numerator, "factor_den": multi.denominator}
    elif multi is not None:
        given["multi"] = multi
    made: Nodes = native_plugin().RIFE(clip, **given)
    return made


@named("Motion")
def estimate_motion(clip: vs.VideoNode, **arguments: Unpack[MotionArguments]) -> list[vs.VideoNode]:
    """Flow and mask of every frame that `rife` (or `at`) would give: `core.rife.Motion` as a function.

    Args:
        clip: as for `rife`.
        **arguments: those of `core.rife.Motion`.

    Returns:
        Five GRAYS clips: Ft→0 x and y, Ft→1 x and y in pixels (backward flow: where a pixel comes from), and the weight
        of the left frame, 0..1.

    Raises:
        vapoursynth.Error: an argument cannot be used; the line begins with `Motion: `.
        RifeError: the native plugin is not loaded, or another plugin has taken its name.
    """
    made: list[vs.VideoNode] = native_plugin().Motion(clip, **_named(arguments))
    return made


@overload
def at(
    clip: vs.VideoNode,
    timestep: float | vs.VideoNode | None = None,
    *,
    extra: None = None,
    **arguments: Unpack[AtArguments],
) -> vs.VideoNode: ...
@overload
def at(
    clip: vs.VideoNode,
    timestep: float | vs.VideoNode | None = None,
    *,
    extra: Sequence[vs.VideoNode],
    **arguments: Unpack[AtArguments],
) -> list[vs.VideoNode]: ...
@named("At")
def at(
    clip: vs.VideoNode,
    timestep: float | vs.VideoNode | None = None,
    *,
    extra: Sequence[vs.VideoNode] | None = None,
    **arguments: Unpack[AtArguments],
) -> Nodes:
    """Each frame's picture of a later time: `core.rife.At` as a function.

    Args:
        clip: as for `rife`.
        timestep: 0..1 of the way to the next frame; or a GRAYS clip of the same size whose frame n gives each pixel
            its time between source frames n and n + 1, as `timestep_clip` does.
        extra: other clips of the same length, moved along the clip's motion.
        **arguments: the other arguments of `core.rife.At`.

    Returns:
        The clip, or with `extra` a list of the clip and the extra clips.

    Raises:
        vapoursynth.Error: an argument cannot be used; the line begins with `At: `.
        RifeError: the native plugin is not loaded, or another plugin has taken its name.
    """
    given: dict[str, Any] = {"timestep_clip" if isinstance(timestep, vs.VideoNode) else "timestep": timestep}
    made: Nodes = native_plugin().At(clip, extra=extra or None, **_named(given | arguments))
    return made


@overload
def replace_frames(
    clip: vs.VideoNode,
    frames: Sequence[int] | None = None,
    *,
    extra: None = None,
    **arguments: Unpack[ReplaceArguments],
) -> vs.VideoNode: ...
@overload
def replace_frames(
    clip: vs.VideoNode,
    frames: Sequence[int] | None = None,
    *,
    extra: Sequence[vs.VideoNode],
    **arguments: Unpack[ReplaceArguments],
) -> list[vs.VideoNode]: ...
@named("Replace")
def replace_frames(
    clip: vs.VideoNode,
    frames: Sequence[int] | None = None,
    *,
    extra: Sequence[vs.VideoNode] | None = None,
    **arguments: Unpack[ReplaceArguments],
) -> Nodes:
    """The clip with its bad frames made anew from the good ones around them: `core.rife.Replace` as a function.

    Args:
        clip: as for `rife`.
        frames: numbers of the bad frames; None where the frame property `prop` tells.
        extra: other clips of the same length, whose frames are replaced along the clip's motion.
        **arguments: the other arguments of `core.rife.Replace`.

    Returns:
        The clip, or with `extra` a list of the clip and the extra clips.

    Raises:
        vapoursynth.Error: an argument cannot be used; the line begins with `Replace: `.
        RifeError: the native plugin is not loaded, or another plugin has taken its name.
    """
    made: Nodes = native_plugin().Replace(clip, frames=frames, extra=extra or None, **_named(arguments))
    return made


def clear_cache() -> None:
    """Give up all memory kept for later: source frames, encoded pictures, motion, networks that no filter uses.

    Filters go on as before; their next frames take a little longer. `VSRIFE_CACHE_MIB` limits that memory all the time.
    """
    from vsrife.engine import release_all_memory

    release_all_memory()


def _named(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments with a list of devices as the one text that the native function takes.

    Raises:
        RifeError: an integer is given as another number, which VapourSynth would round, or a number as text.
    """
    for name, value in arguments.items():
        if isinstance(value, str) and name in NUMBERS:
            raise ArgumentError(name, value, "an integer" if kind_of(name) is int else "a number")
        if isinstance(value, (float, Fraction)) and value % 1 != 0 and name in KNOWN and kind_of(name) is int:
            raise ArgumentError(name, value, "an integer")
    device = arguments.get("device")
    if isinstance(device, (list, tuple)) and all(isinstance(name, str) for name in device):
        return {**arguments, "device": ",".join(device)}
    return dict(arguments)
