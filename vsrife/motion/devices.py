"""The compiled kernels of each device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from vsrife.motion.cpu import CpuKernels
from vsrife.motion.gpu import TritonKernels, why_no_triton
from vsrife.motion.launch import INTERPRETED
from vsrife.motion.library import why_no_library

if TYPE_CHECKING:
    from vsrife.motion.kernels import Kernels

__all__ = ["device_kernels", "why_no_kernels"]


def device_kernels(device: torch.device, dtype: torch.dtype = torch.float32) -> Kernels | None:
    """New kernels for a device and a dtype of convolutions, None where there are none."""
    if why_no_kernels(device):
        return None
    if not _by_triton(device):
        return CpuKernels()
    return TritonKernels(device, torch.float16 if dtype == torch.float16 else torch.float32)


def why_no_kernels(device: torch.device) -> str:
    """Why a device has no kernels, in one line; empty where it has."""
    if _by_triton(device):
        return why_no_triton(device)
    return why_no_library() if device.type == "cpu" else f"there are no kernels for {device.type} devices"


def _by_triton(device: torch.device) -> bool:
    return device.type in ("cuda", "xpu") or INTERPRETED
