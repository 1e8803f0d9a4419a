"""Planes that ride on a motion: the clip's own, or those of any other clip that shows the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from vsrife.engine.bands import bands
from vsrife.engine.picture import chroma_grid
from vsrife.motion import Motion, SampleGrid, cpu, gpu, warp_and_blend
from vsrife.motion.compiled import by_triton, compiled
from vsrife.motion.field import resample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vsrife.engine.picture import PictureFormat
    from vsrife.motion import Blend

__all__ = ["Layer", "faded", "held", "moved", "moved_into", "store"]


@dataclass(frozen=True)
class Layer:
    """The planes of two frames and where their samples lie on the picture that motion was found in.

    Args:
        form: of the two frames.
        first: planes of the frame at time 0, h×w each, in any values.
        last: the same at time 1.
        chroma_location: H.273 ChromaSampleLocType, only of use where subsampled.
        width: of the picture that motion was found in.
        height: of the same.
    """

    form: PictureFormat
    first: tuple[Tensor, ...]
    last: tuple[Tensor, ...]
    chroma_location: int
    width: int
    height: int

    def groups(self) -> list[tuple[SampleGrid, slice]]:
        """Planes that share their sites, in order."""
        form = self.form
        full = SampleGrid(form.height, form.width)
        if form.subsampled:
            groups = [(full, slice(0, 1)), (chroma_grid(form, self.chroma_location), slice(1, 3))]
        else:
            groups = [(full, slice(0, form.planes))]
        if (form.width, form.height) == (self.width, self.height):
            return groups
        return [(sites.of(form.width, form.height, self.width, self.height), planes) for sites, planes in groups]


def moved(layer: Layer, motion: Blend, band: int = 0) -> list[Tensor]:
    """The layer's planes along a motion, h×w each, fp32.

    Args:
        layer: the planes.
        motion: between its two frames.
        band: rows that are made at a time where the reference makes them; 0 for all.
    """
    made: list[Tensor] = []
    for sites, planes in layer.groups():
        kernels = compiled(layer.first[0].device)
        if kernels and kernels.can_move((*layer.first[planes], *layer.last[planes]), motion):
            assert isinstance(motion, Motion)
            made += kernels.moved_planes(layer.first[planes], layer.last[planes], motion, sites)
            continue
        first, last = _stack(layer.first[planes]), _stack(layer.last[planes])
        out = torch.empty_like(first)
        for rows in bands(sites.height, band, halo=0):
            out[:, :, rows.place()] = warp_and_blend(first, last, motion, sites, rows.place())
        made += out[0]
    return made


def moved_into(layer: Layer, motion: Blend, target: Sequence[NDArray[np.generic]]) -> bool:
    """`moved` and `store` in one, where the compiled kernels know the planes; whether they do."""
    groups, device = layer.groups(), layer.first[0].device
    kernels, triton = compiled(device), by_triton(device)
    if kernels is None:
        return False
    if not all(kernels.can_move((*layer.first[planes], *layer.last[planes]), motion) for _, planes in groups):
        return False
    assert isinstance(motion, Motion)
    peak = 0 if layer.form.is_float else (1 << layer.form.bits) - 1
    made = [torch.empty_like(plane) for plane in layer.first if triton]
    for sites, planes in groups:
        first, last = layer.first[planes], layer.last[planes]
        if triton:
            gpu.move_into(first, last, motion, sites, made[planes], peak)
        else:
            targets = [(array.ctypes.data, array.strides[0]) for array in target[planes]]
            cpu.move_into(first, last, motion, sites, targets, peak)
    for plane, array in zip(made, target, strict=False):
        np.copyto(array, plane.cpu().numpy())
    return True


def faded(layer: Layer, timestep: float | Tensor) -> list[Tensor]:
    """The plain mean of the two frames' planes, weighted by a time or a map of times (1×1×H×W of the picture)."""
    made: list[Tensor] = []
    for sites, planes in layer.groups():
        weight = at_sites(timestep, sites)[0, 0] if isinstance(timestep, Tensor) else timestep
        for first, last in zip(layer.first[planes], layer.last[planes], strict=True):
            made.append(torch.lerp(first.float(), last.float(), weight))
    return made


def held(made: list[Tensor], layer: Layer, keep: Tensor, *, last: bool = False) -> list[Tensor]:
    """The left frame's planes (the right one's with `last`) over what was made, weighted by `keep`.

    Args:
        keep: 1×1×H×W of the picture, 0..1; where it is 1 the values are the frame's own, exactly. A sample of a
            smaller plane takes the largest weight of the pixels that it covers.
    """
    out = []
    source = layer.last if last else layer.first
    for sites, planes in layer.groups():
        weight = at_sites(keep, sites, largest=True)[0, 0]
        for plane, kept in zip(made[planes], source[planes], strict=True):
            mixed = torch.lerp(plane, kept.float(), weight)
            out.append(torch.where(weight >= 1, kept.float(), mixed))
    return out


def at_sites(field: Tensor, sites: SampleGrid, *, largest: bool = False) -> Tensor:
    """A 1×1×H×W map of the picture at the samples of a plane."""
    step_y, step_x = int(sites.step_y), int(sites.step_x)
    if (step_y, step_x) == (1, 1) and tuple(field.shape[-2:]) == (sites.height, sites.width):
        return field
    if largest and (step_y, step_x) == (sites.step_y, sites.step_x):
        pooled = max_pool2d(field, (step_y, step_x))
        if tuple(pooled.shape[-2:]) == (sites.height, sites.width):
            return pooled
    return resample(field, *sites.coordinates(field.device))


def store(planes: Sequence[Tensor], form: PictureFormat, target: Sequence[NDArray[np.generic]]) -> None:
    """Round and clip to the format's integers, or keep every value of its floats, and copy to host memory."""
    for plane, array in zip(planes, target, strict=True):
        if not form.is_float:
            plane = plane.round().clamp_(0, (1 << form.bits) - 1)
        np.copyto(array, plane.cpu().numpy(), casting="unsafe")


def _stack(planes: Sequence[Tensor]) -> Tensor:
    return torch.stack([plane.float() for plane in planes]).unsqueeze(0)
