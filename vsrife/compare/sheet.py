"""The picture sheet of a clip's moments."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont
from torch.nn.functional import avg_pool2d, interpolate

from vsrife.compare.flow import colour_wheel, coloured
from vsrife.evaluation.metrics import psnr
from vsrife.evaluation.sheet import BACKGROUND, BRIGHT, DIM, GAIN, LINE, TEXT, Cell, Row, draw_sheet, error_map

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

    from vsrife.compare.moments import Place
    from vsrife.evaluation.sheet import Box

__all__ = ["Shown", "clock", "decibels", "moment_row", "save_moments"]

CELL = 320
"""Pixels of a column."""
WHEEL = 92
GRID, WINDOW = 32, 8
"""Parts of a picture's side of which the enlarged part is found, and how many of these it has."""
ROUND = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)
LONG = 0.99
"""The share of a picture's motion that is within full colour."""


@dataclass(frozen=True, eq=False)
class Shown:
    """A moment's pictures: uint8, 3×H×W, on the host.

    Args:
        letter: its letter in the sheet and in the timeline.
        what: description of the moment.
        place: its place in the clip.
        second: its time in seconds.
        first: the frame before.
        last: the frame after.
        blend: plain blend of the two.
        made: the model's interpolation.
        truth: the original frame; None where none was dropped.
        flow: 2×H×W, motion from the first to the last in pixels.
        published: the interpolation in the network's published form; None where it was not asked for.
    """

    letter: str
    what: str
    place: Place
    second: float
    first: Tensor
    last: Tensor
    blend: Tensor
    made: Tensor
    truth: Tensor | None
    flow: Tensor
    published: Tensor | None = None


def save_moments(path: Path, title: str, subtitles: Sequence[str], moments: Sequence[Shown]) -> None:
    """Draws moments into a PNG.

    Raises:
        OSError: the file cannot be written.
    """
    some = any(moment.truth is not None for moment in moments)
    rows = [moment_row(moment, truths=some) for moment in moments]
    draw_sheet(path, title, subtitles, rows, cell=CELL, key=_key())


def moment_row(moment: Shown, *, truths: bool) -> Row:
    """A moment as it is drawn; with room for a truth and an error where others have them."""
    first, last, truth = moment.place.first, moment.place.last, moment.truth
    full = _full(moment.flow)
    figures = ["", ""] if truth is None else [f", {decibels(each, truth)}" for each in (moment.blend, moment.made)]
    cells = [
        Cell(f"frame {first}", moment.first),
        Cell(f"frame {last}", moment.last),
        Cell(f"blend{figures[0]}", moment.blend),
        Cell(f"made{figures[1]}", moment.made, accent=True),
    ]
    if truth is not None:
        cells += [Cell(f"frame {first + 1}, the truth", truth)]
        cells += [Cell(f"error of made, {GAIN} times", error_map(moment.made, truth))]
    elif truths:
        cells += [Cell("no true frame here", None), Cell("", None)]
    cells.append(Cell(f"motion, full colour {full:g} px", coloured(moment.flow, full)))
    name = f"{moment.letter}   {clock(moment.second, 2)}   {moment.what}"
    return Row(name, "", tuple(cells), _box(moment))


def clock(seconds: float, digits: int = 0) -> str:
    """Minutes and seconds."""
    unit = 10**digits
    whole = round(seconds * unit)
    minutes, rest = divmod(whole, 60 * unit)
    return f"{minutes}:{rest / unit:0{3 + digits if digits else 2}.{digits}f}"


def decibels(picture: Tensor, truth: Tensor) -> str:
    """The PSNR of a picture, in words where it is infinite."""
    value = float(psnr(picture, truth))
    return "met exactly" if math.isinf(value) else f"{value:.2f} dB"


def _full(flow: Tensor) -> float:
    """A round number of pixels within which nearly all motion is, at least 1."""
    lengths = flow.square().sum(0).sqrt().flatten()
    most = float(lengths.kthvalue(max(1, round(LONG * len(lengths)))).values)
    unit = 10 ** math.floor(math.log10(max(most, 1)))
    return float(max(1, min(step * unit for step in ROUND if step * unit >= most)))


def _box(moment: Shown) -> Box:
    """The part of the picture where blend and interpolated picture are furthest from the truth, or from one another."""
    blend, made = moment.blend.float(), moment.made.float()
    true = blend if moment.truth is None else moment.truth.float()
    error = (made - true).abs() + (blend - true).abs()
    height, width = error.shape[1:]
    cells = interpolate(error.mean(0)[None, None], (min(GRID, height), min(GRID, width)), mode="area")
    tall, wide = (max(1, side * WINDOW // GRID) for side in cells.shape[2:])
    sums = avg_pool2d(cells, (tall, wide), 1)[0, 0]
    row, column = divmod(int(sums.argmax()), sums.shape[1])
    left, top = column * width // cells.shape[3], row * height // cells.shape[2]
    return left, top, left + max(1, width * WINDOW // GRID), top + max(1, height * WINDOW // GRID)


def _key() -> Image.Image:
    """What the colours of motion mean."""
    font = ImageFont.load_default(TEXT)
    lines = ("Colour of motion: where things go,", "as from the middle of the disc;", "still is white")
    room = round(max(font.getlength(line) for line in lines)) + 16
    key = Image.new("RGB", (room + WHEEL, WHEEL), BACKGROUND)
    draw = ImageDraw.Draw(key)
    for line, text in enumerate(lines):
        draw.text((room - 16, line * LINE), text, BRIGHT if not line else DIM, font, anchor="ra")
    wheel = Image.fromarray(colour_wheel(WHEEL).permute(1, 2, 0).contiguous().numpy())
    key.paste(wheel, (room, 0), wheel)
    return key
