"""Black bars: borders of one value around the picture of two frames, and what is to be made without them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vsrife.engine.task import RenderMode
from vsrife.networks import SMALLEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from vsrife.engine.picture import HostFrame, PictureFormat
    from vsrife.engine.task import Task

    Plane = NDArray[Any]
    Pair = tuple[Plane, Plane]
    """The same plane of two frames."""

__all__ = ["Box", "find_box"]

TOLERANCE = 2.5
"""Codes of 8 bits by which a bar's values differ at most: up to two, as those of compressed bars do."""
CHUNK = 32
"""Rows that are looked at together: little is read beyond a bar."""
EDGE = 4
"""Rows within which the picture begins: those next to a bar may be blurred by a resize, or by a codec."""
STRAIGHT = 0.5
"""Share of a row that differs from the bar where the picture begins, as no thing before a black background has it."""


@dataclass(frozen=True)
class Box:
    """The picture within its frame: rows `top` to `bottom` and columns `left` to `right` of a frame, ends excluded.

    Args:
        height: rows of the frame.
        width: columns of the frame.
    """

    top: int
    bottom: int
    left: int
    right: int
    height: int
    width: int

    def form(self, form: PictureFormat) -> PictureFormat:
        """The format of the picture in frames of a format of any size, whole samples of all its planes."""
        box = self._fitted(form)
        return replace(form, width=box.right - box.left, height=box.bottom - box.top)

    def crop(self, planes: Sequence[Plane], form: PictureFormat) -> list[Plane]:
        """Views of the picture in planes of a format of any size."""
        return [plane[inside] for plane, inside in zip(planes, self._insides(form), strict=True)]

    def crop_frame(self, frame: HostFrame, form: PictureFormat) -> HostFrame:
        """The picture in a frame of a format of any size."""
        return replace(frame, planes=self.crop(frame.planes, form))

    def crop_task(self, task: Task, form: PictureFormat) -> Task:
        """A task whose output is the picture; `form` is the clip's format."""
        inside = self._inside(0, 0)
        return replace(
            task,
            left=self.crop_frame(task.left, form),
            right=self.crop_frame(task.right, form),
            timestep=task.timestep
            if task.timestep.map is None
            else replace(task.timestep, map=task.timestep.map[inside]),
            form=self.form(task.form),
            companions=task.companions
            and (self.crop_frame(task.companions[0], task.form), self.crop_frame(task.companions[1], task.form)),
            protect=None if task.protect is None else task.protect[inside],
            paces=tuple(self.crop_task(pace, form) for pace in task.paces),
            run=tuple(self.crop_frame(frame, form) for frame in task.run),
        )

    def write_bars(self, task: Task, target: Sequence[Plane]) -> None:
        """Fill an output around the picture: of the clip a source frame's bars, of a companion a crossfade."""
        first, last = task.companions or (task.left, task.right)
        time = float(task.mode is RenderMode.RIGHT)
        if task.companions and task.mode not in (RenderMode.LEFT, RenderMode.RIGHT):
            time = task.timestep.value
        planes = zip(first.planes, last.planes, target, self._insides(task.form), strict=True)
        for left, right, out, inside in planes:
            for part in _around(inside):
                if time in (0, 1):
                    out[part] = right[part] if time else left[part]
                else:
                    mixed = (1 - time) * left[part].astype(np.float32) + time * right[part].astype(np.float32)
                    out[part] = mixed if task.form.is_float else np.rint(mixed)

    def write_still(self, motion: Plane) -> None:
        """Fill 5×H×W flow and weight around the picture: no motion, and the left frame."""
        for part in _around(self._inside(0, 0)):
            motion[:4, *part] = 0
            motion[4, *part] = 1

    def crop_motion(self, motion: Plane) -> Plane:
        """A view of the picture in C×H×W maps."""
        return motion[:, *self._inside(0, 0)]

    def _insides(self, form: PictureFormat) -> list[tuple[slice, slice]]:
        box, (down, across) = self._fitted(form), (form.subsampling_h, form.subsampling_w)
        return [box._inside(*((down, across) if plane else (0, 0))) for plane in range(form.planes)]

    def _inside(self, down: int, across: int) -> tuple[slice, slice]:
        """The picture in a plane of so many halvings."""
        return slice(self.top >> down, self.bottom >> down), slice(self.left >> across, self.right >> across)

    def _fitted(self, form: PictureFormat) -> Box:
        """The box in frames of a format of any size, reduced to samples of all planes that hold nothing of the bars."""
        top, bottom = _scaled(self.top, self.bottom, form.height, self.height, 1 << form.subsampling_h)
        left, right = _scaled(self.left, self.right, form.width, self.width, 1 << form.subsampling_w)
        return Box(top, bottom, left, right, form.height, form.width)


