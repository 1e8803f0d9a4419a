"""Cases to measure on: pairs of pictures and the true ones between them; and the choice of a suite's cases."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from vsrife.errors import ArgumentError, named
from vsrife.footage.frames import even_size
from vsrife.networks.config import SMALLEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Case", "Choice", "Suite", "Truth", "parse_size", "parse_span", "shrunk"]

FACTORS = (2, 32)
LARGEST = 16384


@dataclass(frozen=True, eq=False)
class Truth:
    """A true picture between those of a pair.

    Args:
        time: where it lies between the first (0) and the last (1), exact.
        picture: uint8, 3×H×W, RGB.
    """

    time: Fraction
    picture: Tensor


@dataclass(frozen=True, eq=False)
class Case:
    """A pair of pictures and the true ones between them.

    Args:
        name: unlike all others of its suite.
        first: uint8, 3×H×W, RGB.
        last: uint8, 3×H×W, RGB.
        truths: in order, at least one.
        clip: the clip it belongs to, where a suite's mean is one of clips rather than of pictures.
        group: the group whose mean is reported separately, such as a level of SNU-FILM.
    """

    name: str
    first: Tensor
    last: Tensor
    truths: tuple[Truth, ...]
    clip: str = ""
    group: str = ""


@dataclass(frozen=True)
class Suite:
    """Cases of one kind.

    Args:
        name: for tables.
        length: the number of cases at most; cases of a clip that contain a cut are left out.
        cases: begins to read them, one after another.
        reported: the metrics that publications report for it, beside the usual ones.
        moving: whether the true pictures follow one another in time, so that VMAF's motion term is meaningful.
    """

    name: str
    length: int
    cases: Callable[[], Iterator[Case]]
    reported: tuple[str, ...] = ()
    moving: bool = False


@dataclass(frozen=True)
class Choice:
    """Which of a suite's cases are measured, and at what size.

    Args:
        span: the part of a clip's frames, or of a set's cases, as two shares of all.
        every: of so many cases, one.
        limit: the largest number of cases.
        factor: a pair and factor − 1 pictures between; None for the suite's own.
        size: width and height that pictures are shrunk to fit into; None for any.
        repeats: whether cases of a clip in which a picture is repeated are kept.

    Raises:
        RifeError: a value is outside these.
    """

    span: tuple[Fraction, Fraction] = (Fraction(0), Fraction(1))
    every: int = 1
    limit: int | None = None
    factor: int | None = None
    size: tuple[int | None, int | None] = (None, None)
    repeats: bool = False

    @named("Choice")
    def __post_init__(self) -> None:
        if not 0 <= self.span[0] < self.span[1] <= 1:
            span = ":".join(f"{float(share):g}" for share in self.span)
            raise ArgumentError("span", span, "two rising shares from 0 to 1")
        for name in ("every", "limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ArgumentError(name, value, "at least 1")
        if self.factor is not None and not FACTORS[0] <= self.factor <= FACTORS[1]:
            raise ArgumentError("factor", self.factor, f"{FACTORS[0]} to {FACTORS[1]}")
        sides = [side for side in self.size if side is not None]
        if any(not SMALLEST <= side <= LARGEST for side in sides):
            raise ArgumentError("size", "x".join(map(str, sides)), f"sides of {SMALLEST} to {LARGEST}")

    def within(self, length: int) -> range:
        """The numbers of the span, of `length` frames or cases; neighbouring spans share none."""
        start, stop = (int(share * length) for share in self.span)
        return range(start, stop)

    def select[T](self, items: Sequence[T]) -> Sequence[T]:
        """The items of a set that are measured."""
        part = self.within(len(items))
        return items[part.start : part.stop : self.every][: self.limit]

    def factor_of(self, name: str, own: int, *others: int) -> int:
        """The factor for a suite that supports few.

        Raises:
            RifeError: the chosen factor is none of them.
        """
        factor = self.factor or own
        if factor not in (own, *others):
            allowed = " or ".join(map(str, sorted((own, *others))))
            raise ArgumentError("factor", factor, f"{allowed} for {name}")
        return factor

    def scale(self, width: int, height: int) -> Fraction:
        """The factor by which a picture's sides are multiplied to fit, at most 1."""
        limits = zip(self.size, (width, height), strict=True)
        return min([Fraction(1), *(Fraction(most, side) for most, side in limits if most is not None)])


@named("parse_size")
def parse_size(text: str) -> tuple[int | None, int | None]:
    """Read `640x360`, a box to fit into, or `640`, the largest width.

    Raises:
        RifeError: the text is neither.
    """
    match = re.fullmatch("([0-9]{1,5})(?:x([0-9]{1,5}))?", text)
    if not match:
        raise ArgumentError("size", text, "WIDTH or WIDTHxHEIGHT")
    return int(match[1]), int(match[2]) if match[2] else None


@named("parse_span")
def parse_span(text: str) -> tuple[Fraction, Fraction]:
    """Read `0.5:1`, the second half; a share may be a fraction, and one that is left out is the beginning or the end.

    Raises:
        RifeError: the text is something else.
    """
    match = re.fullmatch("([0-9./]{0,12}):([0-9./]{0,12})", text)
    try:
        if match:
            return Fraction(match[1] or 0), Fraction(match[2] or 1)
    except (ValueError, ZeroDivisionError):
        pass
    raise ArgumentError("span", text, "two shares such as 0.5:1")


def shrunk(picture: Tensor, scale: Fraction) -> Tensor:
    """A uint8 3×H×W picture, its sides multiplied by `scale` and rounded to even numbers; itself at 1."""
    if scale == 1:
        return picture
    width, height = even_size(picture.shape[2], picture.shape[1], scale)
    small = F.interpolate(picture[None].float(), (height, width), mode="bicubic", antialias=True)[0]
    return small.round().clamp(0, 255).to(torch.uint8)
