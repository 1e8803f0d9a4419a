"""A network on a device, shared by every filter that asks for the same."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vsrife.engine.slot import device_slot
from vsrife.motion import BlockMap, Motion, level_input
from vsrife.networks.fold import folded
from vsrife.weights import load_network

if TYPE_CHECKING:
    from pathlib import Path

    from vsrife.networks import IFNet

__all__ = ["Engine", "shared_engine"]

DOUBLING_MOTION = 32
"""Pixels that block 1 must add to both flows for the 4.0 networks to look again at twice the scale."""

COARSE = 8
"""Blocks at this scale and above keep fp32 where the others run in bf16; worth 2 to 13 dB to the fp32 result."""


class Engine:
    """The network's fast form on one device: motion estimated from pictures, without a full-size intermediate."""

    def __init__(self, network: IFNet, device: torch.device, dtype: torch.dtype) -> None:
        self.config = network.config
        self.device = device
        self.dtype = dtype
        self.slot = device_slot(device)
        self._network = folded(network).to(device).to(memory_format=torch.channels_last)
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
        """What the network sees of an aligned N×3×H×W RGB picture: itself and its head features, fp32."""
        if not self.config.head:
            return picture
        features = self._network.features(picture.to(self._head_dtype, memory_format=torch.channels_last))
        return torch.cat((picture, features.float()), 1)

    def motion(self, look0: Tensor, look1: Tensor, timestep: float | Tensor, scale: float) -> Motion:
        """Flow and mask between two looked-at pictures.

        Args:
            look0: `look` of the picture at time 0.
            look1: the same at time 1.
            timestep: 0..1, or an N×1×H×W map of times.
            scale: flow scale.
        """
        scales = self.config.block_scales(scale)
        motion = self._refine(Motion((), self.config.accumulates_mask), look0, look1, timestep, scales[:2])
        if self.config.doubles and self._moves_far(motion.maps[1], look0):
            scales = tuple(2 * s for s in scales)
            motion = self._refine(Motion((), self.config.accumulates_mask), look0, look1, timestep, scales[:2])
        return self._refine(motion, look0, look1, timestep, scales)

    def _refine(
        self, motion: Motion, look0: Tensor, look1: Tensor, timestep: float | Tensor, scales: tuple[float, ...]
    ) -> Motion:
        """Run the blocks that have not run yet, as far as there are scales."""
        for index in range(len(motion.maps), len(scales)):
            scale = scales[index]
            x = level_input(look0, look1, motion, timestep, scale=scale, handed_on=self.config.handed_on)
            out = self._network.blocks[index](
                x.to(self._block_dtype(self.config.scales[index]), memory_format=torch.channels_last)
            )
            block = BlockMap(out.float().contiguous(), self.config.map_scale(scale))
            motion = Motion((*motion.maps, block), motion.accumulates_mask)
        return motion

    @staticmethod
    def _moves_far(block: BlockMap, look: Tensor) -> bool:
        ys, xs = (torch.arange(size, dtype=torch.float32, device=look.device) for size in look.shape[-2:])
        pixels = block.at(ys, xs)[:, :4].abs() * block.scale
        return bool(pixels[:, :2].max() > DOUBLING_MOTION and pixels[:, 2:].max() > DOUBLING_MOTION)


@dataclass(frozen=True)
class _Key:
    model: str | None
    path: Path | None
    stamp: tuple[int, int] | None
    device: torch.device
    dtype: torch.dtype


_engines: weakref.WeakValueDictionary[_Key, Engine] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def shared_engine(model: str | None, path: Path | None, device: torch.device, dtype: torch.dtype) -> Engine:
    """The engine for a model, device and precision: made by the first who asks, kept while someone holds it.

    Raises:
        ModelError: see `vsrife.weights.load_network`.
    """
    stamp = None
    if path is not None and path.is_file():
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
    key = _Key(model, path, stamp, device, dtype)
    with _lock:
        engine = _engines.get(key)
        if engine is None:
            engine = _engines[key] = Engine(load_network(model, path), device, dtype)
        return engine
