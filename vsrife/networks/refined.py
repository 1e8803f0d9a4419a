"""A 4.x network with the RefineNet it was trained with, in the form it was published in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vsrife.networks.ancestor import padded
from vsrife.networks.estimate import Estimate
from vsrife.networks.ifnet import IFNet
from vsrife.networks.refine import ContextNet, UNet, residual

if TYPE_CHECKING:
    from vsrife.networks.config_ancestors import RefinedConfig

__all__ = ["RefinedIFNet"]


class RefinedIFNet(IFNet):
    """RIFE 4.0 with all its published parts: IFNet's motion and mask, and RefineNet's residual."""

    config: RefinedConfig

    def __init__(self, config: RefinedConfig) -> None:
        super().__init__(config)
        self.contextnet = ContextNet()
        self.unet = UNet()

    def estimate(
        self,
        img0: Tensor,
        img1: Tensor,
        timestep: float | Tensor = 0.5,
        scale: float = 1,
        *,
        ensemble: bool = False,
    ) -> Estimate:
        """Motion, mask and residual of aligned pictures.

        Args:
            img0: N×3×H×W in 0..1, at time 0; sides are multiples of `config.alignment(scale)`.
            img1: the same at time 1.
            timestep: 0..1, or an N×1×H×W map of times.
            scale: flow scale, see `SCALES`.
            ensemble: see `IFNet.forward`.
        """
        if not isinstance(timestep, Tensor):
            timestep = torch.full_like(img0[:, :1], timestep)
        ends = img0, img1, self.features(img0), self.features(img1)
        flow, mask = self._motion(ends, timestep, self.config.block_scales(scale), ensemble)
        return Estimate(flow, mask, residual(self.contextnet, self.unet, img0, img1, flow, mask))

    def forward(
        self, img0: Tensor, img1: Tensor, timestep: float | Tensor = 0.5, *, scale: float = 1, ensemble: bool = False
    ) -> Tensor:
        """The picture between two pictures: blended as `IFNet.forward` does, corrected and clamped to 0..1."""
        height, width = img0.shape[-2:]
        align = self.config.alignment(scale)
        first, last = padded(align, img0.clamp(0, 1), img1.clamp(0, 1))
        if isinstance(timestep, Tensor):
            (timestep,) = padded(align, timestep)
        made = self.estimate(first, last, timestep, scale, ensemble=ensemble).picture(first, last)
        return made[..., :height, :width]
