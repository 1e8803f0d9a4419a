"""The picture sheet: the cases a model did worst on, beside what was there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsrife.errors import RifeError
from vsrife.evaluation.metrics import psnr

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image, ImageDraw, ImageFont
    from torch import Tensor

    from vsrife.evaluation.cases import Case, Truth

__all__ = ["Worst", "save_sheet"]

CELL = 400
"""Pixels of a column."""
TALLEST = 400
GAP = 14
MARGIN = 40
TITLE = 36
TEXT = 20
LINE = 30
SPACE = 26
"""Below a row."""
GAIN = 4
"""What errors are multiplied by to be seen."""
BACKGROUND = (18, 20, 24)
BRIGHT = (240, 242, 245)
DIM = (150, 156, 166)
ACCENT = (255, 176, 32)
HEADINGS = ("first", "last", "made", "truth", f"error, {GAIN} times")


@dataclass(frozen=True, eq=False)
class _Row:
    """One made picture, on the host: uint8, 3×H×W each."""

    name: str
    psnr: float
    pictures: tuple[Tensor, ...]


class Worst:
    """Keeps the pictures of one model that are furthest from the truth, one of each case.

    Args:
        model: whose.
        count: of pictures.
    """

    def __init__(self, model: str, count: int) -> None:
        self.model = model
        self.seen = 0
        self._count = count
        self._rows: dict[str, _Row] = {}

    def add(self, suite: str, case: Case, truth: Truth, model: str, made: Tensor) -> None:
        """A `Watch`, but for the suite."""
        if model != self.model:
            return
        self.seen += 1
        figure = float(psnr(made, truth.picture))
        key = f"{suite}, {case.name}"
        if key in self._rows and self._rows[key].psnr <= figure:
            return
        pictures = tuple(picture.cpu() for picture in (case.first, case.last, made, truth.picture))
        self._rows[key] = _Row(f"{key}, t = {truth.time}", figure, pictures)
        if len(self._rows) > self._count:
            del self._rows[max(self._rows, key=lambda each: self._rows[each].psnr)]

    @property
    def rows(self) -> list[_Row]:
        """The worst first."""
        return sorted(self._rows.values(), key=lambda row: row.psnr)


def save_sheet(path: Path, worst: Worst) -> None:
    """Draws them into a PNG.

    Raises:
        RifeError: Pillow is not installed.
        OSError: the file cannot be written.
    """
    try:
        from PIL import Image, ImageDraw
    except ImportError as error:
        raise RifeError("evaluate: Pillow is not installed, which draws the sheet; pip install pillow") from error
    rows = worst.rows
    heights = [_fit(row.pictures[0])[1] for row in rows]
    head = MARGIN + TITLE + LINE + SPACE
    width = 2 * MARGIN + len(HEADINGS) * CELL + (len(HEADINGS) - 1) * GAP
    height = head + sum(2 * LINE + tall + SPACE for tall in heights) + MARGIN - SPACE
    sheet = Image.new("RGB", (width, height), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN), _clipped(f"Where {worst.model} is furthest from the truth", width, TITLE),
              BRIGHT, _font(TITLE))  # fmt: skip
    subtitle = f"the worst {len(rows)} of {worst.seen} made pictures, by PSNR, one of each case"
    draw.text((MARGIN, MARGIN + TITLE + 12), subtitle, DIM, _font(TEXT))
    top = head
    for row, tall in zip(rows, heights, strict=True):
        _draw(sheet, draw, row, top)
        top += 2 * LINE + tall + SPACE
    sheet.save(path, "PNG")


def _draw(sheet: Image.Image, draw: ImageDraw.ImageDraw, row: _Row, top: int) -> None:
    from PIL import Image

    figure = "met exactly" if row.psnr == float("inf") else f"{row.psnr:.2f} dB"
    right = sheet.width - MARGIN
    draw.text((right, top), figure, ACCENT, _font(TEXT), anchor="ra")
    room = int(right - MARGIN - draw.textlength(figure, _font(TEXT)) - GAP)
    draw.text((MARGIN, top), _clipped(row.name, room, TEXT), BRIGHT, _font(TEXT))
    made, truth = row.pictures[2:]
    error = ((made.int() - truth.int()).abs() * GAIN).clamp(max=255).byte()
    for column, (heading, picture) in enumerate(zip(HEADINGS, (*row.pictures, error), strict=True)):
        left = MARGIN + column * (CELL + GAP)
        draw.text((left, top + LINE), heading, ACCENT if heading == "made" else DIM, _font(TEXT))
        image = Image.fromarray(picture.permute(1, 2, 0).contiguous().numpy())
        wide, tall = _fit(picture)
        image = image.resize((wide, tall), Image.Resampling.LANCZOS)
        sheet.paste(image, (left + (CELL - wide) // 2, top + 2 * LINE))


def _fit(picture: Tensor) -> tuple[int, int]:
    """A picture's size in its cell."""
    height, width = picture.shape[-2:]
    scale = min(CELL / width, TALLEST / height)
    return max(round(width * scale), 1), max(round(height * scale), 1)


def _clipped(text: str, room: int, size: int) -> str:
    """As much of a text as there is room for."""
    font = _font(size)
    if font.getlength(text) <= room:
        return text
    while text and font.getlength(f"{text}...") > room:
        text = text[:-1]
    return f"{text}..."


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)
