"""Networks as TorchScript, which runs in PyTorch's libraries without this package."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vsrife.files import atomic_write
from vsrife.networks import estimate, refine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vsrife.networks import IFNet, LegacyNetwork

__all__ = ["write_torchscript"]

EXAMPLE = 40, 72
"""Height and width of the pictures a network is traced with; it takes any."""


class AnyTime(nn.Module):
    """A network with all its inputs as tensors."""

    def __init__(self, network: IFNet | LegacyNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, img0: Tensor, img1: Tensor, timestep: Tensor) -> Tensor:
        """Pictures N×3×H×W in 0..1, and times that broadcast to N×1×H×W, to N×3×H×W."""
        out: Tensor = self.network(img0, img1, timestep + torch.zeros_like(img0[:, :1]))
        return out


class Midpoint(nn.Module):
    """A midpoint-only network with all its inputs as tensors."""

    def __init__(self, network: IFNet | LegacyNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, img0: Tensor, img1: Tensor) -> Tensor:
        """Pictures N×3×H×W in 0..1 to N×3×H×W."""
        out: Tensor = self.network(img0, img1)
        return out


def write_torchscript(network: IFNet | LegacyNetwork, target: Path) -> None:
    """Write a traced network: fp32, for pictures of any size, on any device.

    It takes two pictures, N×3×H×W in 0..1, and unless it is midpoint-only, times that broadcast to N×1×H×W.

    Args:
        network: without adaptive scale.
        target: the file.

    Raises:
        RifeError: the file cannot be written.
    """
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand(2, 1, 3, *EXAMPLE, generator=generator).unbind()
    # The warnings are about sizes in traces, which are followed here, and about TorchScript's age.
    with torch.no_grad(), warnings.catch_warnings(action="ignore"), _scripted_warp():
        wrapped: nn.Module = AnyTime(network) if network.config.any_time else Midpoint(network)
        times = (torch.full((1, 1, 1, 1), 0.5),) if network.config.any_time else ()
        inputs = (*pictures, *times)
        traced = torch.jit.trace(wrapped.eval(), inputs, check_trace=False)  # type: ignore[no-untyped-call]
        with atomic_write(target, failures=(OSError, RuntimeError)) as partial:
            partial.parent.mkdir(parents=True, exist_ok=True)
            traced.save(str(partial))


@contextmanager
def _scripted_warp() -> Iterator[None]:
    """Script the warp rather than trace it: a trace would keep the device its coordinates are made on."""
    traced = estimate.backward_warp
    scripted = torch.jit.script(traced)
    try:
        for module in (estimate, refine):
            module.backward_warp = scripted  # type: ignore[attr-defined]
        yield
    finally:
        for module in (estimate, refine):
            module.backward_warp = traced  # type: ignore[attr-defined]
