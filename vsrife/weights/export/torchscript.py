"""Networks as TorchScript, which runs in PyTorch's libraries without this package."""

from __future__ import annotations

import warnings
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, grid_sample, interpolate, pad

from vsrife.files import atomic_write
from vsrife.motion import CELL
from vsrife.networks import IFNet, estimate, refine
from vsrife.networks.estimate import pad_to_multiple
from vsrife.weights.export.picture_step import Operations, Pair, Places, make_sharp_picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vsrife.networks import LegacyNetwork
    from vsrife.weights.export.picture_step import Extent

__all__ = ["write_torchscript"]

EXAMPLE = 40, 72
"""Height and width of the pictures a network is traced with; it takes any."""
MIDDLE = 0.5


class AnyTime(nn.Module):
    """A network with all its inputs as tensors."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, img0: Tensor, img1: Tensor, timestep: Tensor) -> Tensor:
        """Pictures N×3×H×W in 0..1, and times that broadcast to N×1×H×W, to N×3×H×W."""
        out: Tensor = self.network(img0, img1, timestep + torch.zeros_like(img0[:, :1]))
        return out


class Sharp(nn.Module):
    """A network and the filter's picture step, called as the network is."""

    def __init__(self, network: IFNet | LegacyNetwork) -> None:
        super().__init__()
        self.network = network
        self.config = network.config

    def forward(self, img0: Tensor, img1: Tensor, timestep: Tensor | None = None) -> Tensor:
        """Pictures N×3×H×W in any values, and N×1×H×W times, to N×3×H×W."""
        times = torch.full_like(img0[:, :1], MIDDLE) if timestep is None else timestep
        ends = pad_to_multiple(self.config.alignment(1), img0, img1, times)
        looks = ends[0].clamp(0, 1), ends[1].clamp(0, 1)
        ops, maps = TorchOperations(img0), []
        with ExitStack() as hooks:
            if type(self.network) is IFNet:  # as the filter, which evaluates each block's map by itself
                for block in self.network.blocks:
                    hooks.callback(block.register_forward_hook(lambda _, _inputs, out: maps.append(out)).remove)
            estimate = self.network.estimate(*looks, MIDDLE if timestep is None else ends[2])
        outputs = maps or [estimate.flow]
        scales = map(self.config.map_scale, self.config.scales) if maps else [1]
        cell_flow = ops.cell_flow(zip(outputs, scales, strict=True))
        pair = Pair((ends[0], ends[1]), looks, estimate.flow, estimate.mask, ends[2], cell_flow)
        picture: Tensor = make_sharp_picture(ops, pair)
        return picture if estimate.residual is None else (picture + ops.picture(estimate.residual)).clamp(0, 1)


class TorchOperations(Operations):
    """PyTorch's operations, in forms that a trace keeps for any size and device.

    Args:
        like: a picture, for its size and device.
    """

    def __init__(self, like: Tensor) -> None:
        height, width = like.shape[-2:]
        rows, columns = (height + 1) // CELL, (width + 3) // (2 * CELL) * 2
        self._like = like
        self._sizes = {"picture": (height, width), "covered": (rows * CELL, columns * CELL), "cells": (rows, columns)}

    def channels(self, x: Tensor, first: int, end: int) -> Tensor:
        return x[:, first:end]

    def concat(self, *values: Tensor) -> Tensor:
        return torch.cat(values, 1)

    def unary(self, kind: str, x: Tensor) -> Tensor:
        out: Tensor = getattr(torch, kind)(x)
        return out

    def smaller(self, a: Tensor, b: Tensor | float) -> Tensor:
        return torch.minimum(a, b) if isinstance(b, Tensor) else a.clamp(max=b)

    def larger(self, a: Tensor, b: Tensor | float) -> Tensor:
        return torch.maximum(a, b) if isinstance(b, Tensor) else a.clamp(min=b)

    def at_most(self, a: Tensor, b: Tensor | float) -> Tensor:
        return (a <= b).to(a.dtype)

    def padded(self, x: Tensor, before: int, after: int) -> Tensor:
        return pad(x, (before, after, before, after), mode="replicate")

    def trimmed(self, x: Tensor, left: int, right: int, top: int, bottom: int) -> Tensor:
        return x[..., top : -bottom or None, left : -right or None]

    def mean(self, x: Tensor, side: int) -> Tensor:
        return avg_pool2d(x, side, stride=1)

    def resized(self, x: Tensor, factor: float) -> Tensor:
        return interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False, recompute_scale_factor=False)

    def picture(self, x: Tensor) -> Tensor:
        return self._cropped(x, "picture")

    def covered(self, x: Tensor) -> Tensor:
        return self._cropped(x, "covered")

    def cells(self, x: Tensor) -> Tensor:
        return self._cropped(x, "cells")

    def places(self, of: Extent) -> Places:
        height, width = self._sizes[of]
        one = torch.ones_like(self._like[:1, :1, :1, :1])
        columns, rows = one.expand(1, 1, 1, width).cumsum(3) - 1, one.expand(1, 1, height, 1).cumsum(2) - 1
        return Places(columns, rows, columns[..., -1:], rows[..., -1:, :])

    def sample(self, x: Tensor, across: Tensor, down: Tensor) -> Tensor:
        *_, last_column, last_row = self.places("covered")
        places = torch.cat((across / last_column * 2 - 1, down / last_row * 2 - 1), 1).permute(0, 2, 3, 1)
        return grid_sample(x, places, padding_mode="border", align_corners=True)

    def look_up(self, x: Tensor, rows: Sequence[Tensor], columns: Sequence[Tensor]) -> list[list[Tensor]]:
        flat, width = x.flatten(2), self._sizes["picture"][1]

        def pixels(row: Tensor, column: Tensor) -> Tensor:
            index = (row.long() * width + column.long()).flatten(2).expand(-1, x.shape[1], -1)
            return flat.gather(2, index).view_as(x)

        return [[pixels(row, column) for column in columns] for row in rows]

    def _cropped(self, x: Tensor, of: Extent) -> Tensor:
        height, width = self._sizes[of]
        return x[..., :height, :width]


class Midpoint(nn.Module):
    """A midpoint-only network with all its inputs as tensors."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, img0: Tensor, img1: Tensor) -> Tensor:
        """Pictures N×3×H×W in 0..1 to N×3×H×W."""
        out: Tensor = self.network(img0, img1)
        return out


def write_torchscript(network: IFNet | LegacyNetwork, target: Path, *, sharp: bool = False) -> None:
    """Write a traced network: fp32, for pictures of any size, on any device.

    It takes two pictures, N×3×H×W in 0..1, and unless it is midpoint-only, times that broadcast to N×1×H×W.

    Args:
        network: without adaptive scale.
        target: the file.
        sharp: whether the filter's picture step follows the network.

    Raises:
        RifeError: the file cannot be written.
    """
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand(2, 1, 3, *EXAMPLE, generator=generator).unbind()
    # The warnings are about sizes in traces, which are followed here, and about TorchScript's age.
    with torch.no_grad(), warnings.catch_warnings(action="ignore"), _scripted_warp():
        callee = Sharp(network) if sharp else network
        wrapped: nn.Module = AnyTime(callee) if network.config.any_time else Midpoint(callee)
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
