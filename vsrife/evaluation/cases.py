"""What is measured: pairs of pictures, the true ones between them, and which of a suite's are taken."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from vsrife.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Case", "Choice", "Suite", "Truth", "parse_size", "parse_span", "shrunk"]

FACTORS = (2, 32)
SMALLEST, LARGEST = 16, 16384


@dataclass(frozen=True, eq=False)
class Truth:
    """A picture that is to be made.

    Args:
        time: where it lies between the first (0) and the last (1), exact.
        picture: uint8, 3×H×W, RGB.
    """

    time: Fraction
    picture: Tensor


@dataclass(frozen=True, eq=False)
class Case:
    """A pair, and what lies between.

    Args:
        name: unlike all others of its suite.
        first: uint8, 3×H×W, RGB.
        last: the same.
        truths: in order, at least one.
        clip: of which it is a part, where a suite's mean is one of clips rather than of pictures.
        group: whose mean is told by itself, as the levels of SNU-FILM.
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
        name: as tables say it.
        length: how many cases there are at most; of a clip, those with a cut fall away.
        cases: begins to read them, one after another.
        reported: the metrics that publications give for it, beside the usual ones.
        moving: whether the true pictures follow one another in time, so that VMAF's motion means something.
    """

    name: str
    length: int
    cases: Callable[[], Iterator[Case]]
    reported: tuple[str, ...] = ()
    moving: bool = False


@dataclass(frozen=True)
class Choice:
    """Which of a suite's cases are taken, and how large.

    Args:
        span: the part of a clip's frames, or of a set's cases, as two shares of all.
        every: every so many cases.
        limit: so many at most.
        factor: a pair and factor − 1 pictures between; None for the suite's own.
        size: width and height that pictures are shrunk to fit into; None for any.
        repeats: whether cases of a clip in which a picture is shown again are kept.

    Raises:
        RifeError: one is outside these.
    """

    span: tuple[Fraction, Fraction] = (Fraction(0), Fraction(1))
    every: int = 1
    limit: int | None = None
    factor: int | None = None
    size: tuple[int | None, int | None] = (None, None)
    repeats: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.span[0] < self.span[1] <= 1:
            told = ":".join(f"{float(share):g}" for share in self.span)
            raise ArgumentError("span", told, "two rising shares from 0 to 1")
        for name in ("every", "limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ArgumentError(name, value, "at least 1")
        if self.factor is not None and not FACTORS[0] <= self.factor <= FACTORS[1]:
            raise ArgumentError("factor", self.factor, f"{FACTORS[0]} to {FACTORS[1]}")
        if any(side is not None and not SMALLEST <= side <= LARGEST for side in self.size):
            told = "x".join(str(side) for side in self.size if side is not None)
            raise ArgumentError("size", told, f"sides of {SMALLEST} to {LARGEST}")

    def within(self, length: int) -> range:
        """The numbers that the span has of so many; neighbouring spans share none."""
        start, stop = (int(share * length) for share in self.span)
        return range(start, stop)

    def taken[T](self, items: Sequence[T]) -> Sequence[T]:
        """Of a set's items, those that are measured."""
        part = self.within(len(items))
        return items[part.start : part.stop : self.every][: self.limit]

    def factor_of(self, name: str, own: int, *others: int) -> int:
        """The factor of a suite that has some only.

        Raises:
            RifeError: another was asked for.
        """
        factor = self.factor or own
        if factor not in (own, *others):
            known = " or ".join(map(str, sorted((own, *others))))
            raise ArgumentError("factor", factor, f"{known} for {name}")
        return factor

    def scale(self, width: int, height: int) -> Fraction:
        """What a picture's sides are multiplied by to fit, at most 1."""
        limits = zip(self.size, (width, height), strict=True)
        return min([Fraction(1), *(Fraction(most, side) for most, side in limits if most is not None)])


def parse_size(text: str) -> tuple[int | None, int | None]:
    """`640x360` is a box to fit into, `640` the largest width.

    Raises:
        RifeError: it is neither.
    """
    found = re.fullmatch("([0-9]{1,5})(?:x([0-9]{1,5}))?", text)
    if not found:
        raise ArgumentError("size", text, "WIDTH or WIDTHxHEIGHT")
    return int(found[1]), int(found[2]) if found[2] else None


def parse_span(text: str) -> tuple[Fraction, Fraction]:
    """`0.5:1` is the second half; a share may be a fraction, and where one is left out it is the end.

    Raises:
        RifeError: it is no such text.
    """
    found = re.fullmatch("([0-9./]{0,12}):([0-9./]{0,12})", text)
    try:
        if found:
            return Fraction(found[1] or 0), Fraction(found[2] or 1)
    except (ValueError, ZeroDivisionError):
        pass
    raise ArgumentError("span", text, "two shares such as 0.5:1")


def shrunk(picture: Tensor, scale: Fraction) -> Tensor:
    """A uint8 3×H×W picture at a share of its size, sides rounded to even numbers; itself at 1."""
    if scale == 1:
        return picture
    height, width = (max(2, 2 * round(side * scale / 2)) for side in picture.shape[-2:])
    small = F.interpolate(picture[None].float(), (height, width), mode="bicubic", antialias=True)[0]
    return small.round().clamp(0, 255).to(torch.uint8)
