"""The picture step as exported files hold it, in operations that PyTorch and ONNX share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import reduce
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from vsrife.motion import CELL
from vsrife.motion.evidence import FAR_FROM_MIDDLE, LUMA, SETTINGS
from vsrife.motion.reference import OVERSHOOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Extent", "Operations", "Pair", "Places", "make_sharp_picture"]

Extent = Literal["picture", "covered", "cells"]
"""The sizes that values have: the picture's, that of all pixels that cells cover, or that of the cells."""
Value = Any
"""A tensor of N×C×H×W, or the name of one in a graph: both have +, −, ×, ÷ and negation, with numbers too."""


class Places(NamedTuple):
    """Numbers of columns (1×1×1×W) and rows (1×1×H×1), and the last of each."""

    columns: Value
    rows: Value
    last_column: Value
    last_row: Value


class Operations(ABC):
    """What the picture step is made of besides arithmetic; nothing depends on sizes at the time of drawing."""

    @abstractmethod
    def channels(self, x: Value, first: int, end: int) -> Value:
        """Channels `first` to `end`, without it."""

    @abstractmethod
    def concat(self, *values: Value) -> Value:
        """Values one after the other, by channels."""

    @abstractmethod
    def unary(self, kind: str, x: Value) -> Value:
        """`abs`, `exp`, `sqrt`, `floor` or `sigmoid` of every number."""

    @abstractmethod
    def smaller(self, a: Value, b: Value | float) -> Value:
        """The smaller of two."""

    @abstractmethod
    def larger(self, a: Value, b: Value | float) -> Value:
        """The larger of two."""

    @abstractmethod
    def at_most(self, a: Value, b: Value | float) -> Value:
        """1 where a ≤ b, else 0."""

    @abstractmethod
    def padded(self, x: Value, before: int, after: int) -> Value:
        """A value with its outermost rows and columns repeated."""

    @abstractmethod
    def trimmed(self, x: Value, left: int, right: int, top: int, bottom: int) -> Value:
        """A value without so many of its outermost columns and rows."""

    @abstractmethod
    def mean(self, x: Value, side: int) -> Value:
        """Means of all windows of `side`×`side`, which makes a value smaller by `side` − 1."""

    @abstractmethod
    def resized(self, x: Value, factor: float) -> Value:
        """Bilinear resampling to `factor` times the size, pixel centres at halves."""

    def cell_flow(self, maps: Iterable[tuple[Value, float]]) -> Value:
        """The flow at cells of the outputs of blocks, each with the pixels of the picture to one of its own."""
        parts = (self.resized(self.channels(out, 0, 4), scale / CELL) * float(scale) for out, scale in maps)
        return reduce(lambda a, b: a + b, parts)

    @abstractmethod
    def picture(self, x: Value) -> Value:
        """A value cropped to the picture."""

    @abstractmethod
    def covered(self, x: Value) -> Value:
        """A value cropped to the pixels that the cells cover, see `cell_grid`."""

    @abstractmethod
    def cells(self, x: Value) -> Value:
        """A value of cells cropped to the cells of the picture."""

    @abstractmethod
    def places(self, of: Extent) -> Places:
        """Where the columns and rows of a value are."""

    @abstractmethod
    def sample(self, x: Value, across: Value, down: Value) -> Value:
        """Bilinear lookup at columns and rows of a covered value, which are clamped to it."""

    @abstractmethod
    def look_up(self, x: Value, rows: Sequence[Value], columns: Sequence[Value]) -> list[list[Value]]:
        """The pixels of a value of the picture's size at whole rows and columns, for all pairs of these."""


@dataclass(frozen=True)
class Pair:
    """Two pictures, replicated to the right and below, and what a network says of them.

    Args:
        planes: the pictures in any values, which are warped.
        looks: the same in 0..1.
        flow: 4 channels, in pixels.
        mask: logits.
        time: of every pixel.
        cell_flow: the flow at cells.
    """

    planes: tuple[Value, Value]
    looks: tuple[Value, Value]
    flow: Value
    mask: Value
    time: Value
    cell_flow: Value


def make_sharp_picture(ops: Operations, pair: Pair) -> Value:
    """The picture that the filter makes of an estimate by default; straight motion is the estimate's own."""
    lumas = [_mean_luma(ops, ops.covered(look)) for look in pair.looks]
    time = ops.cells(ops.resized(pair.time, 1 / CELL))
    correction = _correction(ops, lumas, ops.cells(pair.cell_flow), time)
    values = ops.picture(ops.resized(correction, CELL))
    flow = ops.picture(pair.flow) * ops.channels(values, 4, 5) + ops.channels(values, 0, 4)
    mask = ops.unary("sigmoid", ops.picture(pair.mask))
    weight = mask * ops.channels(values, 6, 7) + ops.channels(values, 5, 6)
    sharpness = ops.channels(values, 7, 8)
    first, last = (
        _sharp_sample(
            ops, ops.picture(planes), ops.channels(flow, k, k + 1), ops.channels(flow, k + 1, k + 2), sharpness
        )
        for k, planes in zip((0, 2), pair.planes, strict=True)
    )
    return last + (first - last) * weight


