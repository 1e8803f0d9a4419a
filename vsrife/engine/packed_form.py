"""The 4.x networks by the compiled kernels: `FastForm` with every tensor's channels packed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vsrife.engine.fast_form import FastForm
from vsrife.engine.packed_block import PackedBlock, PackedHead
from vsrife.motion import cpu
from vsrife.motion.field import PackedMap
from vsrife.motion.packing import Packing
from vsrife.networks.fold import folded

if TYPE_CHECKING:
    from vsrife.engine.fast_form import Pair
    from vsrife.motion import Motion
    from vsrife.networks import IFNet

__all__ = ["PackedForm"]


class PackedForm(FastForm):
    """A 4.x network on the CPU, its blocks' inputs made by the compiled kernels; fp32 or bf16."""

    def _prepare(self, network: IFNet) -> None:
        config = network.config
        network = folded(network)
        self._packing = Packing(config.features, config.handed_on)
        self._blocks = [
            PackedBlock(block, config, index, self._packing, self._block_dtype(scale), self._device)
            for index, (block, scale) in enumerate(zip(network.blocks, config.scales, strict=True))
        ]
        self._head = PackedHead(network.encode, self._head_dtype, self._device) if config.head else None
        self._inputs: dict[tuple[object, ...], Tensor] = {}

    def look(self, picture: Tensor) -> Tensor:
        """What the network sees of an aligned N×3×H×W RGB picture: N×H×W×C, itself, its head features and padding."""
        features = self._head(picture) if self._head else None
        return cpu.looked(picture, features, self._packing)

    def _size(self, look: Tensor) -> tuple[int, int]:
        return look.shape[1], look.shape[2]

    def _block(self, index: int, scale: float, motion: Motion, pair: Pair) -> PackedMap:
        block = self._blocks[index]
        x = self._input(index, scale, pair.look0)
        cpu.level_input(
            pair.look0, pair.look1, motion, pair.timestep, scale=scale, packing=self._packing, out=x
        )
        return PackedMap(block(x.permute(0, 3, 1, 2)), block.channels, self.config.map_scale(scale))

    def _input(self, index: int, scale: float, look: Tensor) -> Tensor:
        """A block's input, which the last of its size may be written over: large ones cost more to get than to fill."""
        count, height, width, _ = look.shape
        shape = (count, int(height / scale), int(width / scale), self._packing.inputs)
        key = (shape, self._block_dtype(self.config.scales[index]))
        if key not in self._inputs:
            if len(self._inputs) >= 2 * len(self._blocks):
                self._inputs.clear()
            self._inputs[key] = torch.empty(shape, dtype=key[1])
        return self._inputs[key]
