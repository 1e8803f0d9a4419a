"""The correction of a network's motion by what the two pictures themselves say.

Everything here is evaluated at cells of two pixels a side, which is enough for evidence and a quarter of the work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from vsrife.motion.reference import sample
from vsrife.motion.sample_grid import SampleGrid

if TYPE_CHECKING:
    from vsrife.motion.field import Blend

__all__ = [
    "CELL",
    "CERTAIN",
    "SETTINGS",
    "Settings",
    "cell_flow",
    "cell_grid",
    "find_correction",
    "mean_luma",
    "shift_in_time",
]

CELL = 2
"""Pixels along a cell's side."""
CERTAIN = 1e-6
"""Weights are kept so far from 0 and 1 where they become logits."""
FAR_FROM_MIDDLE = 0.25
"""Distance from the middle of the interval beyond which a network's flow is worth less."""
LUMA = (0.299, 0.587, 0.114)
"""BT.601's weights, for pictures of every matrix: evidence needs no exact luma."""


@dataclass(frozen=True)
class Settings:
    """How evidence decides; docs/quality.md says what other values gave.

    Args:
        small: motion over the interval, in pixels, up to which straight motion wins without evidence; from there to
            twice that it needs more and more.
        medium: motion up to which it wins by evidence, up to which pictures are blended by time, and which is refined;
            from there to twice that all three fade.
        far: the same instead of `medium` for times more than `FAR_FROM_MIDDLE` from the middle, at which networks find
            less of the motion; refinement keeps to `medium`.
        steps: Lucas–Kanade steps.
        regulariser: added to the squared gradients, so that flat areas keep their motion.
        largest_step: the most that a step changes either component of the motion by, in cells.
        noise: ends agree where they differ by less than this plus `contrast` times the local gradient; luma in 0..1.
        contrast: see `noise`.
    """

    small: float = 4.0
    medium: float = 9.0
    far: float = 32.0
    steps: int = 2
    regulariser: float = 5e-5
    largest_step: float = 0.5
    noise: float = 0.005
    contrast: float = 2.0


SETTINGS = Settings()


