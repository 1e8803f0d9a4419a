"""A 4.x network with the RefineNet it was trained with, in the form it was published in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsrife.networks.estimate import Estimate, Stages
from vsrife.networks.ifnet import IFNet
from vsrife.networks.refine import ContextNet, UNet, residual

if TYPE_CHECKING:
    from torch import Tensor

    from vsrife.networks.blocks import Block
    from vsrife.networks.config_legacy import RefinedConfig

__all__ = ["RefinedIFNet"]


class RefinedIFNet(IFNet):
    """RIFE 4.0 with all its published parts: IFNet's motion and mask, and RefineNet's residual."""

    config: RefinedConfig

    def __init__(self, config: RefinedConfig) -> None:
        super().__init__(config)
        self.contextnet = ContextNet()
        self.unet = UNet()

    def estimate(
        self, img0: Tensor, img1: Tensor, timestep: float | Tensor = 0.5, scale: float = 1, *, ensemble: bool = False
    ) -> Estimate:
        """As `IFNet.estimate`, with the residual."""
        flow, mask, _ = super().estimate(img0, img1, timestep, scale, ensemble=ensemble)
        return Estimate(
            flow, mask, residual(self.contextnet, self.unet, img0.clamp(0, 1), img1.clamp(0, 1), flow, mask)
        )

    def stages(
        self, img0: Tensor, img1: Tensor, timestep: Tensor, truth: Tensor | None = None, teacher: Block | None = None
    ) -> Stages:
        """As `IFNet.stages`, the last with the residual."""
        student, taught = super().stages(img0, img1, timestep, truth, teacher)
        flow, mask, _ = student[-1]
        last = Estimate(flow, mask, residual(self.contextnet, self.unet, img0, img1, flow, mask))
        return Stages((*student[:-1], last), taught)
