"""The compiled kernels of each device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsrife.motion.cpu import CpuKernels
from vsrife.motion.gpu import INTERPRETED, TritonKernels, why_no_triton
from vsrife.motion.library import why_no_library

if TYPE_CHECKING:
    import torch

    from vsrife.motion.kernels import Kernels

__all__ = ["device_kernels", "why_no_kernels"]


def device_kernels(device: torch.device) -> Kernels | None:
    """New kernels for a device, None where there are none."""
    if why_no_kernels(device):
        return None
    return TritonKernels(device) if _by_triton(device) else CpuKernels()


def why_no_kernels(device: torch.device) -> str:
    """Why a device has no kernels, in one line; empty where it has."""
    if _by_triton(device):
        return why_no_triton(device)
    return why_no_library() if device.type == "cpu" else f"there are no kernels for {device.type} devices"


def _by_triton(device: torch.device) -> bool:
    return device.type == "cuda" or INTERPRETED
