"""The picture sheet: moments of large motion, made and true, with a look into the part that matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from files import partial
from measure import psnr
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from pathlib import Path

    from measure import Moment, Picture, Rebuilt
    from source import Source

__all__ = ["save_sheet"]

CELL = 460
NARROWEST = 240
GAP = 14
MARGIN = 40
TITLE = 40
TEXT = 20
LINE = 30
ZOOM = 4
BACKGROUND = (18, 20, 24)
BRIGHT = (240, 242, 245)
DIM = (150, 156, 166)
ACCENT = (255, 176, 32)

Box = tuple[int, int, int, int]


def save_sheet(path: Path, source: Source, rebuilt: Rebuilt, count: int) -> None:
    """Draws `count` moments of a measured clip into a PNG."""
    moments = rebuilt.moments(count)
    size = _fit(source.width, source.height)
    column = max(size[0], NARROWEST)
    row = LINE + 2 * size[1] + GAP + MARGIN
    width = 2 * MARGIN + 5 * column + 4 * GAP
    head = MARGIN + TITLE + 2 * LINE
    sheet = Image.new("RGB", (width, head + len(moments) * row), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN), "Every other frame dropped, and made again by RIFE", BRIGHT, _font(TITLE))
    subtitle = (
        f"{source.path.name}, {len(rebuilt.frames)} frames, PSNR against the true ones: "
        f"RIFE {rebuilt.made.mean_psnr:.2f} dB, blend {rebuilt.blend.mean_psnr:.2f} dB"
    )
    draw.text((MARGIN, MARGIN + TITLE + 14), subtitle, DIM, _font(TEXT))
    for index, moment in enumerate(moments):
        _draw_moment(sheet, moment, head + index * row, column, size)
    with partial(path) as unfinished:
        sheet.save(unfinished)


def _draw_moment(sheet: Image.Image, moment: Moment, top: int, column: int, size: tuple[int, int]) -> None:
    draw = ImageDraw.Draw(sheet)
    box = _most_different(moment.blend, moment.truth)
    cells = [
        (moment.before, f"Frame {moment.frame - 1}, kept", ""),
        (moment.after, f"Frame {moment.frame + 1}, kept", ""),
        (moment.blend, "Plain blend", f"{psnr(moment.blend, moment.truth):.1f} dB"),
        (moment.made, "Made by RIFE", f"{psnr(moment.made, moment.truth):.1f} dB"),
        (moment.truth, f"Frame {moment.frame}, the truth", ""),
    ]
    for index, (picture, label, note) in enumerate(cells):
        left = MARGIN + index * (column + GAP)
        colour = ACCENT if picture is moment.made else BRIGHT
        draw.text((left, top), label, colour, _font(TEXT))
        draw.text((left + column, top), note, colour, _font(TEXT), anchor="ra")
        image = Image.fromarray(picture)
        y = top + LINE
        sheet.paste(image.resize(size, Image.Resampling.LANCZOS), (left, y))
        scale = size[0] / image.width
        draw.rectangle([left + box[0] * scale, y + box[1] * scale, left + box[2] * scale, y + box[3] * scale],
                       outline=ACCENT, width=2)  # fmt: skip
        sheet.paste(image.crop(box).resize(size, Image.Resampling.BICUBIC), (left, y + size[1] + GAP))


def _fit(width: int, height: int) -> tuple[int, int]:
    """A picture's size in its cell."""
    scale = CELL / max(width, height)
    return max(round(width * scale), 1), max(round(height * scale), 1)


def _most_different(first: Picture, second: Picture) -> Box:
    """Where two pictures differ most, as a box of their shape and a part of their size."""
    error = np.abs(first.astype(np.float64) - second).sum(axis=2)
    height, width = (max(side // ZOOM, 1) for side in error.shape)
    summed = np.pad(error.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    boxes = summed[height:, width:] - summed[:-height, width:] - summed[height:, :-width] + summed[:-height, :-width]
    top, left = np.unravel_index(int(boxes.argmax()), boxes.shape)
    return int(left), int(top), int(left) + width, int(top) + height


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
