"""Which clips are taken, beside the one that is interpolated too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import vapoursynth as vs

from vsrife.errors import ArgumentError, RifeError
from vsrife.networks.config import SMALLEST

if TYPE_CHECKING:
    from vsrife.plugin.arguments import Arguments

__all__ = ["check_clip", "check_companions"]


def check_clip(clip: vs.VideoNode, name: str = "clip", smallest: int = SMALLEST) -> None:
    """Refuse what cannot be interpolated.

    Raises:
        RifeError: variable format or size, sides that are too small, integers of more than 16 bits.
    """
    if not clip.format or clip.format.color_family == vs.UNDEFINED or not clip.width or not clip.height:
        raise RifeError(f"{name} must have one format and size throughout, got a variable one")
    if min(clip.width, clip.height) < smallest:
        raise RifeError(f"{name} must be at least {smallest}x{smallest}, got {clip.width}x{clip.height}")
    if clip.format.sample_type == vs.INTEGER and clip.format.bits_per_sample > 16:
        raise RifeError(
            f"{name} must have at most 16 bits a sample or be float, got {clip.format.name}: "
            "its values do not fit the 32-bit floats they are blended in"
        )


def check_companions(clip: vs.VideoNode, arguments: Arguments) -> None:
    """Refuse other clips that do not go with the one that is interpolated.

    Raises:
        RifeError: another length, size or format than is needed.
    """
    for index, extra in enumerate(arguments.extras):
        name = f"extra[{index}]"
        check_clip(extra, name, 1)
        _check_length(extra, clip, name)
    if arguments.sc_clip is not None:
        _check_length(arguments.sc_clip, clip, "sc_clip")
    for name in ("protect", "timestep_clip"):
        companion: vs.VideoNode | None = getattr(arguments, name)
        if companion is None:
            continue
        check_clip(companion, name, 1)
        if companion.num_frames != 1:
            _check_length(companion, clip, name, ", or 1")
        if (companion.width, companion.height) != (clip.width, clip.height):
            got = f"{companion.width}x{companion.height}"
            raise ArgumentError(name, got, f"the clip's size, {clip.width}x{clip.height}", verb="have")
        allowed = companion.format.id == vs.GRAYS if name == "timestep_clip" else _is_gray(companion)
        if not allowed:
            wanted = "GRAYS" if name == "timestep_clip" else "GRAY"
            raise ArgumentError(name, companion.format.name, wanted)


def _is_gray(clip: vs.VideoNode) -> bool:
    return clip.format.color_family == vs.GRAY


def _check_length(other: vs.VideoNode, clip: vs.VideoNode, name: str, or_else: str = "") -> None:
    if other.num_frames != clip.num_frames:
        raise ArgumentError(
            name, other.num_frames, f"as many frames as the clip, {clip.num_frames}{or_else}", verb="have"
        )
