"""`block_input` and `warp_and_blend` in plain PyTorch, for every device: the definition of right."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample

from vsrife.motion.field import resample

if TYPE_CHECKING:
    from vsrife.motion.field import Blend, Motion
    from vsrife.motion.sample_grid import SampleGrid

__all__ = ["block_input", "sample", "warp_and_blend"]

ALL = slice(None)


def sample(x: Tensor, ys: Tensor, xs: Tensor) -> Tensor:
    """Bilinear lookup at free coordinates.

    Args:
        x: N×C×H×W, fp32.
        ys: N×h×w, in pixels of `x`, whose centres count from 0 (`align_corners=True`).
        xs: the same across.

    Coordinates outside are clamped to the picture first, so that it needs no border padding of the device.
    """
    height, width = x.shape[-2:]
    grid_x = xs.clamp(0, width - 1) * (2 / max(width - 1, 1)) - 1
    grid_y = ys.clamp(0, height - 1) * (2 / max(height - 1, 1)) - 1
    return grid_sample(x, torch.stack((grid_x, grid_y), dim=-1), padding_mode="zeros", align_corners=True)


@lru_cache(maxsize=64)
def _taps(size: int, scale: float, device: torch.device) -> tuple[Tensor, Tensor]:
    """The pixels that shrinking `size` pixels by `scale` reads, and their weights: two (size/scale × taps) tensors.

    Bilinear with `align_corners=False`: the centre of output k is (k + ½)·scale − ½, read from the two pixels beside
    it; at scale 1 from the one pixel under it.
    """
    centres = ((torch.arange(int(size / scale), dtype=torch.float32, device=device) + 0.5) * scale - 0.5).clamp_(min=0)
    low = centres.floor()
    weight = centres - low
    if scale == 1:
        return low.unsqueeze(1), torch.ones_like(low).unsqueeze(1)
    return torch.stack((low, (low + 1).clamp_(max=size - 1)), 1), torch.stack((1 - weight, weight), 1)


def _gather(x: Tensor, weights_y: Tensor, weights_x: Tensor, scale: float) -> Tensor:
    """Weighted sum over each output's taps: N×C×(h·taps)×(w·taps) → N×C×h×w."""
    if scale == 1:
        return x
    if scale % 2 == 0:  # every centre lies half-way between two pixels
        return avg_pool2d(x, 2)
    split = x.reshape(*x.shape[:2], *weights_y.shape, *weights_x.shape)
    return torch.einsum("nchiwj,hi,wj->nchw", split, weights_y, weights_x)


def block_input(
    look0: Tensor,
    look1: Tensor,
    motion: Motion,
    timestep: float | Tensor,
    *,
    scale: float,
    hidden_channels: int,
    rows: slice = ALL,
) -> Tensor:
    """The input of one block, evaluated only at the pixels that shrinking by its scale reads.

    Equal to warping pictures and features at full size, concatenating and shrinking everything by `scale`
    (bilinear, `align_corners=False`).

    Args:
        look0: N×(3 + features)×H×W, fp32: the picture at time 0 in RGB 0..1 and its head features.
        look1: the same at time 1.
        motion: the earlier blocks' maps; without any the pictures are taken unwarped.
        timestep: 0..1, an N×1×H×W map of times, or N×1×1×1, a time for each pair of the batch.
        scale: the block's, picture pixels to one input pixel; H and W are multiples of it.
        hidden_channels: channels the last block hands on to this one.
        rows: those of the input that are wanted.

    Returns:
        N×C×H/scale×W/scale, fp32, or those rows of it: picture 0, picture 1, features 0, features 1, timestep and, with
        earlier maps, mask, handed-on channels, flow in pixels of this block.
    """
    height, width = look0.shape[-2:]
    taps_y, weights_y = (of[rows] for of in _taps(height, scale, look0.device))
    taps_x, weights_x = _taps(width, scale, look0.device)
    ys, xs = taps_y.flatten(), taps_x.flatten()

    if isinstance(timestep, Tensor):
        whole = timestep.expand(-1, -1, height, width)
        time = _gather(resample(whole, ys, xs), weights_y, weights_x, scale)
    else:
        time = look0.new_full((look0.shape[0], 1, taps_y.shape[0], taps_x.shape[0]), timestep)

    if not motion.maps:
        seen0, seen1 = (_gather(resample(look, ys, xs), weights_y, weights_x, scale) for look in (look0, look1))
        return torch.cat((seen0[:, :3], seen1[:, :3], seen0[:, 3:], seen1[:, 3:], time), 1)

    flow, mask, extra = motion.at(ys, xs)
    y, x = ys.view(1, -1, 1), xs.view(1, 1, -1)
    seen0 = _gather(sample(look0, y + flow[:, 1], x + flow[:, 0]), weights_y, weights_x, scale)
    seen1 = _gather(sample(look1, y + flow[:, 3], x + flow[:, 2]), weights_y, weights_x, scale)
    known = _gather(torch.cat((mask, extra[:, :hidden_channels], flow / scale), 1), weights_y, weights_x, scale)
    return torch.cat((seen0[:, :3], seen1[:, :3], seen0[:, 3:], seen1[:, 3:], time, known), 1)


def warp_and_blend(planes0: Tensor, planes1: Tensor, motion: Blend, sites: SampleGrid, rows: slice = ALL) -> Tensor:
    """Planes between two frames: warped and blended in their own values.

    Args:
        planes0: N×P×h×w, fp32: planes of the frame at time 0 that share their sites, in any range of values.
        planes1: the same of the frame at time 1.
        motion: between the two frames at the wanted time.
        sites: where the planes' samples lie on the picture; flow and mask are evaluated there.
        rows: those of the planes that are wanted.

    Returns:
        N×P×h×w, fp32, or those rows of it: w·warp(planes0, Ft→0) + (1 − w)·warp(planes1, Ft→1), w being the weight of
        `motion`. Bilinear, coordinates clamped to the plane. Neither rounded nor clipped.
    """
    ys, xs = sites.coordinates(planes0.device)
    flow, weight = motion.blend(ys[rows], xs)
    y = torch.arange(sites.height, dtype=torch.float32, device=planes0.device)[rows].view(1, -1, 1)
    x = torch.arange(sites.width, dtype=torch.float32, device=planes0.device).view(1, 1, -1)
    warped0 = sample(planes0, y + flow[:, 1] / sites.step_y, x + flow[:, 0] / sites.step_x)
    warped1 = sample(planes1, y + flow[:, 3] / sites.step_y, x + flow[:, 2] / sites.step_x)
    return warped1.lerp_(warped0, weight)
