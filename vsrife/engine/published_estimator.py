"""Networks that run in the form they were published in: those before 4.x, and 4.0 with its RefineNet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vsrife.motion import BlockMap, Motion

if TYPE_CHECKING:
    from vsrife.engine.estimator import Estimate
    from vsrife.networks import LegacyNetwork, RefinedIFNet

__all__ = ["PublishedEstimator"]


class PublishedEstimator:
    """A network in fp32 on any device, with its residual; encoded pictures are N×3×H×W.

    See `vsrife.engine.estimator.MotionEstimator`.
    """

    dtype = torch.float32
    has_bands = False
    takes_batches = False

    def __init__(self, network: LegacyNetwork | RefinedIFNet, device: torch.device) -> None:
        self.config = network.config
        self._network = network.to(device)

    def encode(self, rgb: Tensor, band: int = 0) -> Tensor:
        return rgb.permute(0, 3, 1, 2)

    def estimate(
        self,
        encoded0: Tensor,
        encoded1: Tensor,
        timestep: Tensor,
        scale: float,
        *,
        ensemble: bool = False,
        band: int = 0,
    ) -> Estimate:
        time = float(timestep) if timestep.numel() == 1 else timestep
        estimate = self._network.estimate(encoded0, encoded1, time, scale)
        whole = BlockMap(torch.cat((estimate.flow, estimate.mask), 1).float().contiguous(), 1)
        return Motion((whole,)), estimate.residual

    def release(self) -> None:
        """Nothing is kept."""