def cell_grid(height: int, width: int) -> SampleGrid:
    """The cells' centres on a picture of height×width pixels; an even number of columns, as kernels read maps."""
    return SampleGrid(-(-height // CELL), -(-width // (2 * CELL)) * 2, CELL, CELL, 0.5, 0.5)


def mean_luma(rgb: Tensor, grid: SampleGrid) -> Tensor:
    """Luma of every place where a cell can lie, the mean of its pixels: `CELL` times as large as the grid.

    Lookups between these means are the means of lookups between pixels, so that no fraction of a pixel is lost.

    Args:
        rgb: 1×H×W×3 in 0..1, at least as large as the cells together.
        grid: the cells.

    Returns:
        1×1×CELL·h×CELL·w, fp32; value (x, y) lies at (x + ½, y + ½) on the picture.
    """
    height, width = CELL * grid.height, CELL * grid.width
    red, green, blue = rgb[0, :height, :width].unbind(-1)
    luma = red * LUMA[0] + green * LUMA[1] + blue * LUMA[2]
    return avg_pool2d(pad(luma[None, None], (0, CELL - 1, 0, CELL - 1), mode="replicate"), CELL, stride=1)


def cell_flow(motion: Blend, grid: SampleGrid, device: torch.device, *, mask: bool = False) -> Tensor:
    """A motion's flow on a grid, with `mask` its mask logits too: N×4×h×w in picture pixels, or N×5×h×w; finite."""
    flow, weight, _ = motion.blend(*grid.coordinates(device))
    values = torch.cat((flow, weight.logit(CERTAIN)), 1) if mask else flow
    return values.nan_to_num(0, 0, 0)


def shift_in_time(values: Tensor, motion: Tensor, since: float, time: float | Tensor) -> tuple[Tensor, Tensor]:
    """Values at one time, looked up where the content is at another, and the motion at that place.

    Args:
        values: N×C×h×w at cells, at time `since`.
        motion: N×2×h×w (x, y): motion over the whole interval at time `since`, in picture pixels.
        since: time of both.
        time: the wanted time, a number or N×1×h×w.
    """
    current = motion
    for _ in range(2):
        current = _look_up(motion, current * (since - time))
    return _look_up(values, current * (since - time)), current


def find_correction(luma0: Tensor, luma1: Tensor, own: Tensor, straight: Tensor, time: float | Tensor) -> Tensor:
    """The correction of a network's motion between two pictures, as `CorrectedMotion` holds it.

    Straight motion is refined by steps of Lucas and Kanade (IJCAI 1981), which reduce the difference of the two warped
    ends. It replaces the network's flow where it is small, or where both ends agree along it, and nowhere where they
    agree worse, by more than noise, than along the network's flow. Where they agree both pictures show the same, and
    are blended by time; elsewhere, and where one lies beyond an edge, the network's mask says which one shows what the
    other does not.

    Args:
        luma0: 1×1×CELL·h×CELL·w: `mean_luma` of the picture at time 0.
        luma1: the same at time 1.
        own: 1×4×h×w: the network's flow at `time`, in picture pixels (Ft→0 x, y, Ft→1 x, y).
        straight: 1×2×h×w (x, y): motion over the whole interval, of the content at `time`, in picture pixels.
        time: 0..1, a number or 1×1×h×w.

    Returns:
        1×h×w×8, fp32.
    """
    settings = SETTINGS
    first, last = _ends(luma0, luma1, _linear(straight, time))
    before = _mean((last - first).abs(), 2)
    reach = (2 - _length(straight) / settings.medium).clamp(0, 1)
    refined = straight
    for _ in range(settings.steps):
        step = _lucas_kanade((first + last) / 2, last - first, settings.regulariser)
        refined = refined + CELL * step.clamp(-settings.largest_step, settings.largest_step) * reach
        first, last = _ends(luma0, luma1, _linear(refined, time))
    after = _mean((last - first).abs(), 2)
    contrast = _mean(_gradient_size((first + last) / 2), 3)
    motion = torch.where(after <= before, refined, straight)
    error = torch.minimum(after, before)
    first, last = _ends(luma0, luma1, own)
    own_error = _mean((last - first).abs(), 2)

    tolerance = settings.noise + settings.contrast * contrast
    size = _length(motion)
    certain = (2 - size / settings.small).clamp(0, 1)
    far = torch.as_tensor(time, dtype=size.dtype, device=size.device).sub(0.5).abs() > FAR_FROM_MIDDLE
    limit = torch.where(far, settings.far, settings.medium)
    likely = (2 - size / limit).clamp(0, 1) * _agreement(error, tolerance)
    right = (error <= own_error + settings.noise).to(error)
    flow = _linear(motion, time)
    share, by_time = torch.maximum(certain, likely) * right, likely * right * _is_inside(flow, luma0.shape)
    sharpness = _agreement(torch.minimum(error, own_error), tolerance)
    channels = (flow * share, 1 - share, by_time * (1 - time), 1 - by_time, sharpness)
    return torch.cat(channels, 1).permute(0, 2, 3, 1).contiguous()


def _linear(motion: Tensor, time: float | Tensor) -> Tensor:
    """The flow of straight motion over the interval."""
    return torch.cat((motion * -time, motion * (1 - time)), 1)


def _is_inside(flow: Tensor, shape: torch.Size) -> Tensor:
    """1 where a flow leads into both pictures, 0 where one of them does not show what is there."""
    height, width = shape[-2:]
    ys, xs = _places(flow)
    down, across = ys.view(1, -1, 1) + flow[:, 1::2], xs.view(1, 1, -1) + flow[:, 0::2]
    inside = (across >= 0) & (across <= width - 1) & (down >= 0) & (down <= height - 1)
    return inside.all(1, keepdim=True).to(flow)


def _places(flow: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns of `mean_luma` at which cells lie."""
    ys, xs = (torch.arange(size, dtype=torch.float32, device=flow.device) * CELL for size in flow.shape[-2:])
    return ys, xs


def _length(motion: Tensor) -> Tensor:
    """Length of vectors; its gradient is 0 where it is 0."""
    return motion.square().sum(1, keepdim=True).clamp(min=1e-20).sqrt()


def _agreement(error: Tensor, tolerance: Tensor) -> Tensor:
    return torch.exp(-(error / tolerance).square())


def _ends(luma0: Tensor, luma1: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    """Both pictures' luma at the cells, warped by their halves of a flow."""
    ys, xs = _places(flow)
    y, x = ys.view(1, -1, 1), xs.view(1, 1, -1)
    return sample(luma0, y + flow[:, 1], x + flow[:, 0]), sample(luma1, y + flow[:, 3], x + flow[:, 2])


def _look_up(x: Tensor, flow: Tensor) -> Tensor:
    """Values at cells, looked up at the cells that a flow in picture pixels points to."""
    height, width = x.shape[-2:]
    ys, xs = SampleGrid(height, width).coordinates(x.device)
    return sample(x, ys.view(1, -1, 1) + flow[:, 1] / CELL, xs.view(1, 1, -1) + flow[:, 0] / CELL)


def _lucas_kanade(mean: Tensor, difference: Tensor, regulariser: float) -> Tensor:
    """What straight motion must change by for the ends to differ less, in cells: least squares in a 5×5 window."""
    across, down = _gradients(mean)
    products = torch.cat((across * across, across * down, down * down, across * difference, down * difference), 1)
    window = avg_pool2d(avg_pool2d(pad(products, (2, 2, 2, 2), mode="replicate"), 3, 1), 3, 1)
    xx, xy, yy, xe, ye = window.unbind(1)
    xx, yy = xx + regulariser, yy + regulariser
    return torch.stack((xy * ye - yy * xe, xy * xe - xx * ye), 1) / (xx * yy - xy * xy)[:, None]


def _mean(x: Tensor, radius: int) -> Tensor:
    """The mean of the cells around each, those beyond the edge being the last ones again."""
    return avg_pool2d(pad(x, (radius,) * 4, mode="replicate"), 2 * radius + 1, stride=1)


def _gradients(x: Tensor) -> tuple[Tensor, Tensor]:
    """Central differences across and down."""
    wide = pad(x, (1, 1, 1, 1), mode="replicate")
    return (wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2]) / 2, (wide[..., 2:, 1:-1] - wide[..., :-2, 1:-1]) / 2


def _gradient_size(x: Tensor) -> Tensor:
    across, down = _gradients(x)
    return (across.abs() + down.abs()) / 2