def find_box(first: Sequence[Plane], last: Sequence[Plane], form: PictureFormat) -> Box | None:
    """The picture of two frames within bars that both have; None without bars.

    A bar is of the same value in both frames and all its rows (or columns), and ends in both at a straight edge. What
    it holds is the same whatever moves beside it, so that a plain background taken for one does no harm.

    Args:
        first: planes of a frame.
        last: planes of the other.
        form: their format.
    """
    pairs = list(zip(first, last, strict=True))
    across, down = form.subsampling_w, form.subsampling_h
    top, bottom = (_bar([_turned(pair, end) for pair in pairs], down, form) for end in (1, -1))
    inside = Box(top, form.height - bottom, 0, form.width, form.height, form.width)._insides(form)
    columns = [(a[part].T, b[part].T) for (a, b), part in zip(pairs, inside, strict=True)]
    left, right = (_bar([_turned(pair, end) for pair in columns], across, form) for end in (1, -1))
    height, width = form.height - top - bottom, form.width - left - right
    whole = (height, width) == (form.height, form.width)
    if whole or 2 * height < form.height or 2 * width < form.width or min(height, width) < SMALLEST:
        return None
    return Box(top, top + height, left, left + width, form.height, form.width)


def _turned(pair: Pair, step: int) -> Pair:
    return pair[0][::step], pair[1][::step]


def _bar(pairs: Sequence[Pair], shift: int, form: PictureFormat) -> int:
    """Rows of the first plane that a bar at the beginning has; 0 without a bar.

    Args:
        pairs: the planes of two frames.
        shift: log2 of the first plane's rows to one of the others'.
        form: their format.
    """
    tolerance = TOLERANCE * (1 / 255 if form.is_float else 1 << (form.bits - 8))
    rows = form.height + form.width
    for plane, pair in enumerate(pairs):
        rows = min(rows, _flat_rows(pair, tolerance) << (shift if plane else 0))
        if not rows:
            return 0
    rows -= rows % (1 << shift)
    shifts = [shift if plane else 0 for plane in range(len(pairs))]
    for frame in (0, 1):
        near = (pair[frame][: (rows + EDGE) >> down] for pair, down in zip(pairs, shifts, strict=True))
        if not any(_begins(part, rows >> down, tolerance) for part, down in zip(near, shifts, strict=True)):
            return 0
    return rows


def _flat_rows(pair: Pair, tolerance: float) -> int:
    """Rows at the beginning that are of one value in both planes; half of them at most are looked at."""
    if any(np.ptp(plane[0]) > tolerance for plane in pair):
        return 0
    value, half = float(pair[0][0, 0]), (len(pair[0]) + 1) // 2
    for start in range(0, half, CHUNK):
        rows = [_comparable(plane[start : min(start + CHUNK, half)]) for plane in pair]
        low, high = (np.stack([find(part, 1) for part in rows]).astype(np.float32) for find in (np.min, np.max))
        flat = (low.min(0) >= value - tolerance) & (high.max(0) <= value + tolerance)
        if not flat.all():
            return start + int(flat.argmin())
    return half


def _comparable(rows: Plane) -> Plane:
    """Rows that NumPy compares fast: side by side in memory, and not of half precision."""
    return np.ascontiguousarray(rows, np.float32 if rows.dtype == np.float16 else None)


def _begins(plane: Plane, row: int, tolerance: float) -> bool:
    """Whether the picture begins in a row from the given one on."""
    differs = np.abs(plane[row:].astype(np.float32) - np.float32(plane[0, 0])) > tolerance
    return bool((differs.mean(1) >= STRAIGHT).any())


def _around(inside: tuple[slice, slice]) -> Iterator[tuple[slice, slice]]:
    """The four parts of a plane around a part of it."""
    rows, columns = inside
    yield slice(0, rows.start), slice(None)
    yield slice(rows.stop, None), slice(None)
    yield rows, slice(0, columns.start)
    yield rows, slice(columns.stop, None)


def _scaled(start: int, stop: int, to: int, length: int, step: int) -> tuple[int, int]:
    """A range of `length` samples in one of `to`, reduced to whole multiples of `step`, or enlarged where none is left.

    Samples that are partly bar would be dragged into the picture.
    """
    unit = length * step
    first, last = -(-start * to // unit) * step, stop * to // unit * step
    return (first, last) if first < last else (start * to // unit * step, -(-stop * to // unit) * step)