def _correction(ops: Operations, lumas: Sequence[Value], own: Value, time: Value) -> Value:
    """See `find_correction`."""
    settings = SETTINGS
    columns, rows, *_ = ops.places("cells")
    *_, right_edge, lower_edge = ops.places("covered")

    def aims(flow: Value) -> list[tuple[Value, Value]]:
        parts = [ops.channels(flow, k, k + 1) for k in range(4)]
        return [(columns * CELL + parts[k], rows * CELL + parts[k + 1]) for k in (0, 2)]

    def ends(flow: Value) -> list[Value]:
        return [ops.sample(luma, *aim) for luma, aim in zip(lumas, aims(flow), strict=True)]

    def linear(motion: Value) -> Value:
        return ops.concat(motion * -time, motion * (1 - time))

    def length(motion: Value) -> Value:
        x, y = ops.channels(motion, 0, 1), ops.channels(motion, 1, 2)
        return ops.unary("sqrt", ops.larger(x * x + y * y, 1e-20))

    def fading(size: Value, limit: Value | float) -> Value:
        return ops.smaller(ops.larger(2 - size / limit, 0), 1)

    def agreement(error: Value) -> Value:
        ratio = error / tolerance
        return ops.unary("exp", -(ratio * ratio))

    straight = ops.channels(own, 2, 4) - ops.channels(own, 0, 2)
    first, last = ends(linear(straight))
    before = _around(ops, ops.unary("abs", last - first), 2)
    reach = fading(length(straight), settings.medium)
    refined = straight
    for _ in range(settings.steps):
        step = _lucas_kanade(ops, (first + last) / 2, last - first)
        step = ops.smaller(ops.larger(step, -settings.largest_step), settings.largest_step)
        refined = refined + step * CELL * reach
        first, last = ends(linear(refined))
    after = _around(ops, ops.unary("abs", last - first), 2)
    across, down = _gradients(ops, (first + last) / 2)
    contrast = _around(ops, (ops.unary("abs", across) + ops.unary("abs", down)) / 2, 3)
    better = ops.at_most(after, before)
    motion = refined * better + straight * (1 - better)
    error = ops.smaller(after, before)
    first, last = ends(own)
    own_error = _around(ops, ops.unary("abs", last - first), 2)

    tolerance = contrast * settings.contrast + settings.noise
    size = length(motion)
    near = ops.at_most(ops.unary("abs", time - 0.5), FAR_FROM_MIDDLE)
    limit = near * (settings.medium - settings.far) + settings.far
    likely = fading(size, limit) * agreement(error)
    right = ops.at_most(error, own_error + settings.noise)
    flow = linear(motion)
    inside = right
    for x, y in aims(flow):
        for at, edge in ((x, right_edge), (y, lower_edge)):
            inside = inside * ops.at_most(-at, 0) * ops.at_most(at, edge)
    share, by_time = ops.larger(fading(size, settings.small), likely) * right, likely * inside
    sharpness = agreement(ops.smaller(error, own_error))
    return ops.concat(flow * share, 1 - share, by_time * (1 - time), 1 - by_time, sharpness)


def _mean_luma(ops: Operations, look: Value) -> Value:
    """See `mean_luma`."""
    luma = reduce(lambda a, b: a + b, (ops.channels(look, k, k + 1) * share for k, share in enumerate(LUMA)))
    return ops.mean(ops.padded(luma, 0, CELL - 1), CELL)


def _around(ops: Operations, x: Value, radius: int) -> Value:
    return ops.mean(ops.padded(x, radius, radius), 2 * radius + 1)


def _gradients(ops: Operations, x: Value) -> tuple[Value, Value]:
    """Central differences across and down."""
    wide = ops.padded(x, 1, 1)
    return (
        (ops.trimmed(wide, 2, 0, 1, 1) - ops.trimmed(wide, 0, 2, 1, 1)) / 2,
        (ops.trimmed(wide, 1, 1, 2, 0) - ops.trimmed(wide, 1, 1, 0, 2)) / 2,
    )


def _lucas_kanade(ops: Operations, mean: Value, difference: Value) -> Value:
    """What straight motion must change by for the ends to differ less, in cells."""
    across, down = _gradients(ops, mean)
    products = ops.concat(across * across, across * down, down * down, across * difference, down * difference)
    window = ops.mean(ops.mean(ops.padded(products, 2, 2), 3), 3)
    xx, xy, yy, xe, ye = (ops.channels(window, k, k + 1) for k in range(5))
    xx, yy = xx + SETTINGS.regulariser, yy + SETTINGS.regulariser
    return ops.concat(xy * ye - yy * xe, xy * xe - xx * ye) / (xx * yy - xy * xy)


def _sharp_sample(ops: Operations, planes: Value, across: Value, down: Value, sharpness: Value) -> Value:
    """See `sharp_sample`; the places are a pixel's own plus `across` and `down`."""
    columns, rows, last_column, last_row = ops.places("picture")
    at_columns, weights_x = _four(ops, columns + across, last_column, sharpness)
    at_rows, weights_y = _four(ops, rows + down, last_row, sharpness)
    values = ops.look_up(planes, at_rows, at_columns)
    lines = [_weighted_sum(line, weights_x) for line in values]
    least, most = (reduce(choose, chain(*values)) for choose in (ops.smaller, ops.larger))
    return ops.smaller(ops.larger(_weighted_sum(lines, weights_y), least), most)


def _weighted_sum(values: Sequence[Value], weights: Sequence[Value]) -> Value:
    return reduce(lambda a, b: a + b, (value * weight for value, weight in zip(values, weights, strict=True)))


def _four(ops: Operations, at: Value, last: Value, sharpness: Value) -> tuple[list[Value], list[Value]]:
    """Places and weights of the four pixels along one side."""
    at = ops.smaller(ops.larger(at, 0), last)
    low = ops.smaller(ops.unary("floor", at), last - 1)
    f = at - low
    g = 1 - f
    share = sharpness * f * g
    outer, inner, smooth = share * (OVERSHOOT - g / 2), share * (OVERSHOOT - f / 2), share * (f - g)
    weights = [outer, g - smooth - inner, f + smooth - outer, inner]
    return [ops.smaller(ops.larger(low + k, 0), last) for k in (-1, 0, 1, 2)], weights
