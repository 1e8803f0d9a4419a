"""What the networks before 4.x share: a block's two resizings, and other times than the middle."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from vsrife.errors import RifeError
from vsrife.networks.estimate import padded

if TYPE_CHECKING:
    from vsrife.networks.config_legacy import LegacyConfig
    from vsrife.networks.estimate import Estimate

__all__ = ["TIME_STEP", "LegacyNetwork"]

TIME_STEP = 1 / 16
"""How finely a network that knows only the middle serves other times: to the nearest multiple, in at most four runs."""


class LegacyNetwork(nn.Module):
    """A network that estimates motion, mask and perhaps a residual in `estimate`; the rest is here."""

    def __init__(self, config: LegacyConfig) -> None:
        super().__init__()
        self.config = config

    @property
    def blocks(self) -> list[nn.Module]:
        """The blocks, coarsest first."""
        return [self.get_submodule(f"block{index}") for index in range(len(self.config.widths))]

    @abstractmethod
    def estimate(self, img0: Tensor, img1: Tensor, timestep: float | Tensor = 0.5, scale: float = 1) -> Estimate:
        """What the network says about aligned N×3×H×W pictures in 0..1, see `Estimate`.

        Args:
            img0: at time 0; sides are multiples of `config.alignment(scale)`.
            img1: at time 1.
            timestep: 0..1 or an N×1×H×W map of times; 0.5 where `config.any_time` is off.
            scale: flow scale, see `SCALES`.

        Raises:
            RifeError: the network knows only t = 0.5 and another time was asked for.
        """

    def forward(self, img0: Tensor, img1: Tensor, timestep: float | Tensor = 0.5, *, scale: float = 1) -> Tensor:
        """The picture between two pictures.

        A network that knows only the middle (`config.any_time` off) serves other times by recursion in halves, to the
        nearest multiple of `TIME_STEP`: exact for 0, 1 and these multiples, else up to half a step off.

        Args:
            img0: N×3×H×W, RGB in 0..1 (clamped), at time 0; any H and W.
            img1: the same at time 1.
            timestep: 0..1; also an N×1×H×W map of times where `config.any_time` is on.
            scale: flow scale, see `SCALES`.

        Returns:
            N×3×H×W in 0..1.

        Raises:
            RifeError: the timestep is one that the network cannot serve.
        """
        height, width = img0.shape[-2:]
        align = self.config.alignment(scale)
        first, last = padded(align, img0.clamp(0, 1), img1.clamp(0, 1))
        if self.config.any_time:
            if isinstance(timestep, Tensor):
                (timestep,) = padded(align, timestep)
            made = self.estimate(first, last, timestep, scale).picture(first, last)
        else:
            if isinstance(timestep, Tensor) or not 0 <= timestep <= 1:
                got = "a map" if isinstance(timestep, Tensor) else timestep
                raise RifeError(
                    f"{type(self).__name__}: timestep must be 0..1 for a network made for t = 0.5, got {got}"
                )
            made = self._halved(first, last, round(timestep / TIME_STEP) * TIME_STEP, scale)
        return made[..., :height, :width]

    def _halved(self, img0: Tensor, img1: Tensor, timestep: float, scale: float) -> Tensor:
        """The picture at a multiple of a power of ½, from pictures half-way between known ones."""
        if timestep in (0, 1):
            return img1 if timestep else img0
        middle = self.estimate(img0, img1, 0.5, scale).picture(img0, img1)
        if timestep == 0.5:
            return middle
        if timestep < 0.5:
            return self._halved(img0, middle, 2 * timestep, scale)
        return self._halved(middle, img1, 2 * timestep - 1, scale)

    def _check_time(self, timestep: float | Tensor) -> None:
        if not self.config.any_time and (isinstance(timestep, Tensor) or timestep != 0.5):
            got = "a map" if isinstance(timestep, Tensor) else timestep
            raise RifeError(f"{type(self).__name__}.estimate: timestep must be 0.5 for this network, got {got}")

    def _refine(self, block: nn.Module, scale: float, inputs: Tensor, flow: Tensor | None) -> tuple[Tensor, Tensor]:
        """One block between its two resizings: what it adds to flow (N×4) and mask (N×1), at full size."""
        x = interpolate(inputs, scale_factor=1 / scale, mode="bilinear")
        if flow is not None:
            x = torch.cat((x, interpolate(flow, scale_factor=1 / scale, mode="bilinear") / scale), 1)
        up = self.config.map_scale(scale)
        out = interpolate(block(x), scale_factor=up, mode="bilinear")
        return out[:, :4] * up, out[:, 4:5]
