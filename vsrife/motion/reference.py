"""`block_input` and `warp_and_blend` in plain PyTorch, for every device: the definition of right."""

from __future__ import annotations

from functools import lru_cache, reduce
from itertools import chain
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample

from vsrife.motion.field import resample

if TYPE_CHECKING:
    from vsrife.motion.field import Blend, Motion
    from vsrife.motion.sample_grid import SampleGrid

__all__ = ["OVERSHOOT", "block_input", "sample", "sharp_sample", "warp_and_blend"]

ALL = slice(None)
OVERSHOOT = -0.2
"""How much the sharp kernel overshoots more than Keys' cubic one."""


def sample(x: Tensor, ys: Tensor, xs: Tensor) -> Tensor:
    """Bilinear lookup at arbitrary coordinates.

    Args:
        x: N×C×H×W, fp32.
        ys: N×h×w vertical coordinates in pixels of `x`, the first centre being 0 (`align_corners=True`).
        xs: N×h×w horizontal coordinates.

    Coordinates are clamped to the picture first, so that the device needs no border padding.
    """
    height, width = x.shape[-2:]
    grid_x = xs.clamp(0, width - 1) * (2 / max(width - 1, 1)) - 1
    grid_y = ys.clamp(0, height - 1) * (2 / max(height - 1, 1)) - 1
    return grid_sample(x, torch.stack((grid_x, grid_y), dim=-1), padding_mode="zeros", align_corners=True)


def sharp_sample(x: Tensor, ys: Tensor, xs: Tensor, sharpness: Tensor) -> Tensor:
    """Cubic lookup at arbitrary coordinates, without ringing: exact where a coordinate is a pixel's.

    Along each side four pixels have the weights of Keys' cubic kernel (IEEE Trans. ASSP 29, 1981, with a = -½) plus
    `OVERSHOOT`·f·(1 − f)·(1, −1, −1, 1) at fraction f, which sharpens; they are mixed with those of the bilinear kernel
    where it is to be softer. All these reproduce a linear ramp: nothing is displaced, as it would be by Keys' kernel
    with another a. The result is clamped to the range of the 4×4 pixels that it is made from; where one of those is not
    finite, nor is the result.

    Args:
        x: N×C×H×W, fp32.
        ys: N×h×w vertical coordinates in pixels of `x`, clamped as those of `sample`.
        xs: N×h×w horizontal coordinates.
        sharpness: N×h×w in 0..1: 1 for the sharp kernel, 0 for the bilinear one.
    """
    count, channels, height, width = x.shape
    rows, weights_y = _four(ys, height, sharpness)
    columns, weights_x = _four(xs, width, sharpness)
    flat = x.flatten(2)

    def look_up(row: Tensor, column: Tensor) -> Tensor:
        index = (row * width + column).flatten(1)[:, None].expand(count, channels, -1)
        return flat.gather(2, index).view(count, channels, *ys.shape[-2:])

    values = [[look_up(row, column) for column in columns] for row in rows]
    lines = [_weighted_sum(line, weights_x) for line in values]
    least, most = (reduce(choose, chain(*values)) for choose in (torch.minimum, torch.maximum))
    return torch.minimum(torch.maximum(_weighted_sum(lines, weights_y), least), most)


def _weighted_sum(values: list[Tensor], weights: list[Tensor]) -> Tensor:
    return reduce(torch.add, (value * weight[:, None] for value, weight in zip(values, weights, strict=True)))


