"""`block_input` and `warp_and_blend` by Triton's kernels, for CUDA and ROCm: `vsrife.motion.reference`, but packed.

The functions of `vsrife.motion.cpu`, on tensors of a device. Coordinates are fp32, `align_corners=True` in pixels of
what is sampled, clamped to it. Nothing here waits for the device, so that all of it can be captured in a graph.
"""

from __future__ import annotations

import importlib
import os
from contextlib import nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vsrife.motion.field import PackedMap
from vsrife.motion.packing import Packing
from vsrife.motion.sample_grid import SampleGrid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from vsrife.motion.field import Blend, Motion

__all__ = [
    "MAX_MAPS",
    "PLANE_TYPES",
    "Level",
    "Target",
    "available",
    "block_input",
    "can_move",
    "looked",
    "movable",
    "move_into",
    "moved_planes",
    "seen",
    "time_of",
    "why_not",
]

Target = Tensor
"""A plane to be written: h×w of the planes' own dtype, on their device, columns without gaps; rows may have some."""
PLANE_TYPES = (torch.float32, torch.float16, torch.uint8, torch.uint16)
MAX_MAPS = 5
MAX_PLANES = 3
"""Planes that one launch moves."""
LAUNCH = {"block": 64, "num_warps": 4, "enable_fp_fusion": True}
"""Places of a row that one program makes, the warps that do, and that they may fuse a product with a sum."""
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
"""Whether Triton interprets the kernels, on any device: for tests."""


def available(device: torch.device | None = None) -> bool:
    """Whether the kernels run on a device, the current one for None."""
    return not why_not(device)


@cache
def why_not(device: torch.device | None = None) -> str:
    """Why the kernels do not run on a device, in one line; empty where they do, which is tried once."""
    if not torch.cuda.is_available() and not INTERPRETED:
        return f"PyTorch {torch.__version__} sees no CUDA or ROCm device"
    try:
        version = importlib.import_module("triton").__version__
    except ImportError as error:
        return _line(f"Triton cannot be imported ({error})")
    try:  # a card too old for it, no C compiler for its launchers, a version that does not know these kernels
        where = device or torch.device("cpu" if INTERPRETED else "cuda")
        looked(torch.zeros(1, 3, 2, 2, device=where), None, Packing(0, 0)).cpu()
    except Exception as error:
        return _line(f"Triton {version} does not run the kernels ({type(error).__name__}: {error})")
    return ""


def _line(text: str) -> str:
    return " ".join(text.split())[:300]


