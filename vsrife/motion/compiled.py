"""Which compiled kernels a device has: those in C, those by Triton, or none but the reference."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, cast

from vsrife.motion import cpu, gpu
from vsrife.motion.library import why_none

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch
    from torch import Tensor

    from vsrife.motion.field import Blend, Motion
    from vsrife.motion.packing import Packing
    from vsrife.motion.sample_grid import SampleGrid

__all__ = ["Kernels", "by_triton", "compiled", "reference_only", "why_reference"]

_here = threading.local()


class Level(Protocol):
    """See `vsrife.motion.cpu.Level`."""

    def fill(self, first_row: int, out: Tensor) -> None:
        """See there."""


class Kernels(Protocol):
    """What `vsrife.motion.cpu` and `vsrife.motion.gpu` have in common."""

    PLANE_TYPES: tuple[torch.dtype, ...]

    def looked(
        self, picture: Tensor, features: Tensor | None, packing: Packing, out: Tensor | None = None
    ) -> Tensor: ...

    def Level(  # noqa: N802
        self, look0: Tensor, look1: Tensor, motion: Motion, timestep: float | Tensor, *, scale: float, packing: Packing
    ) -> Level: ...

    def can_move(self, planes: Sequence[Tensor], motion: Blend) -> bool: ...

    def moved_planes(
        self, first: Sequence[Tensor], last: Sequence[Tensor], motion: Motion, sites: SampleGrid
    ) -> list[Tensor]: ...

    def seen(
        self,
        planes: Sequence[Tensor],
        matrix: Sequence[Sequence[float]],
        chroma: SampleGrid | None,
        align: int,
        out: Tensor | None = None,
    ) -> Tensor: ...


def compiled(device: torch.device) -> Kernels | None:
    """The kernels that run on a device, None where only the reference does."""
    if why_reference(device):
        return None
    return cast("Kernels", gpu if by_triton(device) else cpu)


@contextmanager
def reference_only() -> Iterator[None]:
    """Within it, this thread has no kernels: where they turned out to fail."""
    before = getattr(_here, "reference_only", False)
    _here.reference_only = True
    try:
        yield
    finally:
        _here.reference_only = before


def by_triton(device: torch.device) -> bool:
    """Whether a device's kernels are Triton's, whose planes and targets are on the device."""
    return device.type == "cuda" or gpu.INTERPRETED


def why_reference(device: torch.device) -> str:
    """Why only the reference runs on a device, in one line; empty where kernels do."""
    if getattr(_here, "reference_only", False):
        return "they failed"
    if by_triton(device):
        return gpu.why_not(device)
    if device.type == "cpu":
        return why_none()
    return f"there are no kernels for {device.type} devices"
