"""The primitives by the kernels in C, for CPUs: the packed form of `vsrife.motion.reference`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vsrife.motion import evidence
from vsrife.motion.kernels import correction_of, packed_maps, plain_motion, reports_failure
from vsrife.motion.library import (
    MAX_MAPS,
    TYPES,
    BlockInput,
    CellFlow,
    Correction,
    Encode,
    Map,
    Maps,
    MeanLuma,
    ToRgb,
    WarpAndBlend,
    WarpedPlane,
    kernel_library,
)
from vsrife.motion.pool import Pool
from vsrife.motion.reference import OVERSHOOT
from vsrife.motion.sample_grid import SampleGrid

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Sequence

    from vsrife.motion.field import CorrectedMotion, Motion, PackedMap
    from vsrife.motion.packing import Packing

__all__ = ["CpuBlockInput", "CpuKernels", "with_slack"]

SLACK = 4
"""Samples behind a plane that the kernels may read."""


class CpuKernels:
    """The kernels of the native library; see `vsrife.motion.kernels.Kernels`."""

    name = "kernels in C"
    max_maps = MAX_MAPS
    plane_types: tuple[torch.dtype, ...] = (torch.float32, torch.uint8, torch.uint16)
    smallest_plane = 2
    precisions: tuple[torch.dtype, ...] = (torch.float32, torch.bfloat16)

    def __init__(self) -> None:
        self.device = torch.device("cpu")
        library = kernel_library()
        self.description = f"in C, for {library.variant}" if library else ""
        self._pool = Pool()

    def empty(self, *shape: int) -> Tensor:
        return self._pool.empty(*shape)

    def release(self) -> None:
        self._pool.clear()

    @reports_failure
    def to_rgb(
        self, planes: Sequence[Tensor], matrix: Sequence[Sequence[float]], chroma: SampleGrid | None, align: int
    ) -> Tensor:
        planes = [plane.contiguous() for plane in planes]
        height, width = planes[0].shape
        out = self.empty(1, height + -height % align, width + -width % align, 3)
        chroma = chroma or SampleGrid(height, width)
        job = ToRgb(
            planes=len(planes),
            type=TYPES[planes[0].dtype],
            height=height,
            width=width,
            chroma_height=chroma.height,
            chroma_width=chroma.width,
            step_y=chroma.step_y,
            step_x=chroma.step_x,
            offset_y=chroma.offset_y,
            offset_x=chroma.offset_x,
            out_height=out.shape[1],
            out_width=out.shape[2],
            out=out.data_ptr(),
        )
        for k, plane in enumerate(planes):
            job.plane[k] = plane.data_ptr()
        for row, values in enumerate(matrix):
            for column, value in enumerate(values):
                job.matrix[row][column] = value
        _run("to_rgb", job)
        return out

    @reports_failure
    def encode(self, rgb: Tensor, features: Tensor | None, packing: Packing) -> Tensor:
        count, height, width, _ = rgb.shape
        rgb = rgb.contiguous()
        if features is not None:
            features = features.permute(0, 2, 3, 1).contiguous()
        out = self.empty(count, height, width, packing.encoded_channels)
        for n in range(count):
            job = Encode(
                picture=rgb[n].data_ptr(),
                features=None if features is None else features[n].data_ptr(),
                type=TYPES[torch.float32 if features is None else features.dtype],
                height=height,
                width=width,
                count=packing.features,
                channels=packing.encoded_channels,
                out=out[n].data_ptr(),
            )
            _run("encode", job)
        return out

    @reports_failure
    def block_input(
        self, encoded0: Tensor, encoded1: Tensor, motion: Motion, timestep: Tensor, *, scale: float, packing: Packing
    ) -> CpuBlockInput:
        return CpuBlockInput(encoded0, encoded1, motion, timestep, scale, packing)

    @reports_failure
    def warp_and_blend(
        self, first: Sequence[Tensor], last: Sequence[Tensor], motion: Motion | CorrectedMotion, grid: SampleGrid
    ) -> list[Tensor]:
        out = [torch.empty(grid.height, grid.width) for _ in first]
        self.warp_and_blend_into([p.float() for p in first], [p.float() for p in last], motion, grid, out, 0)
        return out

    @reports_failure
    def warp_and_blend_into(
        self,
        first: Sequence[Tensor],
        last: Sequence[Tensor],
        motion: Motion | CorrectedMotion,
        grid: SampleGrid,
        targets: Sequence[Tensor],
        peak: float,
    ) -> None:
        planes = [(_readable(a), _readable(b)) for a, b in zip(first, last, strict=True)]
        job = WarpAndBlend(
            maps=_maps(motion, 0),
            **vars(grid),
            type=TYPES[planes[0][0].dtype],
            peak=peak,
            planes=len(planes),
            overshoot=OVERSHOOT,
        )
        correction = correction_of(motion)
        if correction is not None:
            job.correction = _map(correction, 0)
        for k, ((a, b), target) in enumerate(zip(planes, targets, strict=True)):
            stride = target.stride(0) * target.element_size()
            job.plane[k] = WarpedPlane(a.data_ptr(), b.data_ptr(), target.data_ptr(), stride)
        _run("warp_and_blend", job)

    @reports_failure
    def mean_luma(self, rgb: Tensor, grid: SampleGrid) -> Tensor:
        rgb = rgb.contiguous()
        height, width = evidence.CELL * grid.height, evidence.CELL * grid.width
        assert rgb.shape[1] >= height, "the kernel reads a row for each row of the cells' pixels"
        assert rgb.shape[2] >= width, "the kernel reads a pixel for each of the cells'"
        out = self.empty(1, 1, height, width)
        job = MeanLuma(rgb=rgb.data_ptr(), height=height, width=width, stride=rgb.shape[2], out=out.data_ptr())
        job.weights[:] = evidence.LUMA
        _run("mean_luma", job)
        return out

    @reports_failure
    def cell_flow(self, motion: Motion, grid: SampleGrid, *, mask: bool = False) -> Tensor:
        out = self.empty(1, 5 if mask else 4, grid.height, grid.width)
        job = CellFlow(
            maps=_maps(motion, 0),
            **vars(grid),
            has_mask=mask,
            out=out.data_ptr(),
        )
        _run("cell_flow", job)
        return out

    @reports_failure
    def find_correction(
        self, luma0: Tensor, luma1: Tensor, own: Tensor, straight: Tensor, time: float | Tensor
    ) -> Tensor:
        inputs = [x.contiguous() for x in (luma0, luma1, own, straight)]
        times = time.contiguous() if isinstance(time, Tensor) else None
        height, width = own.shape[-2:]
        assert evidence.SETTINGS.steps > 0, "the kernel refines straight motion at least once"
        out = self.empty(1, height, width, 8)
        job = Correction(
            height=height,
            width=width,
            time=0 if isinstance(time, Tensor) else time,
            times=None if times is None else times.data_ptr(),
            out=out.data_ptr(),
            far_from_middle=evidence.FAR_FROM_MIDDLE,
            **vars(evidence.SETTINGS),
        )
        job.luma0, job.luma1, job.own, job.straight = (x.data_ptr() for x in inputs)
        _run("correction", job)
        return out


class CpuBlockInput:
    """The input of one block; `CpuKernels.block_input` says what the arguments are."""

    name = CpuKernels.name

    def __init__(
        self, encoded0: Tensor, encoded1: Tensor, motion: Motion, timestep: Tensor, scale: float, packing: Packing
    ) -> None:
        count, height, width, _ = encoded0.shape
        times = timestep.float().contiguous()
        self._tensors = (encoded0, encoded1, motion, times)  # the jobs have their addresses
        self._jobs = []
        for n in range(count):
            job = BlockInput(
                encoded0=encoded0[n].data_ptr(),
                encoded1=encoded1[n].data_ptr(),
                maps=_maps(motion, n),
                height=height,
                width=width,
                encoded_channels=packing.encoded_channels,
                map_channels=packing.map_channels,
                scale=scale,
                full_height=int(height / scale),
                out_width=int(width / scale),
            )
            own = times[n % times.shape[0]]
            if own.numel() == 1:
                job.time = float(own)
            else:
                job.times = own.data_ptr()
            self._jobs.append(job)

    @reports_failure
    def fill(self, first_row: int, out: Tensor) -> None:
        for n, job in enumerate(self._jobs):
            job.first_row = first_row
            job.out_height = out.shape[1]
            job.type = TYPES[out.dtype]
            job.out = out.data_ptr() + n * out.stride(0) * out.element_size()
            _run("block_input", job)


def with_slack(height: int, width: int, dtype: torch.dtype) -> Tensor:
    """A new plane behind whose last sample the kernels may read."""
    return torch.empty(height * width + SLACK, dtype=dtype)[:-SLACK].view(height, width)


def _run(name: str, job: ctypes.Structure) -> None:
    library = kernel_library()
    assert library is not None
    library.run(name, job)


def _readable(plane: Tensor) -> Tensor:
    """A plane without gaps and with slack behind it: itself where it has both."""
    end = (plane.storage_offset() + plane.numel()) * plane.element_size()
    if plane.is_contiguous() and plane.untyped_storage().nbytes() >= end + SLACK:
        return plane
    height, width = plane.shape
    return with_slack(height, width, plane.dtype).copy_(plane)


def _maps(motion: Motion | CorrectedMotion, n: int) -> Maps:
    """The maps of one pair of a batch."""
    plain = plain_motion(motion)
    blocks = packed_maps(plain)
    assert len(blocks) == len(plain.maps) <= MAX_MAPS
    maps = Maps(count=len(blocks), accumulates_mask=plain.accumulates_mask)
    for k, block in enumerate(blocks):
        maps.map[k] = _map(block, n)
    return maps


def _map(block: PackedMap, n: int) -> Map:
    assert block.height > 1, "the kernels read maps between two rows"
    assert block.width % 2 == 0, "the kernels read maps in pairs of columns"
    stored = block.stored
    return Map(
        data=stored[n].data_ptr(),
        type=TYPES[stored.dtype],
        height=block.height,
        width=block.width,
        channels=stored.shape[-1],
        shuffled=stored.dim() == 6,
        scale=block.scale,
    )
