"""The interface of compiled kernels, in C and in Triton alike, and which of them a device has."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Concatenate, Protocol

from vsrife.motion.field import CorrectedMotion, Motion, PackedMap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch
    from torch import Tensor

    from vsrife.motion.field import Blend
    from vsrife.motion.packing import Packing
    from vsrife.motion.sample_grid import SampleGrid

__all__ = ["BlockInput", "KernelError", "Kernels", "packed_maps", "reports_failure", "supports"]


class KernelError(RuntimeError):
    """A compiled kernel failed; what it raised is the cause. PyTorch's own operations can do the same work."""


class BlockInput(Protocol):
    """The input of one block, written strip by strip."""

    def fill(self, first_row: int, out: Tensor) -> None:
        """Write some rows; those above and below the input's H/scale rows are 0, as a convolution pads them.

        Args:
            first_row: number of the first row.
            out: N×rows×W/scale×`packing.input_channels`, a dtype of the kernels' `precisions`; each pair's rows
                without gaps.
        """


class Kernels(Protocol):
    """The primitives of `vsrife.motion.reference` on packed channels, for one device.

    Coordinates are fp32, in pixels of the sampled picture, clamped to it (`align_corners=True`). Results do not depend
    on the number of threads. Every method raises `KernelError` where it fails.
    """

    device: torch.device
    name: str
    """What messages call them."""
    description: str
    """What `vsrife doctor` calls them."""
    max_maps: int
    """The most maps that a motion may have."""
    plane_types: tuple[torch.dtype, ...]
    """Types of the planes that they read and write."""
    smallest_plane: int
    """The smallest side of such a plane."""
    precisions: tuple[torch.dtype, ...]
    """Types of block inputs and maps."""

    def empty(self, *shape: int) -> Tensor:
        """An uninitialised fp32 tensor; on a CPU its memory comes from a pool and must be kept through this tensor."""

    def to_rgb(
        self, planes: Sequence[Tensor], matrix: Sequence[Sequence[float]], chroma: SampleGrid | None, align: int
    ) -> Tensor:
        """The RGB picture that a network sees, its last row and column repeated up to a multiple of `align`.

        Args:
            planes: one or three, h×w each, of `plane_types`, in the clip's own values; NaN and -∞ count as 0, +∞ as 1.
            matrix: 3×4, planes to R, G, B; the last column is added.
            chroma: grid of planes 1 and 2 on plane 0; None where it is that of plane 0.
            align: divisor of both sides of the result.

        Returns:
            1×H×W×3, fp32, clamped to 0..1.
        """

    def encode(self, rgb: Tensor, features: Tensor | None, packing: Packing) -> Tensor:
        """Pictures and their head features beside each other.

        Args:
            rgb: N×H×W×3, fp32; H and W even.
            features: N×4·features×H/2×W/2, channels last in memory: for each pixel of half the size the four it stands
                for, row by row; None without a head.
            packing: the network's.

        Returns:
            N×H×W×`packing.encoded_channels`.
        """

    def block_input(
        self, encoded0: Tensor, encoded1: Tensor, motion: Motion, timestep: Tensor, *, scale: float, packing: Packing
    ) -> BlockInput:
        """The input of one block, see `vsrife.motion.reference.block_input`.

        Args:
            encoded0: N×H×W×`packing.encoded_channels`, at time 0.
            encoded1: the picture at time 1, in the same form.
            motion: packed maps of the earlier blocks.
            timestep: 1×1×1×1 or N×1×1×1 times, or 1×1×H×W or N×1×H×W maps of times, 0..1, fp32.
            scale: picture pixels to one input pixel.
            packing: the network's.
        """

    def warp_and_blend(
        self, first: Sequence[Tensor], last: Sequence[Tensor], motion: Motion | CorrectedMotion, grid: SampleGrid
    ) -> list[Tensor]:
        """Planes between two frames, see `vsrife.motion.reference.warp_and_blend`: h×w each, fp32, neither rounded nor
        clipped. The arguments are those of `warp_and_blend_into`.
        """

    def warp_and_blend_into(
        self,
        first: Sequence[Tensor],
        last: Sequence[Tensor],
        motion: Motion | CorrectedMotion,
        grid: SampleGrid,
        targets: Sequence[Tensor],
        peak: float,
    ) -> None:
        """Write planes between two frames.

        Args:
            first: planes at time 0 that share a grid, h×w each, of one of `plane_types`.
            last: the planes at time 1.
            motion: packed, between the two frames at the wanted time; with a correction planes are sampled by the sharp
                kernel.
            grid: positions of the planes' samples on the picture.
            targets: h×w each, of the planes' dtype on the kernels' device; columns have no gaps, rows may. Integers
                are rounded (half to even) and clipped.
            peak: the largest integer.
        """

    def mean_luma(self, rgb: Tensor, grid: SampleGrid) -> Tensor:
        """Luma that corrections are found from, see `vsrife.motion.evidence.mean_luma`."""

    def cell_flow(self, motion: Motion, grid: SampleGrid, *, mask: bool = False) -> Tensor:
        """A motion's flow on a grid, see `vsrife.motion.evidence.cell_flow`."""

    def find_correction(
        self, luma0: Tensor, luma1: Tensor, own: Tensor, straight: Tensor, time: float | Tensor
    ) -> Tensor:
        """The correction of a motion, see `vsrife.motion.evidence.find_correction`: 1×h×w×8."""

    def release(self) -> None:
        """Give up memory that is kept for later."""


def packed_maps(motion: Blend) -> tuple[PackedMap, ...]:
    """The maps of a motion where all are packed, as kernels read them; none otherwise."""
    maps = motion.maps if isinstance(motion, Motion) else ()
    packed = tuple(m for m in maps if isinstance(m, PackedMap))
    return packed if len(packed) == len(maps) else ()


def plain_motion(motion: Motion | CorrectedMotion) -> Motion:
    """The network's part of a motion.

    Raises:
        TypeError: it is the mean of several, whose maps kernels do not know.
    """
    plain = motion.motion if isinstance(motion, CorrectedMotion) else motion
    if not isinstance(plain, Motion):
        raise TypeError(f"motion must be one network's, got {type(plain).__name__}")
    return plain


def correction_of(motion: Motion | CorrectedMotion) -> PackedMap | None:
    """The correction of a motion, None without one."""
    return motion.correction if isinstance(motion, CorrectedMotion) else None


def supports(kernels: Kernels, planes: Sequence[Tensor], motion: Blend) -> bool:
    """Whether kernels can warp these planes (of one type and size) along this motion."""
    maps = packed_maps(motion.motion if isinstance(motion, CorrectedMotion) else motion)
    return (
        0 < len(maps) <= kernels.max_maps
        and all(m.stored.shape[0] == 1 and m.stored.dim() == maps[0].stored.dim() for m in maps)
        and planes[0].dtype in kernels.plane_types
        and min(planes[0].shape) >= kernels.smallest_plane
        and all(p.dtype == planes[0].dtype and p.shape == planes[0].shape for p in planes)
        and all(p.device == kernels.device for p in planes)
    )


class _Named(Protocol):
    name: str


def reports_failure[**P, R, S: _Named](method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Have a method raise `KernelError`, with its object's name, where it fails."""

    @wraps(method)
    def guarded(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(self, *args, **kwargs)
        except Exception as error:
            raise KernelError(f"{self.name}, {method.__name__}: {error}") from error

    return guarded
