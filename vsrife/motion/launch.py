"""Launching Triton's kernels: their modules, the options they share, and the device they run on."""

from __future__ import annotations

import importlib
import os
from contextlib import nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from torch import Tensor

__all__ = ["INTERPRETED", "LAUNCH", "Launch", "index_type", "kernels", "on_device", "pieces", "power"]

LAUNCH = {"block": 64, "num_warps": 4, "enable_fp_fusion": True}
"""Positions of a row that one program makes, its warps, and whether a product and a sum may be fused."""
ALIGNED = 16
"""Bytes whose multiples Triton tells from other addresses."""
NOTHING = nullcontext()
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
"""Whether Triton interprets the kernels, on any device: for tests."""


@cache
def kernels(module: str = "triton_kernels") -> Any:
    """A module of kernels, which needs Triton."""
    return importlib.import_module(f"vsrife.motion.{module}")


def on_device(tensor: Tensor) -> AbstractContextManager[object]:
    """Triton launches on the current device, which need not be the tensor's."""
    if tensor.is_xpu:
        return torch.xpu.device(tensor.device)
    if not tensor.is_cuda or torch.cuda.current_device() == tensor.device.index:
        return NOTHING
    return torch.cuda.device(tensor.device)


class Launch:
    """Launches of a kernel whose arguments are the same, but for tensors of the same types and sizes.

    Triton looks at every argument of a launch, which costs more than the launch itself. What it has found for the first
    one is used for the others, as long as the tensors are aligned like those.

    Args:
        kernel: of Triton's.
        grid: of the launch.
        arguments: all that follow the tensors, in their order.
        options: of the launch.
    """

    def __init__(
        self, kernel: Any, grid: tuple[int, int, int], arguments: tuple[object, ...], **options: object
    ) -> None:
        self._kernel, self._grid, self._arguments, self._options = kernel, grid, arguments, options
        self._again: Any = None

    def __call__(self, *tensors: Tensor) -> None:
        is_aligned = True
        for tensor in tensors:
            if tensor.data_ptr() % ALIGNED:
                is_aligned = False
        if is_aligned and self._again:
            self._again(*tensors, *self._arguments)
            return
        compiled = self._kernel[self._grid](*tensors, *self._arguments, **self._options)
        if compiled and is_aligned and _takes_constants():  # the interpreter compiles nothing
            self._again = compiled[self._grid]


def pieces(width: int) -> int:
    """Programs for a row."""
    return -(-width // LAUNCH["block"])


def power(channels: int) -> int:
    """The next power of two: tiles have no other sizes."""
    return 1 << (channels - 1).bit_length()


def index_type(picture: Tensor | int) -> Any:
    """The integer type that counts the values of one picture, or so many."""
    return _index_types()[(picture if isinstance(picture, int) else picture.numel()) >= 2**31]


@cache
def _takes_constants() -> bool:
    """Whether what Triton compiled is launched with all arguments; before 3.3 it takes those that are no constants."""
    major, minor = importlib.import_module("triton").__version__.split(".")[:2]
    return (int(major), int(minor)) >= (3, 3)


@cache
def _index_types() -> tuple[Any, Any]:
    language = importlib.import_module("triton.language")
    return language.int32, language.int64