def _four(at: Tensor, size: int, sharpness: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Indices and weights of the four pixels along one side that `sharp_sample` reads."""
    at = at.clamp(0, size - 1)
    low = at.floor().clamp(max=max(size - 2, 0))
    f = at - low
    g = 1 - f
    share = sharpness * f * g
    outer, inner, smooth = share * (OVERSHOOT - g / 2), share * (OVERSHOOT - f / 2), share * (f - g)
    first = g - smooth - inner
    second = f + smooth - outer
    index = low.long()
    return [(index + k).clamp(0, size - 1) for k in (-1, 0, 1, 2)], [outer, first, second, inner]


@lru_cache(maxsize=64)
def _taps(size: int, scale: float, device: torch.device) -> tuple[Tensor, Tensor]:
    """The pixels that downscaling `size` pixels by `scale` reads, and their weights: two (size/scale × taps) tensors.

    Bilinear with `align_corners=False`: output k has its centre at (k + ½)·scale − ½ and reads the two pixels beside
    it, at scale 1 the one pixel under it.
    """
    centres = ((torch.arange(int(size / scale), dtype=torch.float32, device=device) + 0.5) * scale - 0.5).clamp_(min=0)
    low = centres.floor()
    weight = centres - low
    if scale == 1:
        return low.unsqueeze(1), torch.ones_like(low).unsqueeze(1)
    return torch.stack((low, (low + 1).clamp_(max=size - 1)), 1), torch.stack((1 - weight, weight), 1)


def _gather(x: Tensor, weights_y: Tensor, weights_x: Tensor, scale: float) -> Tensor:
    """Weighted sums over each output's taps: N×C×(h·taps)×(w·taps) to N×C×h×w."""
    if scale == 1:
        return x
    if scale % 2 == 0:  # every centre lies half-way between two pixels
        return avg_pool2d(x, 2)
    split = x.reshape(*x.shape[:2], *weights_y.shape, *weights_x.shape)
    return torch.einsum("nchiwj,hi,wj->nchw", split, weights_y, weights_x)


def block_input(
    encoded0: Tensor,
    encoded1: Tensor,
    motion: Motion,
    timestep: Tensor,
    *,
    scale: float,
    hidden_channels: int,
    rows: slice = ALL,
) -> Tensor:
    """The input of one block, evaluated only at the pixels that downscaling by its scale reads.

    Equal to warping pictures and features at full size, concatenating and downscaling everything by `scale` (bilinear,
    `align_corners=False`), as the published networks do.

    Args:
        encoded0: N×(3 + features)×H×W, fp32: the picture at time 0 in RGB 0..1 and its head features.
        encoded1: the picture at time 1, in the same form.
        motion: the maps of the earlier blocks; without maps the pictures are not warped.
        timestep: 1×1×1×1 or N×1×1×1 times, or 1×1×H×W or N×1×H×W maps of times, 0..1.
        scale: picture pixels to one input pixel; H and W are multiples of it.
        hidden_channels: channels that the last block passes to this one.
        rows: rows of the input to evaluate.

    Returns:
        Those rows of N×C×H/scale×W/scale, fp32: picture 0, picture 1, features 0, features 1, timestep and, with
        earlier maps, mask, hidden channels, flow in pixels of this block.
    """
    count, height, width = encoded0.shape[0], *encoded0.shape[-2:]
    taps_y, weights_y = (table[rows] for table in _taps(height, scale, encoded0.device))
    taps_x, weights_x = _taps(width, scale, encoded0.device)
    ys, xs = taps_y.flatten(), taps_x.flatten()

    if timestep.shape[-2:] != (1, 1):
        timestep = _gather(resample(timestep, ys, xs), weights_y, weights_x, scale)
    time = timestep.to(encoded0).expand(count, 1, taps_y.shape[0], taps_x.shape[0])

    if not motion.maps:
        warped0, warped1 = (_gather(resample(x, ys, xs), weights_y, weights_x, scale) for x in (encoded0, encoded1))
        return torch.cat((warped0[:, :3], warped1[:, :3], warped0[:, 3:], warped1[:, 3:], time), 1)

    flow, mask, hidden = motion.at(ys, xs)
    y, x = ys.view(1, -1, 1), xs.view(1, 1, -1)
    warped0 = _gather(sample(encoded0, y + flow[:, 1], x + flow[:, 0]), weights_y, weights_x, scale)
    warped1 = _gather(sample(encoded1, y + flow[:, 3], x + flow[:, 2]), weights_y, weights_x, scale)
    state = _gather(torch.cat((mask, hidden[:, :hidden_channels], flow / scale), 1), weights_y, weights_x, scale)
    return torch.cat((warped0[:, :3], warped1[:, :3], warped0[:, 3:], warped1[:, 3:], time, state), 1)


def warp_and_blend(planes0: Tensor, planes1: Tensor, motion: Blend, grid: SampleGrid, rows: slice = ALL) -> Tensor:
    """Planes between two frames, backward-warped and blended in their own values.

    Args:
        planes0: N×P×h×w, fp32: planes of the frame at time 0 that share a sample grid, in any range of values.
        planes1: planes of the frame at time 1.
        motion: motion between the two frames at the wanted time.
        grid: positions of the planes' samples on the picture, at which flow and mask are evaluated.
        rows: rows of the planes to make.

    Returns:
        Those rows of N×P×h×w, fp32: w·warp(planes0, Ft→0) + (1 − w)·warp(planes1, Ft→1), where w is the weight of
        `motion` (paper, equation 2). Bilinear, or `sharp_sample` where the motion has a sharpness; coordinates clamped
        to the plane, neither rounded nor clipped.
    """
    ys, xs = grid.coordinates(planes0.device)
    flow, weight, sharpness = motion.blend(ys[rows], xs)
    y = torch.arange(grid.height, dtype=torch.float32, device=planes0.device)[rows].view(1, -1, 1)
    x = torch.arange(grid.width, dtype=torch.float32, device=planes0.device).view(1, 1, -1)
    ends = []
    for planes, part in ((planes0, flow[:, :2]), (planes1, flow[:, 2:])):
        at = y + part[:, 1] / grid.step_y, x + part[:, 0] / grid.step_x
        ends.append(sample(planes, *at) if sharpness is None else sharp_sample(planes, *at, sharpness[:, 0]))
    return ends[1].lerp_(ends[0], weight)
