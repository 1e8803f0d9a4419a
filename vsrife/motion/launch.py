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

__all__ = ["INTERPRETED", "LAUNCH", "index_type", "kernels", "on_device", "pieces", "power"]

LAUNCH = {"block": 64, "num_warps": 4, "enable_fp_fusion": True}
"""Positions of a row that one program makes, its warps, and whether a product and a sum may be fused."""
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
    return torch.cuda.device(tensor.device) if tensor.is_cuda else nullcontext()


def pieces(width: int) -> int:
    """Programs for a row."""
    return -(-width // LAUNCH["block"])


def power(channels: int) -> int:
    """The next power of two: tiles have no other sizes."""
    return 1 << (channels - 1).bit_length()


def index_type(tensor: Tensor) -> Any:
    """The integer type that counts the values of one picture."""
    language = importlib.import_module("triton.language")
    return language.int64 if tensor.numel() >= 2**31 else language.int32
