"""Sample formats: which of an encoder's comes nearest a clip's, and frames from VapourSynth's planes into PyAV's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vsrife.colour import guessed_matrix
from vsrife.errors import RifeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import av
    import vapoursynth as vs
    from numpy.typing import NDArray

__all__ = ["ALPHA", "ALPHA_MODE", "Layout", "convert", "cropping", "layout_of", "nearest_format", "to_av_frame"]

PLANAR = re.compile(r"yuv(a?)(410|411|420|422|440|444)p(9|10|12|14|16)?(?:le)?")
PAIRED = re.compile(r"(?:(nv)(12|16)|p([02])(10|12|16)le)")
PLAIN = re.compile(r"(gray|gbrp|gbrap)(9|10|12|14|16)?(?:le)?")
ALPHA = "_Alpha"
"""The frame property with a frame's alpha, a gray frame of its size in full range."""
ALPHA_MODE = "alpha_mode"
"""The stream's metadata by which FFmpeg says that its packets have alpha beside them."""
SUBSAMPLED = {"410": (2, 2), "411": (2, 0), "420": (1, 1), "422": (1, 0), "440": (0, 1), "444": (0, 0)}
"""log2 of how many columns and rows share a chroma sample, by a format's digits."""
DEEPEST = 16
"""Bits of an integer sample; floats count as so many."""


@dataclass(frozen=True)
class Layout:
    """A sample format.

    Args:
        family: gray, yuv or rgb.
        bits: of a sample.
        across: log2 of the columns that share a chroma sample.
        down: log2 of the rows that share one.
        paired: whether both chroma planes are interleaved in one, with its samples in the upper bits.
        alpha: whether a plane of alpha follows the others.
    """

    family: str
    bits: int
    across: int = 0
    down: int = 0
    paired: bool = False
    alpha: bool = False


def layout_of(name: str) -> Layout | None:
    """The layout of FFmpeg's format of this name; None for one that `to_av_frame` cannot write."""
    if match := PLANAR.fullmatch(name):
        return Layout("yuv", int(match[3] or 8), *SUBSAMPLED[match[2]], alpha=bool(match[1]))
    if match := PLAIN.fullmatch(name):
        return Layout("gray" if match[1] == "gray" else "rgb", int(match[2] or 8), alpha=match[1] == "gbrap")
    if match := PAIRED.fullmatch(name):
        halved = match[2] == "12" or match[3] == "0"
        return Layout("yuv", 8 if match[1] else int(match[4]), 1, int(halved), paired=True)
    return None


def nearest_format(form: vs.VideoFormat, offered: Iterable[str], *, alpha: bool = False) -> str:
    """The offered format that loses least of a clip's, and the smallest of those that lose the same.

    Args:
        form: the clip's.
        offered: FFmpeg's names.
        alpha: whether the format must have alpha; else it has none.

    Raises:
        RifeError: none of them can be written.
    """
    source = _layout_of_clip(form)

    def cost(name: str) -> tuple[int, ...]:
        layout = layout_of(name)
        assert layout is not None
        wide, tall = layout.across - source.across, layout.down - source.down
        coloured = source.family != "gray"
        lost_family = coloured and (layout.family == "gray" or source.family == "rgb" != layout.family)
        return (
            int(lost_family),
            max(0, wide) + max(0, tall) if coloured else 0,
            max(0, source.bits - layout.bits),
            int(layout.family != source.family),
            (max(0, -wide) + max(0, -tall)) if coloured else 4 - layout.across - layout.down,
            max(0, layout.bits - source.bits),
            int(layout.paired),
        )

    names = [name for name in offered if (layout := layout_of(name)) and layout.alpha == alpha]
    if not names:
        raise RifeError("encoder must take planar frames, got one that takes none")
    return min(names, key=cost)