def looked(picture: Tensor, features: Tensor | None, packing: Packing, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Pictures and their head features beside each other.

    Args:
        picture: N×3×H×W, fp32, channels last in memory; H and W even.
        features: N×4·features×H/2×W/2, fp32, fp16 or bf16, channels last in memory: for each pixel of half the size the
            four it stands for, row by row; None without a head.
        packing: the network's.
        dtype: of what is returned.

    Returns:
        N×H×W×`packing.look`.
    """
    count, _, height, width = picture.shape
    picture = picture.permute(0, 2, 3, 1).contiguous()
    features = picture if features is None else features.permute(0, 2, 3, 1).contiguous()
    out = torch.empty(count, height, width, packing.look, dtype=dtype, device=picture.device)
    with _on(out):
        _kernels().look[(_pieces(width), height, count)](
            out,
            picture,
            features,
            height,
            width,
            count=packing.features,
            channels=packing.look,
            padded=_power(packing.look),
            index=_index(out[0]),
            **LAUNCH,
        )
    return out


def time_of(timestep: float, device: torch.device) -> Tensor:
    """A time as the kernels take it, a tensor of one: what a captured graph is told a new time through."""
    return torch.full((1,), timestep, dtype=torch.float32, device=device)


class Level:
    """The input of one block, see `vsrife.motion.reference.block_input`, filled as a whole or strip by strip.

    Args:
        look0: N×H×W×`packing.look`, fp32 or fp16, at time 0.
        look1: the same at time 1.
        motion: the earlier blocks' maps, packed.
        timestep: 0..1, an N×1×H×W map of times, N×1×1×1 or one of `time_of`; a map for one pair serves all. A captured
            graph knows a number for good and a tensor's values anew.
        scale: the block's, picture pixels to one input pixel.
        packing: the network's.
    """

    def __init__(
        self, look0: Tensor, look1: Tensor, motion: Motion, timestep: float | Tensor, *, scale: float, packing: Packing
    ) -> None:
        self._count, height, width, _ = look0.shape
        times = timestep.contiguous() if isinstance(timestep, Tensor) else time_of(timestep, look0.device)
        is_map = times.dim() == 4 and times.shape[-2:] != (1, 1)
        if is_map and times.shape[-2:] != (height, width):
            raise ValueError(f"Level: timestep must be a map of {height}x{width}, got {tuple(times.shape)}")
        one = times.numel() == (height * width if is_map else 1)
        look0, look1 = look0.contiguous(), look1.contiguous()
        self._look1 = look1  # the kernel only knows how far from the other it lies
        apart = (look1.data_ptr() - look0.data_ptr()) // look0.element_size()
        self._read = (look0, apart, times, *_maps(motion, look0), height, width, int(height / scale))
        self._width = int(width / scale)
        self._ends = (self._width, float(scale), 0 if one else height * width if is_map else 1)
        self._constants = {
            "maps": len(motion.maps),
            "taps": 1 if scale == 1 else 2,
            "look": packing.look,
            "padded": _power(packing.look),
            "known_channels": packing.known,
            "time_channel": packing.time,
            "shuffled": _shuffled(motion),
            "accumulates": motion.accumulates_mask,
            "times_map": is_map,
            "index": _index(look0[0]),
        }

    def fill(self, first_row: int, out: Tensor) -> None:
        """Make some rows of the input.

        Args:
            first_row: the first of them; rows above and below the input's H/scale are 0, as a convolution pads it.
            out: N×rows×W/scale×`packing.inputs`, fp32, fp16 or bf16, written; each pair's rows without gaps.
        """
        if out.shape[0] != self._count or out.shape[2] != self._width or not out[0].is_contiguous():
            raise ValueError(f"Level: out must be {self._count}xrowsx{self._width}xchannels, got {tuple(out.shape)}")
        grid = (_pieces(self._width), out.shape[1], self._count)
        with _on(out):
            _kernels().block_input[grid](
                out, *self._read, first_row, out.stride(0), *self._ends, **self._constants, **LAUNCH
            )


def block_input(
    look0: Tensor,
    look1: Tensor,
    motion: Motion,
    timestep: float | Tensor,
    *,
    scale: float,
    packing: Packing,
    out: Tensor,
) -> None:
    """All rows of a `Level`: `out` is N×H/scale×W/scale×`packing.inputs`."""
    Level(look0, look1, motion, timestep, scale=scale, packing=packing).fill(0, out)


def movable(motion: Blend) -> bool:
    """Whether a motion is one that the kernels know."""
    maps = getattr(motion, "maps", ())
    return (
        bool(maps)
        and len(maps) <= MAX_MAPS
        and all(isinstance(m, PackedMap) and m.stored.shape[0] == 1 for m in maps)
        and len({m.stored.dim() for m in maps}) == 1
    )


def can_move(planes: Sequence[Tensor], motion: Blend) -> bool:
    """Whether `move_into` knows these planes (h×w each, of one type and size) and this motion."""
    return (
        movable(motion)
        and all((p.is_cuda or INTERPRETED) and p.dtype in PLANE_TYPES for p in planes)
        and all(p.dtype == planes[0].dtype and p.shape == planes[0].shape for p in planes)
        and available(planes[0].device)
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
        first: planes of the frame at time 0 that share their sites, h×w each, uint8, uint16, fp32 or fp16.
        last: the same of the frame at time 1.
        motion: between the two at the wanted time, packed.
        sites: where the planes' samples lie on the picture.
        targets: what each is written to, h×w of the planes' dtype on their device, each row without gaps; integers are
            rounded (half to even) and clipped.
        peak: largest integer.
    """
    planes = [
        (a.contiguous(), b.contiguous(), target, target.stride(0))
        for a, b, target in zip(first, last, targets, strict=True)
    ]
    for a, b, target, _ in planes:
        if not a.shape == b.shape == target.shape == (sites.height, sites.width):
            raise ValueError(f"move_into: planes must be {sites.height}x{sites.width}, got {tuple(a.shape)}")
        if not a.dtype == b.dtype == target.dtype:
            raise ValueError(f"move_into: a target must be {a.dtype} as its planes are, got {target.dtype}")
        if target.stride(1) != 1 and target.shape[1] > 1:
            raise ValueError("move_into: the columns of a target must have no gaps")
    for start in range(0, len(planes), MAX_PLANES):
        _move(planes[start : start + MAX_PLANES], motion, sites, peak)


def _move(planes: Sequence[tuple[Tensor, Tensor, Target, int]], motion: Motion, sites: SampleGrid, peak: float) -> None:
    """`move_into` planes that were checked, `MAX_PLANES` at most: at 0, at 1, target and its stride."""
    first = planes[0][0]
    channels = [block.stored.shape[-1] for block in motion.maps if isinstance(block, PackedMap)]
    padding = [planes[0]] * (MAX_PLANES - len(planes))
    with _on(first):
        _kernels().moved[(_pieces(sites.width), sites.height, 1)](
            *(value for plane in (*planes, *padding) for value in plane),
            *_maps(motion, first),
            sites.height,
            sites.width,
            float(sites.step_y),
            float(sites.step_x),
            float(sites.offset_y),
            float(sites.offset_x),
            float(peak),
            planes=len(planes),
            maps=len(motion.maps),
            channels=channels[0],
            last_channels=channels[-1],
            shuffled=_shuffled(motion),
            accumulates=motion.accumulates_mask,
            rounds=not first.dtype.is_floating_point,
            index=_index(first),
            **LAUNCH,
        )


def moved_planes(first: Sequence[Tensor], last: Sequence[Tensor], motion: Motion, sites: SampleGrid) -> list[Tensor]:
    """`move_into` new planes, fp32, neither rounded nor clipped."""
    out = [torch.empty(sites.height, sites.width, device=plane.device) for plane in first]
    move_into([p.float() for p in first], [p.float() for p in last], motion, sites, out, 0)
    return out


def seen(planes: Sequence[Tensor], matrix: Sequence[Sequence[float]], chroma: SampleGrid | None, align: int) -> Tensor:
    """What a network looks at: RGB clamped to 0..1, its last row and column repeated up to a multiple of `align`.

    Args:
        planes: one or three, h×w each, uint8, uint16, fp32 or fp16, in the clip's own values; what is not finite is
            taken for 0, or 1 where it is +∞.
        matrix: 3×4, planes to R, G, B; the last column is added.
        chroma: where the samples of planes 1 and 2 lie on plane 0; None for the same places.
        align: for both sides.

    Returns:
        1×3×H×W, fp32, channels last in memory.
    """
    planes = [plane.contiguous() for plane in planes]
    height, width = planes[0].shape
    rows, columns = height + -height % align, width + -width % align
    out = torch.empty(1, rows, columns, 3, device=planes[0].device)
    chroma = chroma or SampleGrid(height, width)
    with _on(out):
        _kernels().view[(_pieces(columns), rows, 1)](
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
            index=_index(out),
            **LAUNCH | {"num_warps": 2},  # a place for each thread
        )
    return out.permute(0, 3, 1, 2)


@cache
def _kernels() -> Any:
    """The kernels' module, which needs Triton."""
    return importlib.import_module("vsrife.motion.triton_kernels")


def _on(tensor: Tensor) -> AbstractContextManager[object]:
    """Triton launches on the current device, which need not be the tensor's."""
    return torch.cuda.device(tensor.device) if tensor.is_cuda else nullcontext()


def _pieces(width: int) -> int:
    """Programs for a row."""
    return -(-width // LAUNCH["block"])


def _power(channels: int) -> int:
    """The next power of two: tiles have no other sizes."""
    return 1 << (channels - 1).bit_length()


def _index(*tensors: Tensor) -> Any:
    """The integer that counts the values of one picture."""
    language = importlib.import_module("triton.language")
    return language.int64 if any(tensor.numel() >= 2**31 for tensor in tensors) else language.int32


def _shuffled(motion: Motion) -> bool:
    """Whether the maps are stored as before the pixel shuffle."""
    return any(isinstance(block, PackedMap) and block.stored.dim() == 6 for block in motion.maps)


def _maps(motion: Motion, unused: Tensor) -> list[Any]:
    """Tensor, height, width and scale of each map, up to `MAX_MAPS` of them; those that are not there take `unused`."""
    if len(motion.maps) > MAX_MAPS:
        raise ValueError(f"the kernels take {MAX_MAPS} maps, got {len(motion.maps)}")
    values: list[Any] = []
    for block in motion.maps:
        assert isinstance(block, PackedMap)
        values += [block.stored.contiguous(), block.height, block.width, float(block.scale)]
    return values + [unused, 2, 2, 1.0] * (MAX_MAPS - len(motion.maps))
