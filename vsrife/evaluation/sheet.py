"""Picture sheets: rows of pictures under a heading; and the cases that a model did worst on, beside other models'."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torch.nn.functional import avg_pool2d

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

PART = 4
"""The share of a picture's sides, as its inverse, of the part that is enlarged where models are compared."""

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
    """One interpolated picture, on the host: uint8, 3×H×W each.

    Args:
        name: of the case and the time.
        psnr: of the picture, in dB.
        pictures: the first, the last, the one made and the true one.
        truth: the true picture with its time.
        others: other models' pictures of the same truth: name, PSNR and picture.
    """

    name: str
    psnr: float
    pictures: tuple[Tensor, ...]
    truth: Truth
    others: list[tuple[str, float, Tensor]] = field(default_factory=list)

    def row(self) -> Row:
        """As it is drawn."""
        pictures = *self.pictures, error_map(*self.pictures[2:])
        cells = (Cell(heading, each, heading == "made") for heading, each in zip(HEADINGS, pictures, strict=True))
        return Row(self.name, _figure(self.psnr), tuple(cells))

    def comparison(self, model: str) -> Row:
        """As it is drawn beside other models, enlarged where the first one's error is largest."""
        _, _, made, truth = self.pictures
        cells = [Cell(f"{name}, {_figure(value)}", each) for name, value, each in self.others]
        own = Cell(f"{model}, {_figure(self.psnr)}", made, True)
        return Row(self.name, "", (Cell("truth", truth), own, *cells), _largest_error(made, truth))


class Worst:
    """Keeps the pictures of one model that are furthest from the truth, one of each case, and other models' of these.

    Args:
        model: name of the model, the first that gives pictures of a case.
        count: number of pictures.
    """

    def __init__(self, model: str, count: int) -> None:
        self.model = model
        self.count = 0
        self._count = count
        self._rows: dict[str, _Made] = {}

    def add(self, suite: str, case: Case, truth: Truth, model: str, made: Tensor) -> None:
        """A `Watch`, but for the suite."""
        key = f"{suite}, {case.name}"
        if model != self.model:
            if key in self._rows and self._rows[key].truth is truth:
                self._rows[key].others.append((model, float(psnr(made, truth.picture)), made.cpu()))
            return
        self.count += 1
        figure = float(psnr(made, truth.picture))
        if key in self._rows and self._rows[key].psnr <= figure:
            return
        pictures = tuple(picture.cpu() for picture in (case.first, case.last, made, truth.picture))
        self._rows[key] = _Made(f"{key}, t = {truth.time}", figure, pictures, truth)
        if len(self._rows) > self._count:
            del self._rows[max(self._rows, key=lambda each: self._rows[each].psnr)]

    @property
    def rows(self) -> list[_Made]:
        """The worst first."""
        return sorted(self._rows.values(), key=lambda row: row.psnr)


def save_sheet(path: Path, worst: Worst) -> None:
    """Draw the pictures into a PNG: the two source frames, the picture, the true one and the error.

    Where there are other models' pictures as well, all are drawn side by side instead, after the true one.

    Raises:
        RifeError: Pillow is not installed.
        OSError: the file cannot be written.
    """
    several = any(made.others for made in worst.rows)
    rows = [made.comparison(worst.model) if several else made.row() for made in worst.rows]
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


def _figure(value: float) -> str:
    """A PSNR as it is drawn."""
    return "met exactly" if value == float("inf") else f"{value:.2f} dB"


def _largest_error(made: Tensor, truth: Tensor) -> Box:
    """The part of a picture, `1 / PART` of its sides, where it differs most from the true one."""
    error = (made.float() - truth.float()).square().mean(0)
    height, width = error.shape
    tall, wide = max(height // PART, 1), max(width // PART, 1)
    sums = avg_pool2d(error[None, None], (tall, wide), stride=1)[0, 0]
    top, left = divmod(int(sums.argmax()), sums.shape[1])
    return left, top, left + wide, top + tall


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