def convert(clip: vs.VideoNode, name: str) -> vs.VideoNode:
    """Convert a clip to FFmpeg's format of this name but for its alpha; one of that format is returned as it is.

    Columns at the right and rows at the bottom that the format's chroma cannot have are cropped.
    """
    import vapoursynth as vs

    layout = layout_of(name)
    assert layout is not None
    family = {"gray": vs.GRAY, "yuv": vs.YUV, "rgb": vs.RGB}[layout.family]
    form = vs.core.query_video_format(family, vs.INTEGER, layout.bits, layout.across, layout.down)
    if form.id == clip.format.id:
        return clip
    options: dict[str, Any] = {}
    if clip.format.color_family != family and family != vs.RGB:
        options["matrix"] = guessed_matrix(clip.width, clip.height)
    if layout.bits < clip.format.bits_per_sample:
        options["dither_type"] = "error_diffusion"
    core: Any = vs.core
    right, bottom = clip.width % (1 << layout.across), clip.height % (1 << layout.down)
    if right or bottom:
        clip = core.std.Crop(clip, right=right, bottom=bottom)
    converted: vs.VideoNode = core.resize.Bicubic(clip, format=form.id, **options)
    return converted


def cropping(clip: vs.VideoNode, before: tuple[int, int]) -> str | None:
    """A line about sides of another size that were cropped as the clip's chroma needs; None where none were."""
    across, down = 1 << clip.format.subsampling_w, 1 << clip.format.subsampling_h
    wide, tall = before
    if before == (clip.width, clip.height) or (wide - wide % across, tall - tall % down) != (clip.width, clip.height):
        return None
    sides = "even sides" if max(across, down) == 2 else f"sides that {max(across, down)} divides"
    return f"{clip.format.name} needs {sides}, {wide}x{tall} is cropped to {clip.width}x{clip.height}"


def to_av_frame(frame: vs.VideoFrame, name: str) -> av.VideoFrame:
    """Copy a frame into PyAV's, in FFmpeg's format of this name, whose layout the frame has but for its alpha."""
    import av

    layout = layout_of(name)
    assert layout is not None
    out = av.VideoFrame(frame.width, frame.height, name)
    planes = [np.asarray(frame[plane]) for plane in range(frame.format.num_planes)]
    if layout.family == "rgb":
        planes = [planes[1], planes[2], planes[0]]  # FFmpeg has green first
    if layout.alpha:
        planes.append(_alpha_samples(frame, layout))
    if layout.paired:
        planes = [planes[0], np.stack(planes[1:], 2).reshape(planes[1].shape[0], -1)]
        if layout.bits > 8:
            planes = [plane << (DEEPEST - layout.bits) for plane in planes]
    for target, plane in zip(out.planes, planes, strict=True):
        rows = np.frombuffer(target, np.uint8).reshape(-1, target.line_size)
        height, width = plane.shape
        np.copyto(rows[:height, : width * plane.itemsize].view(plane.dtype), plane)
    return out


def _alpha_samples(frame: vs.VideoFrame, layout: Layout) -> NDArray[np.uint8 | np.uint16]:
    """A frame's alpha at the layout's depth, cropped as `convert` does; opaque where the frame has none of its size."""
    import vapoursynth as vs

    bits, most = layout.bits, 2**layout.bits - 1
    kind = np.uint8 if bits == 8 else np.uint16
    alpha: Any = frame.props.get(ALPHA)
    over = (alpha.width - frame.width, alpha.height - frame.height) if alpha is not None else (-1, -1)
    if not (0 <= over[0] < 1 << layout.across and 0 <= over[1] < 1 << layout.down):
        return np.full((frame.height, frame.width), most, kind)
    samples = np.asarray(alpha[0])[: frame.height, : frame.width]
    if alpha.format.sample_type == vs.FLOAT:
        return np.asarray(np.rint(np.clip(samples.astype(np.float32), 0, 1) * most), kind)
    if alpha.format.bits_per_sample == bits:
        return np.asarray(samples, kind)
    whole = 2**alpha.format.bits_per_sample - 1
    return np.asarray((samples.astype(np.uint64) * most + whole // 2) // whole, kind)


def _layout_of_clip(form: vs.VideoFormat) -> Layout:
    import vapoursynth as vs

    family = "gray" if form.color_family == vs.GRAY else "rgb" if form.color_family == vs.RGB else "yuv"
    return Layout(family, min(form.bits_per_sample, DEEPEST), form.subsampling_w, form.subsampling_h)
