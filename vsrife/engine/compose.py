"""Output planes from two frames' planes: warped and blended along a motion, crossfaded, composited, written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from vsrife.engine.bands import bands
from vsrife.engine.picture import chroma_grid
from vsrife.engine.transfer import Download, Pending
from vsrife.motion import CorrectedMotion, Motion, SampleGrid, supports, warp_and_blend
from vsrife.motion.field import resample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vsrife.engine.picture import PictureFormat
    from vsrife.motion import Blend, Kernels

__all__ = ["PlanePair", "at_grid", "composite", "crossfade", "warp_blend", "warp_blend_into", "write_planes"]


@dataclass(frozen=True)
class PlanePair:
    """The planes of two frames, and the size of the picture in which their motion was estimated.

    Args:
        form: format of the two frames.
        first: planes of the frame at time 0, h×w each, in any values.
        last: planes of the frame at time 1.
        chroma_location: H.273 ChromaSampleLocType, only of use where subsampled.
        width: columns of the picture.
        height: rows of the picture.
    """

    form: PictureFormat
    first: tuple[Tensor, ...]
    last: tuple[Tensor, ...]
    chroma_location: int
    width: int
    height: int

    def groups(self) -> list[tuple[SampleGrid, slice]]:
        """The planes that share a sample grid, in order: each grid on the picture, and the planes' indices."""
        form = self.form
        full = SampleGrid(form.height, form.width)
        if form.subsampled:
            groups = [(full, slice(0, 1)), (chroma_grid(form, self.chroma_location), slice(1, 3))]
        else:
            groups = [(full, slice(0, form.planes))]
        if (form.width, form.height) == (self.width, self.height):
            return groups
        return [(grid.rescaled(form.width, form.height, self.width, self.height), planes) for grid, planes in groups]


def warp_blend(pair: PlanePair, motion: Blend, kernels: Kernels | None, band: int = 0) -> list[Tensor]:
    """Planes between the two frames of a pair, h×w each, fp32, neither rounded nor clipped.

    Args:
        pair: the planes of the two frames.
        motion: motion between them at the wanted time.
        kernels: kernels of the device, used where they know the planes and the motion.
        band: rows that PyTorch's operations work on at a time; 0 for all.
    """
    out: list[Tensor] = []
    for grid, planes in pair.groups():
        first, last = pair.first[planes], pair.last[planes]
        if kernels and isinstance(motion, (Motion, CorrectedMotion)) and supports(kernels, (*first, *last), motion):
            out += kernels.warp_and_blend(first, last, motion, grid)
            continue
        stacked0, stacked1 = _stack(first), _stack(last)
        blended = torch.empty_like(stacked0)
        for rows in bands(grid.height, band, halo=0):
            blended[:, :, rows.kept_rows()] = warp_and_blend(stacked0, stacked1, motion, grid, rows.kept_rows())
        out += blended[0]
    return out


def warp_blend_into(
    pair: PlanePair,
    motion: Blend,
    kernels: Kernels | None,
    target: Sequence[NDArray[np.generic]],
    beside: Sequence[Tensor] = (),
) -> Pending[list[Tensor]] | None:
    """`warp_blend` and `write_planes` in one, where the kernels know all planes and the motion; else None."""
    groups = pair.groups()
    if kernels is None or not isinstance(motion, (Motion, CorrectedMotion)):
        return None
    if not all(supports(kernels, (*pair.first[planes], *pair.last[planes]), motion) for _, planes in groups):
        return None
    peak = 0 if pair.form.is_float else (1 << pair.form.bits) - 1
    download = None if kernels.device.type == "cpu" else Download(target, kernels.device, beside)
    out = download.planes if download else [torch.from_numpy(array) for array in target]
    for grid, planes in groups:
        kernels.warp_and_blend_into(pair.first[planes], pair.last[planes], motion, grid, out[planes], peak)
    return download.start() if download else Pending(list)


def crossfade(pair: PlanePair, timestep: Tensor) -> list[Tensor]:
    """The mean of the two frames' planes, weighted by a time (1×1×1×1) or a map of times (1×1×H×W of the picture)."""
    out: list[Tensor] = []
    for grid, planes in pair.groups():
        weight = timestep[0, 0] if timestep.numel() == 1 else at_grid(timestep, grid)[0, 0]
        for first, last in zip(pair.first[planes], pair.last[planes], strict=True):
            out.append(torch.lerp(first.float(), last.float(), weight))
    return out


def composite(planes: list[Tensor], pair: PlanePair, weight: Tensor, *, last: bool = False) -> list[Tensor]:
    """The left frame's planes (the right one's with `last`) over other planes.

    Args:
        planes: the planes below, h×w each, fp32.
        pair: the planes of the two frames.
        weight: 1×1×H×W of the picture, 0..1; where it is 1 the values are exactly the frame's own. A sample of a
            smaller plane takes the largest weight of the pixels that it covers.
        last: whether the right frame is laid over.
    """
    out = []
    source = pair.last if last else pair.first
    for grid, group in pair.groups():
        alpha = at_grid(weight, grid, largest=True)[0, 0]
        for plane, above in zip(planes[group], source[group], strict=True):
            mixed = torch.lerp(plane, above.float(), alpha)
            out.append(torch.where(alpha >= 1, above.float(), mixed))
    return out


def at_grid(field: Tensor, grid: SampleGrid, *, largest: bool = False) -> Tensor:
    """A 1×1×H×W map of the picture at the samples of a plane; `largest` takes the maximum of whole cells."""
    step_y, step_x = int(grid.step_y), int(grid.step_x)
    if (step_y, step_x) == (1, 1) and tuple(field.shape[-2:]) == (grid.height, grid.width):
        return field
    if largest and (step_y, step_x) == (grid.step_y, grid.step_x):
        pooled = max_pool2d(field, (step_y, step_x))
        if tuple(pooled.shape[-2:]) == (grid.height, grid.width):
            return pooled
    return resample(field, *grid.coordinates(field.device))


def write_planes(
    planes: Sequence[Tensor], form: PictureFormat, target: Sequence[NDArray[np.generic]], beside: Sequence[Tensor] = ()
) -> Pending[list[Tensor]]:
    """Copy planes to host memory: rounded and clipped to the format's integers, floats with every value.

    What is pending are copies of the tensors `beside` them; none but on a CUDA card.
    """
    if not form.is_float:
        planes = [plane.round().clamp_(0, (1 << form.bits) - 1) for plane in planes]
    if planes[0].device.type == "cuda":
        download = Download(target, planes[0].device, beside)
        for part, plane in zip(download.planes, planes, strict=True):
            part.copy_(plane)
        return download.start()
    copies = [plane.cpu().numpy() for plane in planes]

    def finish() -> list[Tensor]:
        for copy, array in zip(copies, target, strict=True):
            np.copyto(array, copy, casting="unsafe")
        return []

    return Pending(finish)


def _stack(planes: Sequence[Tensor]) -> Tensor:
    return torch.stack([plane.float() for plane in planes]).unsqueeze(0)
