"""`vsrife.motion.evidence` by Triton's kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vsrife.motion import launch
from vsrife.motion.evidence import CELL, FAR_FROM_MIDDLE, LUMA, SETTINGS

if TYPE_CHECKING:
    from vsrife.motion.sample_grid import SampleGrid

__all__ = ["find_correction", "mean_luma"]

assert CELL == 2, "the kernels know cells of two pixels"


def mean_luma(rgb: Tensor, grid: SampleGrid) -> Tensor:
    """See `vsrife.motion.evidence.mean_luma`."""
    rgb = rgb.contiguous()
    height, width = CELL * grid.height, CELL * grid.width
    out = torch.empty(1, 1, height, width, device=rgb.device)
    with launch.on_device(out):
        launch.kernels("triton_evidence").mean_luma[(launch.pieces(width), height, 1)](
            out, rgb, height, width, rgb.shape[2], *LUMA, index=launch.index_type(rgb), **launch.LAUNCH
        )
    return out


def find_correction(luma0: Tensor, luma1: Tensor, own: Tensor, straight: Tensor, time: float | Tensor) -> Tensor:
    """See `vsrife.motion.evidence.find_correction`."""
    height, width = own.shape[-2:]
    own, straight, settings = own.contiguous(), straight.contiguous(), SETTINGS
    # tensors of their own, as parts of one may lie where Triton would compile anew
    differences = [torch.empty(height, width, device=own.device) for _ in range(3)]
    means = [torch.empty(height, width, device=own.device) for _ in range(2)]
    own_error = torch.empty(height, width, device=own.device)
    refined = torch.empty_like(straight)
    out = torch.empty(1, height, width, 8, device=own.device)
    has_map = isinstance(time, Tensor)
    times = time.contiguous() if isinstance(time, Tensor) else own  # a pointer that is not read
    size = (height, width, 0.0 if isinstance(time, Tensor) else float(time))
    grid = (launch.pieces(width), height, 1)
    options = {"has_map": has_map, "index": launch.index_type(luma0)} | launch.LAUNCH
    kernels = launch.kernels("triton_evidence")
    with launch.on_device(out):
        kernels.ends[grid](
            means[0], differences[0], own_error, luma0, luma1, own, straight, times, *size, **options
        )  # fmt: skip
        mean, difference, motion = means[0], differences[0], straight
        for step in range(settings.steps):
            following = means[(step + 1) % 2], differences[1 + step % 2]  # the first difference is read at the end
            kernels.refinement[grid](
                refined, *following, mean, difference, motion, straight, luma0, luma1, times, *size,
                settings.medium, settings.regulariser, settings.largest_step, **options,
            )  # fmt: skip
            (mean, difference), motion = following, refined
        kernels.correction[grid](
            out, straight, motion, differences[0], difference, mean, own_error, times, *size,
            settings.small, settings.medium, settings.far, FAR_FROM_MIDDLE, settings.noise, settings.contrast,
            **options,
        )  # fmt: skip
    return out
