"""The 4.x networks as the filter runs them: motion as small maps, block inputs evaluated only where they are read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vsrife.engine.bands import BAND, bands
from vsrife.motion import BlockMap, Motion, PackedMap, block_input
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

    def look(self, picture: Tensor, band: int = 0) -> Tensor:
        """What the network sees of an aligned N×3×H×W RGB picture in 0..1: itself and its head features, fp32.

        Args:
            picture: that.
            band: rows that are made at a time, see `vsrife.engine.bands`; 0 for the whole picture.
        """
        if not self.config.head:
            return picture
        count, _, height, width = picture.shape
        out = picture.new_empty(count, 3 + self.config.features, height, width)
        out[:, :3] = picture
        for rows in bands(height, band):
            part = picture[:, :, rows.top : rows.bottom]
            features = self._network.features(part.to(self._head_dtype, memory_format=torch.channels_last))
            out[:, 3:, rows.place()] = features[:, :, rows.kept()]
        return out

    def motion(
        self,
        look0: Tensor,
        look1: Tensor,
        timestep: float | Tensor,
        scale: float,
        *,
        ensemble: bool = False,
        band: int = 0,
    ) -> Motion:
        """Flow and mask between two looked-at pictures.

        Args:
            look0: `look` of the picture at time 0.
            look1: the same at time 1.
            timestep: 0..1, or an N×1×H×W map of times.
            scale: flow scale.
            ensemble: the ensemble published inside the network, for those that have one.
            band: rows of a block's input that are made and read at a time; 0 for all.
        """
        scales = self.config.block_scales(scale)
        pair = Pair(look0, look1, timestep, ensemble, band)
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
        dtype, up = self._block_dtype(self.config.scales[index]), self.config.map_scale(scale)
        height, width = (int(size / up) for size in self._size(pair.look0))
        made = pair.look0.new_empty(pair.look0.shape[0], self.config.outputs, height, width)
        shrunk = int(up / scale)
        for band in bands(height * shrunk, pair.band):
            x = block_input(
                pair.look0,
                pair.look1,
                motion,
                pair.timestep,
                scale=scale,
                hidden_channels=self.config.hidden_channels,
                rows=slice(band.top, band.bottom),
            )
            out = self._network.blocks[index](x.to(dtype, memory_format=torch.channels_last))
            made[:, :, band.place(shrunk)] = out[:, :, band.kept(shrunk)]
        return BlockMap(made, up)

    def _size(self, look: Tensor) -> tuple[int, int]:
        """Height and width of a picture that was looked at."""
        return look.shape[2], look.shape[3]

    @staticmethod
    def _moves_far(block: BlockMap | PackedMap, height: int, width: int) -> bool:
        flow = BlockMap(block.data[:, :4], block.scale)
        ys, xs = (torch.arange(size, dtype=torch.float32, device=flow.data.device) for size in (height, width))
        most = [
            (flow.at(ys[rows.place()], xs).abs() * flow.scale).amax((0, 2, 3)) for rows in bands(height, BAND, halo=0)
        ]
        far = torch.stack(most).amax(0) > DOUBLING_MOTION
        return bool(far[:2].any() and far[2:].any())


@dataclass(frozen=True)
class Pair:
    """What a block refines the motion of; `band` as for `FastForm.motion`."""

    look0: Tensor
    look1: Tensor
    timestep: float | Tensor
    ensemble: bool
    band: int = 0

    def swapped(self) -> Pair:
        """Ends exchanged, time reversed."""
        return Pair(self.look1, self.look0, 1 - self.timestep, self.ensemble, self.band)
