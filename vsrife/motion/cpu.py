"""`block_input` and `warp_and_blend` by the kernels in C, for CPUs: the packed form of `vsrife.motion.reference`.

Coordinates are fp32, `align_corners=True` in pixels of what is sampled, clamped to it. Results do not depend on the
number of threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vsrife.motion.field import PackedMap
from vsrife.motion.library import F32, MAX_MAPS, TYPES, BlockInput, Look, Map, Maps, Moved, MovedPlane, View, kernels
from vsrife.motion.sample_grid import SampleGrid

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Sequence

    from vsrife.motion.field import Blend, Motion
    from vsrife.motion.packing import Packing

__all__ = ["Level", "Target", "can_move", "looked", "movable", "move_into", "moved_planes", "seen", "with_slack"]

Target = tuple[int, int]
"""Address and stride in bytes of a plane to be written."""
SLACK = 4
PLANE_TYPES = (torch.float32, torch.uint8, torch.uint16)


def _run(name: str, job: ctypes.Structure) -> None:
    library = kernels()
    assert library is not None
    library.run(name, job)


def looked(picture: Tensor, features: Tensor | None, packing: Packing, out: Tensor | None = None) -> Tensor:
    """Pictures and their head features beside each other.

    Args:
        picture: N×3×H×W, fp32, channels last in memory; H and W even.
        features: N×4·features×H/2×W/2, fp32 or bf16, channels last in memory: for each pixel of half the size the four
            it stands for, row by row; None without a head.
        packing: the network's.
        out: where it is written; None for new memory.

    Returns:
        N×H×W×`packing.look`, fp32.
    """
    count, _, height, width = picture.shape
    picture = picture.permute(0, 2, 3, 1).contiguous()
    if features is not None:
        features = features.permute(0, 2, 3, 1).contiguous()
    if out is None:
        out = torch.empty(count, height, width, packing.look)
    for n in range(count):
        _run(
            "look",
            Look(
                picture=picture[n].data_ptr(),
                features=None if features is None else features[n].data_ptr(),
                type=F32 if features is None else TYPES[features.dtype],
                height=height,
                width=width,
                count=packing.features,
                channels=packing.look,
                out=out[n].data_ptr(),
            ),
        )
    return out


class Level:
    """The input of one block, see `vsrife.motion.reference.block_input`, filled strip by strip.

    Args:
        look0: N×H×W×`packing.look`, fp32, at time 0.
        look1: the same at time 1.
        motion: the earlier blocks' maps, packed.
        timestep: 0..1, an N×1×H×W map of times, or N×1×1×1.
        scale: the block's, picture pixels to one input pixel.
        packing: the network's.
    """

    def __init__(
        self, look0: Tensor, look1: Tensor, motion: Motion, timestep: float | Tensor, *, scale: float, packing: Packing
    ) -> None:
        count, height, width, _ = look0.shape
        times = timestep.float().contiguous() if isinstance(timestep, Tensor) else None
        self._kept = (look0, look1, motion, times)  # the jobs hold their addresses
        self._jobs = []
        for n in range(count):
            job = BlockInput(
                look0=look0[n].data_ptr(),
                look1=look1[n].data_ptr(),
                maps=_maps(motion, n),
                height=height,
                width=width,
                look_channels=packing.look,
                known=packing.known,
                scale=scale,
                full_height=int(height / scale),
                out_width=int(width / scale),
            )
            if times is None:
                job.time = timestep
            elif times.shape[-2:] == (1, 1):
                job.time = float(times[n % times.shape[0]])
            else:
                job.times = times[n % times.shape[0]].data_ptr()
            self._jobs.append(job)

    def fill(self, first_row: int, out: Tensor) -> None:
        """Make some rows of the input.

        Args:
            first_row: the first of them; rows above and below the input's H/scale are 0, as a convolution pads it.
            out: N×rows×W/scale×`packing.inputs`, fp32 or bf16, written.
        """
        for n, job in enumerate(self._jobs):
            job.first_row = first_row
            job.out_height = out.shape[1]
            job.type = TYPES[out.dtype]
            job.out = out.data_ptr() + n * out.stride(0) * out.element_size()
            _run("block_input", job)


def movable(motion: Blend) -> bool:
    """Whether a motion is one that the kernels know."""
    maps = getattr(motion, "maps", ())
    return bool(maps) and all(isinstance(m, PackedMap) and m.stored.shape[0] == 1 for m in maps)


def can_move(planes: Sequence[Tensor], motion: Blend) -> bool:
    """Whether `move_into` knows these planes (h×w each, of one type and size) and this motion."""
    return (
        kernels() is not None
        and movable(motion)
        and all(p.device.type == "cpu" and p.dtype in PLANE_TYPES and min(p.shape) > 1 for p in planes)
        and all(p.dtype == planes[0].dtype and p.shape == planes[0].shape for p in planes)
    )


def move_into(
    first: Sequence[Tensor],
    last: Sequence[Tensor],
    motion: Motion,
    sites: SampleGrid,
    targets: Sequence[Target],
    peak: float,
) -> None:
    """Planes between two frames, see `vsrife.motion.reference.warp_and_blend`.

    Args:
        first: planes of the frame at time 0 that share their sites, h×w each, uint8, uint16 or fp32.
        last: the same of the frame at time 1.
        motion: between the two at the wanted time, packed.
        sites: where the planes' samples lie on the picture.
        targets: where each is written, in the planes' own type; integers are rounded (half to even) and clipped.
        peak: largest integer.
    """
    planes = [(_readable(a), _readable(b)) for a, b in zip(first, last, strict=True)]
    job = Moved(
        maps=_maps(motion, 0),
        height=sites.height,
        width=sites.width,
        step_y=sites.step_y,
        step_x=sites.step_x,
        offset_y=sites.offset_y,
        offset_x=sites.offset_x,
        type=TYPES[planes[0][0].dtype],
        peak=peak,
        planes=len(planes),
    )
    for k, ((a, b), (address, stride)) in enumerate(zip(planes, targets, strict=True)):
        job.plane[k] = MovedPlane(a.data_ptr(), b.data_ptr(), address, stride)
    _run("moved", job)


def with_slack(height: int, width: int, dtype: torch.dtype) -> Tensor:
    """A new plane whose last sample the kernels may read beyond."""
    return torch.empty(height * width + SLACK, dtype=dtype)[:-SLACK].view(height, width)


def _readable(plane: Tensor) -> Tensor:
    """A plane without gaps and with slack behind it, which is the same where it has both."""
    end = (plane.storage_offset() + plane.numel()) * plane.element_size()
    if plane.is_contiguous() and plane.untyped_storage().nbytes() >= end + SLACK:
        return plane
    height, width = plane.shape
    return with_slack(height, width, plane.dtype).copy_(plane)


def moved_planes(first: Sequence[Tensor], last: Sequence[Tensor], motion: Motion, sites: SampleGrid) -> list[Tensor]:
    """`move_into` new planes, fp32, neither rounded nor clipped."""
    out = [torch.empty(sites.height, sites.width) for _ in first]
    targets = [(plane.data_ptr(), plane.stride(0) * 4) for plane in out]
    move_into([p.float() for p in first], [p.float() for p in last], motion, sites, targets, 0)
    return out


def _maps(motion: Motion, n: int) -> Maps:
    """The maps of one pair of a batch."""
    assert len(motion.maps) <= MAX_MAPS
    maps = Maps(count=len(motion.maps), accumulates_mask=motion.accumulates_mask)
    for k, block in enumerate(motion.maps):
        assert isinstance(block, PackedMap)
        assert block.height > 1, "the kernels read maps between two rows"
        assert block.width % 2 == 0, "the kernels read maps in pairs of columns"
        stored = block.stored
        maps.map[k] = Map(
            data=stored[n].data_ptr(),
            type=TYPES.get(stored.dtype, F32),
            height=block.height,
            width=block.width,
            channels=stored.shape[-1],
            shuffled=stored.dim() == 6,
            scale=block.scale,
        )
    return maps


def seen(
    planes: Sequence[Tensor],
    matrix: Sequence[Sequence[float]],
    chroma: SampleGrid | None,
    align: int,
    out: Tensor | None = None,
) -> Tensor:
    """What a network looks at: RGB clamped to 0..1, its last row and column repeated up to a multiple of `align`.

    Args:
        planes: one or three, h×w each, uint8, uint16 or fp32, in the clip's own values; what is not finite is taken for
            0, or 1 where it is +∞.
        matrix: 3×4, planes to R, G, B; the last column is added.
        chroma: where the samples of planes 1 and 2 lie on plane 0; None for the same places.
        align: for both sides.
        out: 1×H×W×3, fp32, where it is written; None for new memory.

    Returns:
        1×3×H×W, fp32, channels last in memory.
    """
    planes = [plane.contiguous() for plane in planes]
    height, width = planes[0].shape
    if out is None:
        out = torch.empty(1, height + -height % align, width + -width % align, 3)
    chroma = chroma or SampleGrid(height, width)
    job = View(
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
    _run("view", job)
    return out.permute(0, 3, 1, 2)
