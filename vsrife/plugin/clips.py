"""Which clips are accepted: the one that is interpolated, and others beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import vapoursynth as vs

from vsrife.errors import ArgumentError, RifeError
from vsrife.networks.config import SMALLEST
from vsrife.plugin.formats import MOST_BITS

if TYPE_CHECKING:
    from vsrife.plugin.arguments import Arguments

__all__ = ["check_clips"]


def check_clips(clip: vs.VideoNode, arguments: Arguments) -> None:
    """Refuse a clip that cannot be interpolated, or another that does not fit it.

    Raises:
        RifeError: variable format or size, sides that are too small, integers of more than 16 bits; beside the clip,
            another length, size or format than is needed.
    """
    _check(clip, "clip", SMALLEST)
    for index, extra in enumerate(arguments.extras):
        _check(extra, f"extra[{index}]")
        _check_length(extra, clip, f"extra[{index}]")
    for name in ("sc_clip", "prop_clip"):
        if (other := getattr(arguments, name)) is not None:
            _check_length(other, clip, name)
    for name, form in (("protect", "GRAY"), ("timestep_clip", "GRAYS")):
        companion: vs.VideoNode | None = getattr(arguments, name)
        if companion is None:
            continue
        _check(companion, name)
        if companion.num_frames != 1:
            _check_length(companion, clip, name, ", or 1")
        if (companion.width, companion.height) != (clip.width, clip.height):
            size = f"the clip's size, {clip.width}x{clip.height}"
            raise ArgumentError(name, f"{companion.width}x{companion.height}", size, verb="have")
        if companion.format.color_family != vs.GRAY or (form == "GRAYS" and companion.format.id != vs.GRAYS):
            raise ArgumentError(name, companion.format.name, form)


def _check(clip: vs.VideoNode, name: str, smallest: int = 1) -> None:
    if not clip.format or clip.format.color_family == vs.UNDEFINED or not clip.width or not clip.height:
        raise RifeError(
            f"{name} must have one format and size throughout, got a variable one; "
            "core.resize.Bicubic(clip, width, height, format) gives it one"
        )
    if min(clip.width, clip.height) < smallest:
        raise ArgumentError(name, f"{clip.width}x{clip.height}", f"at least {smallest}x{smallest}")
    if clip.format.sample_type == vs.INTEGER and clip.format.bits_per_sample > MOST_BITS:
        note = ": its values do not fit the 32-bit floats they are blended in"
        raise ArgumentError(
            name, clip.format.name, f"at most {MOST_BITS} bits a sample or be float", verb="have", note=note
        )


def _check_length(other: vs.VideoNode, clip: vs.VideoNode, name: str, or_else: str = "") -> None:
    if other.num_frames != clip.num_frames:
        length = f"as many frames as the clip, {clip.num_frames}{or_else}"
        raise ArgumentError(name, other.num_frames, length, verb="have")
