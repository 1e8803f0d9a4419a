"""The 4.x networks as the filter runs them: motion as small maps, block inputs evaluated only where they are read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vsrife.motion import BlockMap, Motion, PackedMap, level_input
from vsrife.networks.fold import folded
from vsrife.networks.ifnet import DOUBLING_MOTION

if TYPE_CHECKING:
    from vsrife.networks import IFNet

__all__ = ["FastForm", "Pair"]

COARSE = 8
"""Blocks at this scale and above keep fp32 where the others run in bf16; worth 2 to 13 dB to the fp32 result."""


class FastForm:
    """A 4.x network that estimates motion without a full-size intermediate."""

    def __init__(self, network: IFNet, device: torch.device, dtype: torch.dtype) -> None:
        self.config = network.config
        self.dtype = dtype
        self._device = device
        self._prepare(network)

    def _prepare(self, network: IFNet) -> None:
        self._network = folded(network).to(self._device).to(memory_format=torch.channels_last)
        for block, scale in zip(self._network.blocks, self.config.scales, strict=True):
            block.to(self._block_dtype(scale))
        if self.config.head:
            self._network.encode.to(self._head_dtype)

    @property
    def _head_dtype(self) -> torch.dtype:
        """The features' precision: bf16 has too few digits for what all blocks compare, and the head is small."""
        return torch.float32 if self.dtype == torch.bfloat16 else self.dtype

    def _block_dtype(self, scale: float) -> torch.dtype:
        """A block's precision: the coarse ones decide where all goes and cost little, so bf16 leaves them fp32."""
        return torch.float32 if self.dtype == torch.bfloat16 and scale >= COARSE else self.dtype

    def look(self, picture: Tensor) -> Tensor:
        """What the network sees of an aligned N×3×H×W RGB picture in 0..1: itself and its head features, fp32."""
        if not self.config.head:
            return picture
        features = self._network.features(picture.to(self._head_dtype, memory_format=torch.channels_last))
        return torch.cat((picture, features.float()), 1)

    def motion(
        self, look0: Tensor, look1: Tensor, timestep: float | Tensor, scale: float, *, ensemble: bool = False
    ) -> Motion:
        """Flow and mask between two looked-at pictures.

        Args:
            look0: `look` of the picture at time 0.
            look1: the same at time 1.
            timestep: 0..1, or an N×1×H×W map of times.
            scale: flow scale.
            ensemble: the ensemble published inside the network, for those that have one.
        """
        scales = self.config.block_scales(scale)
        pair = Pair(look0, look1, timestep, ensemble)
        motion = Motion((), self.config.accumulates_mask)
        if self.config.doubles:
            coarsest = self._refine(motion, pair, scales[:1])
            alone = replace(pair, ensemble=False)
            if self._moves_far(self._refine(coarsest, alone, scales[:2]).maps[1], *self._size(look0)):
                scales = tuple(2 * s for s in scales)
                coarsest = self._refine(motion, alone, scales[:1])
            motion = coarsest
        return self._refine(motion, pair, scales)

    def _refine(self, motion: Motion, pair: Pair, scales: tuple[float, ...]) -> Motion:
        """Run the blocks that have not run yet, as far as there are scales."""
        for index in range(len(motion.maps), len(scales)):
            block = self._block(index, scales[index], motion, pair)
            if pair.ensemble:
                block = block.mean(self._block(index, scales[index], motion.swapped(), pair.swapped()).swapped())
            motion = Motion((*motion.maps, block), motion.accumulates_mask)
        return motion

    def _block(self, index: int, scale: float, motion: Motion, pair: Pair) -> BlockMap | PackedMap:
        """One block's output map."""
        x = level_input(pair.look0, pair.look1, motion, pair.timestep, scale=scale, handed_on=self.config.handed_on)
        x = x.to(self._block_dtype(self.config.scales[index]), memory_format=torch.channels_last)
        out: Tensor = self._network.blocks[index](x)
        return BlockMap(out.float().contiguous(), self.config.map_scale(scale))

    def _size(self, look: Tensor) -> tuple[int, int]:
        """Height and width of a picture that was looked at."""
        return look.shape[2], look.shape[3]

    @staticmethod
    def _moves_far(block: BlockMap | PackedMap, height: int, width: int) -> bool:
        ys, xs = (torch.arange(size, dtype=torch.float32, device=block.data.device) for size in (height, width))
        pixels = block.at(ys, xs)[:, :4].abs() * block.scale
        return bool(pixels[:, :2].max() > DOUBLING_MOTION and pixels[:, 2:].max() > DOUBLING_MOTION)


@dataclass(frozen=True)
class Pair:
    """What a block refines the motion of."""

    look0: Tensor
    look1: Tensor
    timestep: float | Tensor
    ensemble: bool

    def swapped(self) -> Pair:
        """Ends exchanged, time reversed."""
        return Pair(self.look1, self.look0, 1 - self.timestep, self.ensemble)
