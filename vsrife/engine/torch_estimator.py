"""The 4.x networks by PyTorch alone: motion as small maps, block inputs evaluated only where they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vsrife.engine.bands import bands
from vsrife.engine.estimator import Pair, coarse_to_fine
from vsrife.engine.precision import PrecisionPlan
from vsrife.motion import BlockMap, block_input
from vsrife.networks.fold import folded

if TYPE_CHECKING:
    from vsrife.engine.estimator import Estimate
    from vsrife.motion import Motion
    from vsrife.networks import IFNet

__all__ = ["TorchEstimator"]


class TorchEstimator:
    """A 4.x network on any device; encoded pictures are N×(3 + features)×H×W, fp32.

    See `vsrife.engine.estimator.MotionEstimator`.
    """

    has_bands = True

    def __init__(self, network: IFNet, device: torch.device, dtype: torch.dtype) -> None:
        self.config = network.config
        self.dtype = dtype
        self.takes_batches = not self.config.doubles
        self._plan = PrecisionPlan.by_blocks(self.config, dtype)
        self._network = folded(network).to(device).to(memory_format=torch.channels_last)
        for block, block_dtype in zip(self._network.blocks, self._plan.bodies, strict=True):
            block.to(block_dtype)
        if self.config.head:
            self._network.encode.to(self._plan.head)

    def encode(self, rgb: Tensor, band: int = 0) -> Tensor:
        picture = rgb.permute(0, 3, 1, 2)
        if not self.config.head:
            return picture
        count, _, height, width = picture.shape
        out = picture.new_empty(count, 3 + self.config.features, height, width)
        out[:, :3] = picture
        for rows in bands(height, band):
            part = picture[:, :, rows.top : rows.bottom]
            features = self._network.features(part.to(self._plan.head, memory_format=torch.channels_last))
            out[:, 3:, rows.kept_rows()] = features[:, :, rows.kept_within()]
        return out

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
        size = encoded0.shape[2], encoded0.shape[3]
        pair = Pair(encoded0, encoded1, timestep, size, ensemble, band)
        return coarse_to_fine(self._run_block, self.config, pair, scale), None

    def release(self) -> None:
        """Nothing is kept."""

    def _run_block(self, index: int, scale: float, motion: Motion, pair: Pair) -> BlockMap:
        dtype, map_scale = self._plan.bodies[index], self.config.map_scale(scale)
        height, width = (int(size / map_scale) for size in pair.size)
        out = pair.encoded0.new_empty(pair.encoded0.shape[0], self.config.outputs, height, width)
        shrink = int(map_scale / scale)
        for rows in bands(height * shrink, pair.band):
            x = block_input(
                pair.encoded0,
                pair.encoded1,
                motion,
                pair.timestep,
                scale=scale,
                hidden_channels=self.config.hidden_channels,
                rows=slice(rows.top, rows.bottom),
            )
            part = self._network.blocks[index](x.to(dtype, memory_format=torch.channels_last))
            out[:, :, rows.kept_rows(shrink)] = part[:, :, rows.kept_within(shrink)]
        return BlockMap(out, map_scale)
