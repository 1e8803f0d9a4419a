"""Picture sheets: rows of pictures under a heading; and the cases a model did worst on, beside what was there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsrife.errors import RifeError
from vsrife.evaluation.metrics import psnr

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PIL import Image, ImageDraw, ImageFont
    from torch import Tensor

    from vsrife.evaluation.cases import Case, Truth

__all__ = ["GAIN", "Box", "Cell", "Row", "Worst", "draw_sheet", "error_map", "save_sheet"]

CELL = 400
"""Pixels of a column, and the most that a picture is high."""
GAP = 14
MARGIN = 40
TITLE = 36
TEXT = 20
LINE = 30
SPACE = 26
"""Below a row."""
GAIN = 4
"""Factor that makes errors visible."""
BACKGROUND = (18, 20, 24)
BRIGHT = (240, 242, 245)
DIM = (150, 156, 166)
ACCENT = (255, 176, 32)
HEADINGS = ("first", "last", "made", "truth", f"error, {GAIN} times")

Box = tuple[int, int, int, int]
"""Left, top, right and bottom of a part of a picture, in its pixels."""


@dataclass(frozen=True, eq=False)
class Cell:
    """A picture of a row.

    Args:
        heading: text above the picture.
        picture: uint8, 3×H×W, RGB, on the host; None leaves the place empty.
        accent: whether the heading stands out.
    """

    heading: str
    picture: Tensor | None
    accent: bool = False


@dataclass(frozen=True, eq=False)
class Row:
    """Pictures of one size, side by side.

    Args:
        name: text above the pictures, at the left.
        figure: text at the right.
        cells: the pictures.
        box: part of each picture that is enlarged below it; None for none.
    """

    name: str
    figure: str
    cells: tuple[Cell, ...]
    box: Box | None = None


@dataclass(frozen=True, eq=False)
class _Made:
    """One interpolated picture, on the host: uint8, 3×H×W each."""

    name: str
    psnr: float
    pictures: tuple[Tensor, ...]

    def row(self) -> Row:
        """As it is drawn."""
        figure = "met exactly" if self.psnr == float("inf") else f"{self.psnr:.2f} dB"
        pictures = *self.pictures, error_map(*self.pictures[2:])
        cells = (Cell(heading, each, heading == "made") for heading, each in zip(HEADINGS, pictures, strict=True))
        return Row(self.name, figure, tuple(cells))


class Worst:
    """Keeps the pictures of one model that are furthest from the truth, one of each case.

    Args:
        model: name of the model.
        count: number of pictures.
    """

    def __init__(self, model: str, count: int) -> None:
        self.model = model
        self.count = 0
        self._count = count
        self._rows: dict[str, _Made] = {}

    def add(self, suite: str, case: Case, truth: Truth, model: str, made: Tensor) -> None:
        """A `Watch`, but for the suite."""
        if model != self.model:
            return
        self.count += 1
        figure = float(psnr(made, truth.picture))
        key = f"{suite}, {case.name}"
        if key in self._rows and self._rows[key].psnr <= figure:
            return
        pictures = tuple(picture.cpu() for picture in (case.first, case.last, made, truth.picture))
        self._rows[key] = _Made(f"{key}, t = {truth.time}", figure, pictures)
        if len(self._rows) > self._count:
            del self._rows[max(self._rows, key=lambda each: self._rows[each].psnr)]

    @property
    def rows(self) -> list[_Made]:
        """The worst first."""
        return sorted(self._rows.values(), key=lambda row: row.psnr)


def save_sheet(path: Path, worst: Worst) -> None:
    """Draw the pictures into a PNG.

    Raises:
        RifeError: Pillow is not installed.
        OSError: the file cannot be written.
    """
    rows = [made.row() for made in worst.rows]
    title = f"Where {worst.model} is furthest from the truth"
    subtitle = f"the worst {len(rows)} of {worst.count} interpolated pictures, by PSNR, one of each case"
    draw_sheet(path, title, [subtitle], rows)


def error_map(made: Tensor, truth: Tensor) -> Tensor:
    """Where two uint8 pictures differ: black where they are equal, differences `GAIN` times as large as they are."""
    return ((made.int() - truth.int()).abs() * GAIN).clamp(max=255).byte()


def draw_sheet(
    path: Path,
    title: str,
    subtitles: Sequence[str],
    rows: Sequence[Row],
    *,
    cell: int = CELL,
    key: Image.Image | None = None,
) -> None:
    """Draw rows of pictures into a PNG.

    Args:
        path: path of the PNG.
        title: title of the sheet.
        subtitles: lines below the title.
        rows: rows with equal numbers of cells.
        cell: width of a column, and the most that a picture is high, in pixels.
        key: picture for the upper right corner.

    Raises:
        RifeError: Pillow is not installed.
        OSError: the file cannot be written.
    """
    try:
        from PIL import Image, ImageDraw
    except ImportError as error:
        raise RifeError("Pillow is not installed, which draws the sheet; pip install pillow") from error
    heights = [2 * LINE + _tall(row, cell) + SPACE for row in rows]
    columns = max((len(row.cells) for row in rows), default=1)
    text = TITLE + LINE * len(subtitles)
    head = MARGIN + max(text, key.height if key else 0) + SPACE
    width = 2 * MARGIN + columns * cell + (columns - 1) * GAP
    sheet = Image.new("RGB", (width, head + sum(heights) + MARGIN - SPACE), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    room = width - 2 * MARGIN
    if key:
        room -= key.width + GAP
        sheet.paste(key, (width - MARGIN - key.width, MARGIN), key if key.mode == "RGBA" else None)
    draw.text((MARGIN, MARGIN), _clipped(title, room, TITLE), BRIGHT, _font(TITLE))
    for line, subtitle in enumerate(subtitles):
        place = MARGIN, MARGIN + TITLE + 12 + line * LINE
        draw.text(place, _clipped(subtitle, room, TEXT), DIM, _font(TEXT))
    top = head
    for row, height in zip(rows, heights, strict=True):
        _draw(sheet, draw, row, top, cell)
        top += height
    sheet.save(path, "PNG")


def _draw(sheet: Image.Image, draw: ImageDraw.ImageDraw, row: Row, top: int, cell: int) -> None:
    from PIL import Image

    right = sheet.width - MARGIN
    draw.text((right, top), row.figure, ACCENT, _font(TEXT), anchor="ra")
    room = int(right - MARGIN - draw.textlength(row.figure, _font(TEXT)) - GAP)
    draw.text((MARGIN, top), _clipped(row.name, room, TEXT), BRIGHT, _font(TEXT))
    for column, each in enumerate(row.cells):
        left = MARGIN + column * (cell + GAP)
        heading = _clipped(each.heading, cell, TEXT)
        draw.text((left, top + LINE), heading, ACCENT if each.accent else DIM, _font(TEXT))
        if each.picture is None:
            continue
        image = Image.fromarray(each.picture.permute(1, 2, 0).contiguous().numpy())
        wide, tall = _fit(each.picture, cell)
        x, y = left + (cell - wide) // 2, top + 2 * LINE
        sheet.paste(image.resize((wide, tall), Image.Resampling.LANCZOS), (x, y))
        if row.box:
            frame = [place + edge * wide / image.width for place, edge in zip((x, y, x, y), row.box, strict=True)]
            draw.rectangle(frame, outline=ACCENT, width=2)
            sheet.paste(image.crop(row.box).resize((wide, tall), Image.Resampling.BICUBIC), (x, y + tall + GAP))


def _tall(row: Row, cell: int) -> int:
    """How high a row's pictures are."""
    tall = max((_fit(each.picture, cell)[1] for each in row.cells if each.picture is not None), default=0)
    return 2 * tall + GAP if row.box else tall


def _fit(picture: Tensor, cell: int) -> tuple[int, int]:
    """A picture's size in its cell."""
    height, width = picture.shape[-2:]
    scale = min(cell / width, cell / height)
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
