"""The 4.x networks by the compiled kernels: every tensor's channels are packed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vsrife.engine.bands import HALO, bands
from vsrife.engine.estimator import Pair, coarse_to_fine
from vsrife.engine.kernel_layers import KernelBlock, KernelHead
from vsrife.engine.precision import PrecisionPlan
from vsrife.motion import PackedMap
from vsrife.motion.packing import Packing
from vsrife.motion.thread_count import usable_threads
from vsrife.networks.fold import folded

if TYPE_CHECKING:
    from vsrife.engine.estimator import Estimate
    from vsrife.motion import Kernels, Motion
    from vsrife.networks import IFNet

__all__ = ["KernelEstimator", "strip_rows"]

STRIP_BYTES = 1280 << 10
FEWEST_ROWS = 8


class KernelEstimator:
    """A 4.x network on the kernels' device; encoded pictures are N×H×W×`packing.encoded_channels`.

    See `vsrife.engine.estimator.MotionEstimator`.
    """

    has_bands = True

    def __init__(self, network: IFNet, kernels: Kernels, dtype: torch.dtype) -> None:
        self.config = network.config
        self.dtype = dtype
        self.takes_batches = not self.config.doubles
        self.packing = Packing(self.config.features, self.config.hidden_channels)
        self.plan = PrecisionPlan.by_layers(self.config, dtype)
        self._kernels = kernels
        network, device = folded(network), kernels.device
        self.blocks = [
            KernelBlock(block, self.config, index, self.packing, self.plan, device)
            for index, block in enumerate(network.blocks)
        ]
        self.head = KernelHead(network.encode, self.plan, device) if self.config.head else None

    @staticmethod
    def supports(network: IFNet, kernels: Kernels, dtype: torch.dtype) -> bool:
        """Whether the kernels know the precision and as many maps as the network has blocks."""
        return dtype in kernels.precisions and len(network.config.widths) <= kernels.max_maps

    def encode(self, rgb: Tensor, band: int = 0) -> Tensor:
        if not band:
            return self._encode(rgb)
        count, height, width, _ = rgb.shape
        out = self._kernels.empty(count, height, width, self.packing.encoded_channels)
        for rows in bands(height, band):
            part = self._encode(rgb[:, rows.top : rows.bottom])
            out[:, rows.kept_rows()] = part[:, rows.kept_within()]
        return out

    def _encode(self, rgb: Tensor) -> Tensor:
        features = self.head(rgb.permute(0, 3, 1, 2)) if self.head else None
        return self._kernels.encode(rgb, features, self.packing)

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
        size = encoded0.shape[1], encoded0.shape[2]
        pair = Pair(encoded0, encoded1, timestep, size, ensemble, band)
        return coarse_to_fine(self._run_block, self.config, pair, scale), None

    def release(self) -> None:
        """The kernels keep all that can be given up."""

    def _run_block(self, index: int, scale: float, motion: Motion, pair: Pair) -> PackedMap:
        block, device = self.blocks[index], self._kernels.device
        count, height, width = pair.encoded0.shape[0], *(int(size / scale) for size in pair.size)
        dtype, channels = self.plan.entries[index], self.packing.input_channels
        rows = pair.band + 2 * HALO if pair.band else height
        if device.type == "cpu":
            rows = strip_rows(height, count * width * channels * dtype.itemsize)
            if block.writes_rows(height, width):
                rows *= usable_threads()
        strip = torch.empty(count, min(rows, height) + 1, width, channels, dtype=dtype, device=device)
        whole = self._kernels.block_input(
            pair.encoded0, pair.encoded1, motion, pair.timestep, scale=scale, packing=self.packing
        )
        map_scale = self.config.map_scale(scale)
        if not pair.band or pair.band >= height:
            return PackedMap(block(whole, strip, 0, height), block.channels, map_scale)
        out: Tensor | None = None
        for band in bands(height, pair.band):
            part = block(whole, strip, band.top, band.bottom)
            if out is None:
                out = part.new_empty(count, height // 2, *part.shape[2:])
            out[:, band.kept_rows(2)] = part[:, band.kept_within(2)]
        assert out is not None
        return PackedMap(out, block.channels, map_scale)


def strip_rows(height: int, row_bytes: int) -> int:
    """Rows of a block's input that are written, and read, at a time: as many as a core's cache keeps; even."""
    rows = max(STRIP_BYTES // row_bytes // 2 * 2, FEWEST_ROWS)
    return height if rows * 3 // 2 >= height else rows
