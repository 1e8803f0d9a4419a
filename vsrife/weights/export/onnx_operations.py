"""The operations of the picture step as ONNX nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vsrife.motion import CELL, cell_grid
from vsrife.weights.export.picture_step import Operations, Places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsrife.weights.export.onnx import OnnxGraph
    from vsrife.weights.export.picture_step import Extent

__all__ = ["OnnxOperations"]

HEIGHT, WIDTH = 2, 3
"""Axes of an N×C×H×W tensor."""
NAMES = {"abs": "Abs", "exp": "Exp", "sqrt": "Sqrt", "floor": "Floor", "sigmoid": "Sigmoid"}


@dataclass(frozen=True)
class Named:
    """A value of a graph, with arithmetic."""

    graph: OnnxGraph
    name: str

    def put(self, kind: str, *inputs: Named | float) -> Named:
        """Add a node."""
        names = [x.name if isinstance(x, Named) else self.graph.number(x) for x in inputs]
        return Named(self.graph, self.graph.put(kind, *names))

    def __add__(self, other: Named | float) -> Named:
        return self.put("Add", self, other)

    def __sub__(self, other: Named | float) -> Named:
        return self.put("Sub", self, other)

    def __rsub__(self, other: float) -> Named:
        return self.put("Sub", other, self)

    def __mul__(self, other: Named | float) -> Named:
        return self.put("Mul", self, other)

    def __truediv__(self, other: Named | float) -> Named:
        return self.put("Div", self, other)

    def __neg__(self) -> Named:
        return self.put("Neg", self)


class OnnxOperations(Operations):
    """Nodes of a graph; everything is fp32.

    Args:
        graph: to draw into.
        size: height and width of the picture, or the name of the tensor that holds them.
        crops: whether the values are larger than the picture.
    """

    def __init__(self, graph: OnnxGraph, size: str | tuple[int, int], *, crops: bool) -> None:
        self._graph = graph
        self._crops = crops
        if isinstance(size, str):
            blocks = graph.put("Div", graph.put("Add", size, graph.whole(1, 3)), graph.whole(CELL, 2 * CELL))
            cells: str | tuple[int, int] = graph.put("Mul", blocks, graph.whole(1, 2))
            covered: str | tuple[int, int] = graph.put("Mul", blocks, graph.whole(CELL, 2 * CELL))
        else:
            grid = cell_grid(*size)
            cells, covered = (grid.height, grid.width), (CELL * grid.height, CELL * grid.width)
        self._sizes = {"picture": size, "covered": covered, "cells": cells}
        self._places: dict[Extent, Places] = {}

    def value(self, name: str) -> Named:
        """A value of the graph."""
        return Named(self._graph, name)

    def channels(self, x: Named, first: int, end: int) -> Named:
        return Named(self._graph, self._graph.channels(x.name, first, end))

    def concat(self, *values: Named) -> Named:
        return Named(self._graph, self._graph.concat([value.name for value in values]))

    def unary(self, kind: str, x: Named) -> Named:
        return x.put(NAMES[kind], x)

    def smaller(self, a: Named, b: Named | float) -> Named:
        return a.put("Min", a, b)

    def larger(self, a: Named, b: Named | float) -> Named:
        return a.put("Max", a, b)

    def at_most(self, a: Named, b: Named | float) -> Named:
        return Named(self._graph, self._graph.cast(a.put("LessOrEqual", a, b).name, np.float32))

    def padded(self, x: Named, before: int, after: int) -> Named:
        sides = self._graph.whole(0, 0, before, before, 0, 0, after, after)
        return Named(self._graph, self._graph.put("Pad", x.name, sides, mode="edge"))

    def trimmed(self, x: Named, left: int, right: int, top: int, bottom: int) -> Named:
        ends = [-cut or np.iinfo(np.int64).max for cut in (bottom, right)]
        axes = self._graph.whole(HEIGHT, WIDTH)
        return Named(
            self._graph, self._graph.put("Slice", x.name, self._graph.whole(top, left), self._graph.whole(*ends), axes)
        )

    def mean(self, x: Named, side: int) -> Named:
        return Named(self._graph, self._graph.put("AveragePool", x.name, kernel_shape=[side, side], strides=[1, 1]))

    def resized(self, x: Named, factor: float) -> Named:
        return Named(self._graph, self._graph.resize(x.name, factor, ""))

    def picture(self, x: Named) -> Named:
        return self._cropped(x, "picture")

    def covered(self, x: Named) -> Named:
        return self._cropped(x, "covered")

    def cells(self, x: Named) -> Named:
        return self._cropped(x, "cells")

    def places(self, of: Extent) -> Places:
        if of not in self._places:
            size = self._sizes[of]
            (rows, last_row), (columns, last_column) = (self._numbers(size, axis) for axis in range(2))
            self._places[of] = Places(columns, rows, last_column, last_row)
        return self._places[of]

    def sample(self, x: Named, across: Named, down: Named) -> Named:
        *_, last_column, last_row = self.places("covered")
        grid = self.concat(across / last_column * 2 - 1, down / last_row * 2 - 1)
        turned = self._graph.put("Transpose", grid.name, perm=[0, 2, 3, 1])
        return Named(self._graph, self._graph.grid_sample(x.name, turned))

    def look_up(self, x: Named, rows: Sequence[Named], columns: Sequence[Named]) -> list[list[Named]]:
        graph = self._graph
        width = graph.cast((self.places("picture").last_column + 1).name, np.int32)
        flat = graph.put("Reshape", x.name, graph.whole(1, 3, -1))
        starts = [graph.put("Mul", self._index(row), width) for row in rows]
        lefts = [self._index(column) for column in columns]
        return [
            [Named(graph, graph.put("Gather", flat, graph.put("Add", start, left), axis=2)) for left in lefts]
            for start in starts
        ]

    def _index(self, at: Named) -> str:
        return self._graph.put("Squeeze", self._graph.cast(at.name, np.int32), self._graph.whole(0, 1))

    def _numbers(self, size: str | tuple[int, int], axis: int) -> tuple[Named, Named]:
        """Numbers of the rows (axis 0) or of the columns, and the last."""
        graph, form = self._graph, ((1, 1, -1, 1), (1, 1, 1, -1))[axis]
        if not isinstance(size, str):
            numbers = np.arange(size[axis], dtype=np.float32)
            return Named(graph, graph.constant(numbers.reshape(form))), Named(graph, graph.number(size[axis] - 1))
        first, step, index = (graph.constant(np.array(value, np.int64)) for value in (0, 1, axis))
        end = graph.put("Gather", size, index, axis=0)
        whole = graph.put("Reshape", graph.put("Range", first, end, step), graph.whole(*form))
        last = graph.cast(graph.put("Sub", end, step), np.float32)
        return Named(graph, graph.cast(whole, np.float32)), Named(graph, last)

    def _cropped(self, x: Named, of: Extent) -> Named:
        if not self._crops:
            return x
        size = self._sizes[of]
        return Named(
            self._graph, self._graph.cropped(x.name, size if isinstance(size, str) else self._graph.whole(*size))
        )
