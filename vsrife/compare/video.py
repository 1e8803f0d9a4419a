"""The short video: the source as it is, a blend and what RIFE makes of it, side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import vapoursynth as vs

from vsrife.compare.sheet import clock
from vsrife.errors import RifeError, first_line
from vsrife.film.encoder import save_clip
from vsrife.film.encoders import EncoderOptions
from vsrife.footage.frames import with_matrix
from vsrife.plugin.function import rife

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vsrife.compare.survey import Survey
    from vsrife.film.progress import Progress

__all__ = ["VideoOptions", "best_stretch", "save_video", "side_by_side"]

PANEL = 640, 720
"""Width and height of each of the three pictures, at most."""
NARROW = 400
"""Columns below which pictures are enlarged by a whole number, so that there is room for the captions."""
FASTEST = 60
"""Frames a second: what screens show. Where there would be more, the video is slower than the clip."""
GAP = 8
"""Between the pictures."""
STRIP = 44
"""Height of the captions."""
TEXT, SMALLEST = 24, 8
DARK = (18, 20, 24)


@dataclass(frozen=True)
class VideoOptions:
    """What the video shows.

    Args:
        multi: pictures for each of the clip's.
        seconds: how long the video is, at most.
        scale: what the clip's sides are multiplied by before anything is made.
        arguments: of `core.rife.RIFE`.
    """

    multi: int = 2
    seconds: float = 6
    scale: Fraction = Fraction(1)
    arguments: dict[str, Any] = field(default_factory=dict)

    def rate(self, survey: Survey) -> Fraction:
        """Frames a second at which it is played."""
        return _rate(survey) * self.multi / self.slower(survey)

    def slower(self, survey: Survey) -> int:
        """How often slower than the clip it is played."""
        return max(1, math.ceil(_rate(survey) * self.multi / FASTEST))


def best_stretch(survey: Survey, options: VideoOptions, second: float | None = None) -> range:
    """The frames that are shown: those around a time, or where most moves and no cut interrupts."""
    count = max(2, int(options.seconds * options.rate(survey) / options.multi))
    if count >= len(survey):
        return range(survey.first, survey.first + len(survey))
    if second is not None:
        start = int(np.abs(survey.times - second).argmin()) - count // 2
    else:
        motion = np.where(survey.cut, 0, np.nan_to_num(survey.middle) + np.nan_to_num(survey.high) / 4)
        usual = float(np.percentile(motion, 95)) or 1.0
        liveliness = np.concatenate(([0], np.cumsum(np.minimum(motion, usual) - usual * survey.cut)))
        start = int((liveliness[count:] - liveliness[:-count]).argmax())
    start = survey.first + min(max(start, 0), len(survey) - count)
    return range(start, start + count)


def side_by_side(clip: vs.VideoNode, survey: Survey, frames: range, options: VideoOptions) -> vs.VideoNode:
    """The video as a clip, YUV 4:2:0 in 8 bits, BT.709.

    Raises:
        vapoursynth.Error: an argument cannot be used, or the clip cannot be shown.
    """
    rate, multi = options.rate(survey), options.multi
    part: Any = with_matrix(clip[frames.start : frames.stop])
    if options.scale != 1:
        part = part.resize.Bicubic(*(max(2, 2 * round(side * options.scale / 2)) for side in (clip.width, clip.height)))
    part = part.std.AssumeFPS(fpsnum=rate.numerator, fpsden=rate.denominator)
    made: Any = rife(part, Fraction(multi), **options.arguments)
    seen = _panel(part)
    after = seen[1:] + seen[-1]
    faded = [seen, *(_core().std.Merge(seen, after, weight=k / multi) for k in range(1, multi))]
    panels = [_core().std.Interleave([seen] * multi), _core().std.Interleave(faded), _panel(made)]
    ends = [panel.std.AssumeFPS(fpsnum=rate.numerator, fpsden=rate.denominator) for panel in panels]
    gap = _core().std.BlankClip(ends[0], width=GAP, color=_yuv(DARK), keep=True)
    joined = _core().std.StackHorizontal([ends[0], gap, ends[1], gap, ends[2]])
    slower = options.slower(survey)
    begin = float(survey.times[frames.start - survey.first])
    speed = "" if slower == 1 else f", {slower} times slower"
    captions = (f"source from {clock(begin, 1)}{speed}", "blend", f"RIFE, {multi} times the frames")
    video: vs.VideoNode = _core().std.StackVertical([_captions(joined, captions), joined])
    return video


def _rate(survey: Survey) -> Fraction:
    """Frames a second of the clip, as most of them have it."""
    return Fraction(1 / float(np.median(survey.durations))).limit_denominator(1001)


def _core() -> Any:
    return vs.core


def save_video(
    path: Path,
    clip: vs.VideoNode,
    survey: Survey,
    options: VideoOptions,
    second: float | None = None,
    watch: Progress | None = None,
) -> None:
    """Make the video of the best stretch, or of that around a time, and save it as H.264, whole or not at all.

    Raises:
        RifeError: an argument cannot be used, a frame cannot be made, or the file cannot be written.
    """
    try:
        video = side_by_side(clip, survey, best_stretch(survey, options, second), options)
        save_clip(video, path, EncoderOptions("x264"), watch)
    except vs.Error as error:
        raise RifeError(f"the video cannot be made ({first_line(error)})") from error


def _panel(clip: Any) -> Any:
    """As it is shown: shrunk to fit, in the video's format."""
    scale = min(-(-NARROW // clip.width), PANEL[0] / clip.width, PANEL[1] / clip.height)
    width, height = (max(2, 2 * round(side * scale / 2)) for side in (clip.width, clip.height))
    return clip.resize.Bicubic(width, height, format=vs.YUV420P8, matrix=vs.MATRIX_BT709, range=vs.RANGE_LIMITED)


def _captions(below: Any, texts: tuple[str, ...]) -> Any:
    """A strip as wide and long as the clip, a text above each picture."""
    from PIL import Image, ImageDraw, ImageFont

    strip = Image.new("RGB", (below.width, STRIP), DARK)
    draw = ImageDraw.Draw(strip)
    panel = (below.width - 2 * GAP) // 3
    longest = max(ImageFont.load_default(TEXT).getlength(text) for text in texts)
    font = ImageFont.load_default(max(SMALLEST, min(TEXT, int(TEXT * (panel - 16) / longest))))
    for number, text in enumerate(texts):
        draw.text((number * (panel + GAP) + panel // 2, STRIP // 2), text, "white", font, anchor="mm")
    picture = _clip_of(np.asarray(strip), below)
    return picture.resize.Bicubic(format=vs.YUV420P8, matrix=vs.MATRIX_BT709, range=vs.RANGE_LIMITED)


def _clip_of(picture: NDArray[np.uint8], like: Any) -> Any:
    """A picture, H×W×3, as a clip as long as another."""
    height, width = picture.shape[:2]
    blank = _core().std.BlankClip(like, width=width, height=height, format=vs.RGB24, length=1, keep=True)

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        for plane in range(3):
            np.copyto(np.asarray(out[plane]), picture[..., plane])
        return out

    return _core().std.ModifyFrame(blank, blank, fill).std.Loop(like.num_frames)


def _yuv(colour: tuple[int, int, int]) -> list[float]:
    """An 8-bit RGB colour as limited BT.709 samples."""
    red, green, blue = (value / 255 for value in colour)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return [round(16 + 219 * luma), round(128 + 224 * (blue - luma) / 1.8556), round(128 + 224 * (red - luma) / 1.5748)]
