"""Motion as a sum of small maps, one a block, evaluated only where it is needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

__all__ = ["Blend", "BlockMap", "CorrectedMotion", "Motion", "PackedMap", "Sampling", "resample"]


class Sampling(NamedTuple):
    """Where and how planes are sampled at both ends of an interval.

    Args:
        flow: N×4×M×K in picture pixels: Ft→0 x, y, then Ft→1 x, y.
        weight: N×1×M×K in 0..1: weight of picture 0.
        sharpness: N×1×M×K in 0..1: from the bilinear kernel to the bicubic one; None for bilinear throughout.
    """

    flow: Tensor
    weight: Tensor
    sharpness: Tensor | None = None


class Blend(Protocol):
    """A motion that planes are warped along, or the mean of several."""

    def blend(self, ys: Tensor, xs: Tensor) -> Sampling:
        """Evaluate at picture coordinates `ys` (M, fp32) and `xs` (K, fp32)."""
        ...


@dataclass(frozen=True)
class BlockMap:
    """The output of one block.

    Args:
        data: N×C×h×w, fp32: 4 channels of flow in map pixels (Ft→0 x, y, then Ft→1 x, y), 1 of mask logits, the rest
            hidden channels for the next block.
        scale: picture pixels to one map pixel; map sample k lies at picture coordinate (k + ½)·scale − ½
            (`align_corners=False`).
    """

    data: Tensor
    scale: float

    def at(self, ys: Tensor, xs: Tensor) -> Tensor:
        """All channels at picture coordinates `ys` × `xs`: N×C×len(ys)×len(xs)."""
        return resample(self.data, (ys + 0.5) / self.scale - 0.5, (xs + 0.5) / self.scale - 0.5)

    def part(self, index: int) -> BlockMap:
        """The map of one pair of a batch."""
        return BlockMap(self.data[index : index + 1], self.scale)

    def swapped(self) -> BlockMap:
        """The map for exchanged pictures, see `swap_ends`."""
        return BlockMap(swap_ends(self.data), self.scale)

    def mean(self, other: BlockMap | PackedMap) -> BlockMap:
        """The mean with another map of the same scale."""
        return BlockMap((self.data + other.data) / 2, self.scale)


@dataclass(frozen=True)
class PackedMap:
    """A `BlockMap` as the kernels read it: channels last, padded, before the network's pixel shuffle.

    Args:
        stored: N×h×w×C, w even, or N×h/2×w/2×2×2×C where the network shuffles pixels; C is 8 or 16.
        channels: number of channels that are not padding.
        scale: picture pixels to one map pixel, as in `BlockMap`.
    """

    stored: Tensor
    channels: int
    scale: float

    @property
    def height(self) -> int:
        return self.stored.shape[1] * (2 if self.stored.dim() == 6 else 1)

    @property
    def width(self) -> int:
        return self.stored.shape[2] * (2 if self.stored.dim() == 6 else 1)

    @cached_property
    def data(self) -> Tensor:
        stored = self.stored[..., : self.channels].float()
        if stored.dim() == 6:
            stored = stored.permute(0, 1, 3, 2, 4, 5).flatten(3, 4).flatten(1, 2)
        return stored.permute(0, 3, 1, 2).contiguous()

    def at(self, ys: Tensor, xs: Tensor) -> Tensor:
        return BlockMap(self.data, self.scale).at(ys, xs)

    def part(self, index: int) -> PackedMap:
        return PackedMap(self.stored[index : index + 1], self.channels, self.scale)

    def swapped(self) -> PackedMap:
        return PackedMap(swap_ends(self.stored, -1), self.channels, self.scale)

    def mean(self, other: BlockMap | PackedMap) -> PackedMap:
        assert isinstance(other, PackedMap)
        return PackedMap((self.stored + other.stored) / 2, self.channels, self.scale)


@dataclass(frozen=True)
class Motion:
    """Flow and mask between two pictures at one time, as a sum of block maps.

    Args:
        maps: coarsest first; none before the first block has run.
        accumulates_mask: whether the mask is the sum of all maps' masks or the last map's alone.
    """

    maps: tuple[BlockMap | PackedMap, ...] = ()
    accumulates_mask: bool = False

    def at(self, ys: Tensor, xs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Evaluate at picture coordinates `ys` (M, fp32) and `xs` (K, fp32).

        Returns:
            Flow N×4×M×K in picture pixels (Ft→0 x, y, Ft→1 x, y), mask logits N×1×M×K, and the hidden channels of the
            last block, N×(C−5)×M×K.
        """
        *earlier, last = self.maps
        values = last.at(ys, xs)
        flow, mask, hidden = values[:, :4] * last.scale, values[:, 4:5], values[:, 5:]
        for block in earlier:
            channels = 5 if self.accumulates_mask else 4
            values = BlockMap(block.data[:, :channels], block.scale).at(ys, xs)
            flow = flow + values[:, :4] * block.scale
            if self.accumulates_mask:
                mask = mask + values[:, 4:5]
        return flow, mask, hidden

    def blend(self, ys: Tensor, xs: Tensor) -> Sampling:
        """See `Blend`; the weight is σ(mask)."""
        flow, mask, _ = self.at(ys, xs)
        return Sampling(flow, mask.sigmoid())

    def part(self, index: int) -> Motion:
        """The motion of one pair of a batch."""
        return Motion(tuple(m.part(index) for m in self.maps), self.accumulates_mask)

    def swapped(self) -> Motion:
        """The motion for exchanged pictures: flows exchanged, mask negated."""
        return Motion(tuple(m.swapped() for m in self.maps), self.accumulates_mask)


@dataclass(frozen=True)
class CorrectedMotion:
    """A motion that is corrected by what the two pictures themselves say, see `vsrife.motion.evidence`.

    Args:
        motion: the network's.
        correction: at cells, of fp32; its channels: flow to be added, in picture pixels (4), what the network's flow is
            multiplied by, the weight to be added, what the network's weight is multiplied by, and the sharpness of the
            sampling kernel.
    """

    motion: Blend
    correction: PackedMap

    def blend(self, ys: Tensor, xs: Tensor) -> Sampling:
        """See `Blend`."""
        flow, weight, _ = self.motion.blend(ys, xs)
        values = self.correction.at(ys, xs)
        flow = flow * values[:, 4:5] + values[:, :4]
        return Sampling(flow, weight * values[:, 6:7] + values[:, 5:6], values[:, 7:8])


def swap_ends(data: Tensor, dim: int = 1) -> Tensor:
    """A map's channels, along `dim`, for exchanged pictures: Ft→1 before Ft→0, the mask negated."""
    forward, backward, mask = (data.narrow(dim, start, count) for start, count in ((0, 2), (2, 2), (4, 1)))
    return torch.cat((backward, forward, -mask, data.narrow(dim, 5, data.shape[dim] - 5)), dim)


def resample(x: Tensor, ys: Tensor, xs: Tensor) -> Tensor:
    """Bilinear lookup on a grid: N×C×h×w at its own coordinates `ys` × `xs`, clamped to it (`align_corners=True`)."""
    return _along(_along(x, ys, 2), xs, 3)


def _along(x: Tensor, at: Tensor, dim: int) -> Tensor:
    size = x.shape[dim]
    if at.shape[0] == size and bool((at == torch.arange(size, dtype=at.dtype, device=at.device)).all()):
        return x
    at = at.clamp(0, size - 1)
    low = at.floor().long()
    weight = (at - low).view(-1, *(1,) * (3 - dim))
    return x.index_select(dim, low).lerp_(x.index_select(dim, (low + 1).clamp_(max=size - 1)), weight)
