"""Whether a device computes what it should: known frames by its kernels and by PyTorch's operations in fp32, or by an
Intel or Apple GPU and by the CPU."""

from __future__ import annotations

import math
import os
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from vsrife.engine.frame_maker import FrameMaker
from vsrife.engine.picture import Colour, HostFrame, PictureFormat
from vsrife.engine.task import PICTURES, Options, Task, Timestep
from vsrife.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from vsrife.engine.engine import Engine

__all__ = ["LEAST_OF_FILM", "POISON", "every_nth", "find_fault", "psnr", "texture"]

VARIABLE = "VSRIFE_CHECK"
LEAST_OF_FILM = 40.0
"""The least PSNR of a frame of film to the one in fp32: where nothing matches, half precision decides otherwise."""

FORM = PictureFormat("yuv", 8, False, 1, 1, 250, 134)
"""A format whose sides the network's alignment does not divide."""
CASES = [("sharp", 0, 0.5), ("sharp", 1, 0.25), ("published", 0, 0.25), ("published", 1, 0.5)]
"""Picture step, left frame and time; the published one shows the network's motion as it is."""
STEP = 12, 5
"""Pixels across and down by which the picture moves a frame, farther than evidence alone finds."""
POISON = 170
"""Value that outputs are filled with beforehand, so that samples nobody writes are noticed."""
LEAST = 50.0
"""The least PSNR to the frames in fp32, in dB: the networks here have 71 in fp16 and 67 in bf16, on a CPU."""
LARGEST = 8
"""The most that a sample may differ by, in levels; 1 there."""


def find_fault(engine: Engine, execute: Callable[[FrameMaker, Callable[[FrameMaker], object]], object]) -> str:
    """How the frames of an engine differ from those of its `reference`, in one line; empty where they agree.

    Frames between two pairs of pictures are interpolated, so that memory is used again, with either picture step.

    Args:
        engine: the network on a device.
        execute: runs an operation of a maker to its end.
    """
    frames = [HostFrame(number, texture(FORM, number, STEP), Colour()) for number in range(3)]
    made = []
    for each in (engine, engine.reference()):
        makers = {picture: FrameMaker(each, FORM, Options(picture=picture)) for picture in PICTURES}
        for picture, left, time in CASES:
            task = Task(frames[left], frames[left + 1], Timestep(time if engine.any_time else 0.5), FORM)
            target = [np.full(FORM.shape(plane), POISON, np.uint8) for plane in range(FORM.planes)]
            execute(makers[picture], partial(FrameMaker.render, task=task, target=target))
            made.append(target)
    half = len(made) // 2
    pairs = list(zip(chain(*made[:half]), chain(*made[half:]), strict=True))
    likeness = min(psnr([got], [expected], 255) for got, expected in pairs)
    largest = max(int(np.abs(got.astype(np.int64) - expected).max()) for got, expected in pairs)
    if likeness >= LEAST and largest <= LARGEST:
        return ""
    return f"{likeness:.1f} dB from those in fp32, and up to {largest} levels"


def every_nth() -> int:
    """Every how many frames one is compared with the frame in fp32, by `VSRIFE_CHECK`; 0 for none.

    Raises:
        RifeError: the variable is not a whole number.
    """
    text = os.environ.get(VARIABLE, "") or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise ArgumentError(VARIABLE, text, "a whole number of frames")
    return int(text)


def psnr(got: Sequence[NDArray[np.generic]], expected: Sequence[NDArray[np.generic]], peak: float) -> float:
    """PSNR of all planes together in dB, infinite where they are equal; -∞ where one alone has a NaN or an infinity."""
    pairs = list(zip(got, expected, strict=True))
    total = sum(_squared_error(a.astype(np.float64), b.astype(np.float64)) for a, b in pairs)
    if total == 0:
        return math.inf
    return 10 * math.log10(peak**2 * sum(a.size for a, _ in pairs) / total) if math.isfinite(total) else -math.inf


def texture(form: PictureFormat, number: int, step: tuple[int, int]) -> list[NDArray[np.generic]]:
    """Planes of a smooth picture that moves by a step, in pixels across and down, a frame."""
    planes: list[NDArray[np.generic]] = []
    for plane in range(form.planes):
        rows, columns = form.shape(plane)
        y, x = np.mgrid[:rows, :columns]
        x, y = x * (form.width / columns) - step[0] * number, y * (form.height / rows) - step[1] * number
        waves = np.sin(0.11 * x + 0.05 * y) + np.sin(0.031 * x - 0.17 * y + plane) + np.sin(0.23 * x + 0.19 * y)
        level = 0.5 + 0.12 * waves
        planes.append((level if form.is_float else level * ((1 << form.bits) - 1)).astype(form.dtype))
    return planes


def _squared_error(got: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    """The sum over all samples; those that are equal, infinite ones included, or both NaN have none."""
    alike = (got == expected) | (np.isnan(got) & np.isnan(expected))
    return float(np.sum(np.subtract(got, expected, out=np.zeros_like(got), where=~alike) ** 2))
