"""The 4.x networks by the compiled kernels: `FastForm` with every tensor's channels packed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vsrife.engine.bands import HALO, bands
from vsrife.engine.fast_form import FastForm
from vsrife.engine.packed_block import PackedBlock, PackedHead
from vsrife.engine.pool import Pool
from vsrife.motion.compiled import by_triton, compiled
from vsrife.motion.field import PackedMap
from vsrife.motion.packing import Packing
from vsrife.networks.fold import folded

if TYPE_CHECKING:
    from vsrife.engine.fast_form import Pair
    from vsrife.motion import Motion
    from vsrife.networks import IFNet

__all__ = ["PackedForm"]

STRIP_BYTES = 1280 << 10
LEAST_ROWS = 8


class PackedForm(FastForm):
    """A 4.x network whose blocks' inputs are made by the device's compiled kernels."""

    def _prepare(self, network: IFNet) -> None:
        config = network.config
        network = folded(network)
        kernels = compiled(self._device)
        assert kernels is not None
        self._kernels = kernels
        self._packing = Packing(config.features, config.hidden_channels)
        self._blocks = [
            PackedBlock(block, config, index, self._packing, (self._entry_dtype(index), self.dtype), self._device)
            for index, block in enumerate(network.blocks)
        ]
        self._pool = Pool()
        self._head = PackedHead(network.encode, self.dtype, self._device) if config.head else None

    def look(self, picture: Tensor, band: int = 0) -> Tensor:
        """What the network sees of an aligned N×3×H×W RGB picture: N×H×W×C, itself, its head features and padding.

        Args:
            picture: that.
            band: see `FastForm.look`.
        """
        count, _, height, width = picture.shape
        if not band and by_triton(self._device):
            return self._kernels.looked(picture, self._head(picture) if self._head else None, self._packing)
        if by_triton(self._device):
            out = picture.new_empty(count, height, width, self._packing.look)
        else:
            out = self._pool.empty(count, height, width, self._packing.look)
        if not band:
            return self._kernels.looked(picture, self._head(picture) if self._head else None, self._packing, out)
        for rows in bands(height, band):
            part = picture[:, :, rows.top : rows.bottom]
            seen = self._kernels.looked(part, self._head(part) if self._head else None, self._packing)
            out[:, rows.place()] = seen[:, rows.kept()]
        return out

    def release(self) -> None:
        """Give up memory that is kept for later."""
        self._pool.clear()

    def _size(self, look: Tensor) -> tuple[int, int]:
        return look.shape[1], look.shape[2]

    def _entry_dtype(self, index: int) -> torch.dtype:
        """Precision of the two convolutions that shrink a block's input: fp32 for the two coarsest blocks,
        where it costs little and bf16 would lose digits that decide where all goes; worth 2 dB, up to 6.
        """
        return torch.float32 if self.dtype == torch.bfloat16 and index < 2 else self.dtype

    def _block(self, index: int, scale: float, motion: Motion, pair: Pair) -> PackedMap:
        block = self._blocks[index]
        count, height, width = pair.look0.shape[0], *(int(size / scale) for size in self._size(pair.look0))
        dtype = self._entry_dtype(index)
        rows = pair.band + 2 * HALO if pair.band else height
        if self._device.type == "cpu":
            rows = strip_rows(height, count * width * self._packing.inputs * dtype.itemsize)
        rows = min(rows, height)
        strip = torch.empty(count, rows + 1, width, self._packing.inputs, dtype=dtype, device=self._device)
        level = self._kernels.Level(pair.look0, pair.look1, motion, pair.timestep, scale=scale, packing=self._packing)
        up = self.config.map_scale(scale)
        if not pair.band or pair.band >= height:
            return PackedMap(block(level.fill, strip, height), block.channels, up)
        made: Tensor | None = None
        for band in bands(height, pair.band):

            def fill(row: int, out: Tensor, top: int = band.top) -> None:
                level.fill(top + row, out)

            part = block(fill, strip, band.bottom - band.top)
            if made is None:
                made = part.new_empty(count, height // 2, *part.shape[2:])
            made[:, band.place(2)] = part[:, band.kept(2)]
        assert made is not None
        return PackedMap(made, block.channels, up)


def strip_rows(height: int, row_bytes: int) -> int:
    """Rows of a block's input that are made, and read, at a time: so many as stay in a core's cache; even."""
    rows = max(STRIP_BYTES // row_bytes // 2 * 2, LEAST_ROWS)
    return height if rows * 3 // 2 >= height else rows
