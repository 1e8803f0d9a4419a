"""The primitives by Triton's kernels, for CUDA, ROCm and XPU: the packed form of `vsrife.motion.reference`.

Nothing here waits for the device, so that all of it can be captured in a graph.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vsrife.errors import first_line
from vsrife.motion import gpu_evidence, launch
from vsrife.motion.kernels import correction_of, packed_maps, plain_motion, reports_failure
from vsrife.motion.packing import Packing
from vsrife.motion.reference import OVERSHOOT
from vsrife.motion.sample_grid import SampleGrid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsrife.motion.field import CorrectedMotion, Motion

__all__ = ["TritonBlockInput", "TritonKernels", "why_no_triton"]

MAX_MAPS = 5
MAX_PLANES = 3
"""Planes that one launch writes."""


def why_no_triton(device: torch.device | None = None) -> str:
    """Why the kernels do not run on a device (the current one for None), in one line; empty where they run.

    The first call for a device runs a small kernel there. A device that is short of memory is asked again later.
    """
    on_xpu = device is not None and device.type == "xpu"
    if not (torch.xpu if on_xpu else torch.cuda).is_available() and not launch.INTERPRETED:
        return f"PyTorch {torch.__version__} sees no {'XPU' if on_xpu else 'CUDA or ROCm'} device"
    try:
        version = importlib.import_module("triton").__version__
    except ImportError as error:
        return f"Triton cannot be imported ({first_line(error)})"
    if on_xpu and "intel" not in importlib.import_module("triton.backends").backends:
        return f"this Triton {version} has no code for Intel's GPUs, as that of PyTorch's builds for XPU has"
    try:
        failure = _failure(device or torch.device("cpu" if launch.INTERPRETED else "cuda"))
    except torch.OutOfMemoryError as error:
        failure = f"{type(error).__name__}: {first_line(error)}"
    return f"Triton {version} does not run the kernels ({failure})" if failure else ""


@cache
def _failure(device: torch.device) -> str:
    """Why a kernel fails on a device; empty where it runs.

    It fails on a card too old for Triton, without a C compiler, or with a version of another language.

    Raises:
        torch.OutOfMemoryError: the device is short of memory, which may pass.
    """
    try:
        TritonKernels(device).encode(torch.zeros(1, 2, 2, 3, device=device), None, Packing(0, 0)).cpu()
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        cause = error.__cause__ or error
        if isinstance(cause, torch.OutOfMemoryError):
            raise cause from None
        return f"{type(cause).__name__}: {first_line(cause)}"
    return ""


class TritonKernels:
    """Triton's kernels on one device; see `vsrife.motion.kernels.Kernels`.

    Args:
        device: where they run.
        encoded_dtype: dtype of encoded pictures: fp32 or fp16.
    """

    name = "Triton's kernels"
    description = "Triton's"
    max_maps = MAX_MAPS
    plane_types: tuple[torch.dtype, ...] = (torch.float32, torch.float16, torch.uint8, torch.uint16)
    smallest_plane = 1
    precisions: tuple[torch.dtype, ...] = (torch.float32, torch.float16, torch.bfloat16)

    def __init__(self, device: torch.device, encoded_dtype: torch.dtype = torch.float32) -> None:
        self.device = device
        self._encoded_dtype = encoded_dtype

    def empty(self, *shape: int) -> Tensor:
        return torch.empty(shape, device=self.device)

    def release(self) -> None:
        """Nothing is kept."""

    @reports_failure
    def to_rgb(
        self, planes: Sequence[Tensor], matrix: Sequence[Sequence[float]], chroma: SampleGrid | None, align: int
    ) -> Tensor:
        planes = [plane.contiguous() for plane in planes]
        height, width = planes[0].shape
        rows, columns = height + -height % align, width + -width % align
        out = self.empty(1, rows, columns, 3)
        chroma = chroma or SampleGrid(height, width)
        with launch.on_device(out):
            launch.kernels().to_rgb[(launch.pieces(columns), rows, 1)](
                out,
                planes[0],
                planes[-2 % len(planes)],
                planes[-1],
                height,
                width,
                chroma.height,
                chroma.width,
                float(chroma.step_y),
                float(chroma.step_x),
                float(chroma.offset_y),
                float(chroma.offset_x),
                *(float(value) for row in matrix for value in row),
                columns,
                planes=len(planes),
                index=launch.index_type(out),
                **launch.LAUNCH | {"num_warps": 2},  # one thread for each position
            )
        return out

    @reports_failure
    def encode(self, rgb: Tensor, features: Tensor | None, packing: Packing) -> Tensor:
        count, height, width, _ = rgb.shape
        rgb = rgb.contiguous()
        features = rgb if features is None else features.permute(0, 2, 3, 1).contiguous()
        out = torch.empty(count, height, width, packing.encoded_channels, dtype=self._encoded_dtype, device=rgb.device)
        with launch.on_device(out):
            launch.kernels().encode[(launch.pieces(width), height, count)](
                out,
                rgb,
                features,
                height,
                width,
                count=packing.features,
                channels=packing.encoded_channels,
                padded=launch.power(packing.encoded_channels),
                index=launch.index_type(out[0]),
                **launch.LAUNCH,
            )
        return out

    @reports_failure
    def block_input(
        self, encoded0: Tensor, encoded1: Tensor, motion: Motion, timestep: Tensor, *, scale: float, packing: Packing
    ) -> TritonBlockInput:
        return TritonBlockInput(encoded0, encoded1, motion, timestep, scale, packing)

    @reports_failure
    def warp_and_blend(
        self, first: Sequence[Tensor], last: Sequence[Tensor], motion: Motion | CorrectedMotion, grid: SampleGrid
    ) -> list[Tensor]:
        out = [self.empty(grid.height, grid.width) for _ in first]
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
        planes = [
            (a.contiguous(), b.contiguous(), target, target.stride(0))
            for a, b, target in zip(first, last, targets, strict=True)
        ]
        for a, b, target, _ in planes:
            if not a.shape == b.shape == target.shape == (grid.height, grid.width):
                raise ValueError(f"planes must be {grid.height}x{grid.width}, got {tuple(a.shape)}")
            if not a.dtype == b.dtype == target.dtype:
                raise ValueError(f"a target must be {a.dtype} as its planes are, got {target.dtype}")
            if target.stride(1) != 1 and target.shape[1] > 1:
                raise ValueError("the columns of a target must have no gaps")
        for start in range(0, len(planes), MAX_PLANES):
            _warp(planes[start : start + MAX_PLANES], motion, grid, peak)

    @reports_failure
    def mean_luma(self, rgb: Tensor, grid: SampleGrid) -> Tensor:
        return gpu_evidence.mean_luma(rgb, grid)

    @reports_failure
    def cell_flow(self, motion: Motion, grid: SampleGrid, *, mask: bool = False) -> Tensor:
        out = self.empty(1, 5 if mask else 4, grid.height, grid.width)
        channels = [block.stored.shape[-1] for block in packed_maps(motion)]
        with launch.on_device(out):
            launch.kernels().cell_flow[(launch.pieces(grid.width), grid.height, 1)](
                out,
                *_map_arguments(motion, out),
                *_grid_arguments(grid),
                maps=len(motion.maps),
                channels=channels[0],
                last_channels=channels[-1],
                shuffled=_shuffled(motion),
                accumulates=motion.accumulates_mask,
                has_mask=mask,
                index=launch.index_type(out),
                **launch.LAUNCH,
            )
        return out

    @reports_failure
    def find_correction(
        self, luma0: Tensor, luma1: Tensor, own: Tensor, straight: Tensor, time: float | Tensor
    ) -> Tensor:
        return gpu_evidence.find_correction(luma0, luma1, own, straight, time)


class TritonBlockInput:
    """The input of one block; `TritonKernels.block_input` says what the arguments are.

    A captured graph reads the timestep's values anew at each replay.
    """

    name = TritonKernels.name

    def __init__(
        self, encoded0: Tensor, encoded1: Tensor, motion: Motion, timestep: Tensor, scale: float, packing: Packing
    ) -> None:
        self._count, height, width, _ = encoded0.shape
        times = timestep.contiguous()
        is_map = times.shape[-2:] != (1, 1)
        if is_map and times.shape[-2:] != (height, width):
            raise ValueError(f"timestep must be a map of {height}x{width}, got {tuple(times.shape)}")
        one = times.numel() == (height * width if is_map else 1)
        encoded0, encoded1 = encoded0.contiguous(), encoded1.contiguous()
        self._encoded1 = encoded1  # the kernel gets its distance from the other alone
        apart = (encoded1.data_ptr() - encoded0.data_ptr()) // encoded0.element_size()
        self._read = (encoded0, apart, times, *_map_arguments(motion, encoded0), height, width, int(height / scale))
        self._width = int(width / scale)
        self._ends = (self._width, float(scale), 0 if one else height * width if is_map else 1)
        self._constants = {
            "maps": len(motion.maps),
            "taps": 1 if scale == 1 else 2,
            "encoded": packing.encoded_channels,
            "padded": launch.power(packing.encoded_channels),
            "map_channels": packing.map_channels,
            "time_channel": packing.time_channel,
            "shuffled": _shuffled(motion),
            "accumulates": motion.accumulates_mask,
            "times_map": is_map,
            "index": launch.index_type(encoded0[0]),
        }

    @reports_failure
    def fill(self, first_row: int, out: Tensor) -> None:
        if out.shape[0] != self._count or out.shape[2] != self._width or not out[0].is_contiguous():
            raise ValueError(f"out must be {self._count}xrowsx{self._width}xchannels, got {tuple(out.shape)}")
        grid = (launch.pieces(self._width), out.shape[1], self._count)
        with launch.on_device(out):
            launch.kernels().block_input[grid](
                out, *self._read, first_row, out.stride(0), *self._ends, **self._constants, **launch.LAUNCH
            )


def _warp(
    planes: Sequence[tuple[Tensor, Tensor, Tensor, int]],
    motion: Motion | CorrectedMotion,
    grid: SampleGrid,
    peak: float,
) -> None:
    """Write at most `MAX_PLANES` planes: each at time 0, at time 1, its target and that one's stride."""
    first = planes[0][0]
    plain, correction = plain_motion(motion), correction_of(motion)
    channels = [block.stored.shape[-1] for block in packed_maps(plain)]
    cells: list[Any] = [first, 2, 2, 1.0]
    if correction is not None:
        cells = [correction.stored.contiguous(), correction.height, correction.width, float(correction.scale)]
    padding = [planes[0]] * (MAX_PLANES - len(planes))
    with launch.on_device(first):
        launch.kernels().warp_and_blend[(launch.pieces(grid.width), grid.height, 1)](
            *(value for plane in (*planes, *padding) for value in plane),
            *_map_arguments(plain, first),
            *cells,
            OVERSHOOT,
            *_grid_arguments(grid),
            float(peak),
            planes=len(planes),
            maps=len(plain.maps),
            channels=channels[0],
            last_channels=channels[-1],
            shuffled=_shuffled(plain),
            accumulates=plain.accumulates_mask,
            sharp=correction is not None,
            rounds=not first.dtype.is_floating_point,
            index=launch.index_type(first),
            **launch.LAUNCH,
        )


def _shuffled(motion: Motion) -> bool:
    """Whether the maps are stored as before the pixel shuffle."""
    return any(block.stored.dim() == 6 for block in packed_maps(motion))


def _grid_arguments(grid: SampleGrid) -> tuple[int | float, ...]:
    """Height, width, steps and offsets of a grid."""
    steps = (float(step) for step in (grid.step_y, grid.step_x, grid.offset_y, grid.offset_x))
    return (grid.height, grid.width, *steps)


def _map_arguments(motion: Motion, unused: Tensor) -> list[Any]:
    """Tensor, height, width and scale of each map; `unused` fills the arguments up to `MAX_MAPS` maps."""
    blocks = packed_maps(motion)
    if len(blocks) != len(motion.maps) or len(blocks) > MAX_MAPS:
        raise ValueError(f"motion must have at most {MAX_MAPS} packed maps, got {len(motion.maps)}")
    values: list[Any] = []
    for block in blocks:
        values += [block.stored.contiguous(), block.height, block.width, float(block.scale)]
    return values + [unused, 2, 2, 1.0] * (MAX_MAPS - len(blocks))
