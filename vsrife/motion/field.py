"""Motion as the network leaves it: one small map a block, evaluated only where it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["Blend", "BlockMap", "Motion", "PackedMap", "resample"]


class Blend(Protocol):
    """What planes are moved along: a motion, or the mean of several."""

    def blend(self, ys: Tensor, xs: Tensor) -> tuple[Tensor, Tensor]:
        """Evaluate at picture coordinates `ys` (M, fp32) and `xs` (K, fp32).

        Returns:
            Flow N×4×M×K in picture pixels (Ft→0 x, y, Ft→1 x, y) and the weight of picture 0, N×1×M×K in 0..1.
        """
        ...


@dataclass(frozen=True)
class BlockMap:
    """What one block put out.

    Args:
        data: N×C×h×w, fp32: 4 channels of flow in map pixels (Ft→0 x, y, then Ft→1 x, y), 1 of mask logits, the rest
            handed on to the next block.
        scale: picture pixels to one map pixel; map sample k lies at picture coordinate (k + ½)·scale − ½
            (`align_corners=False`).
    """

    data: Tensor
    scale: float

    def at(self, ys: Tensor, xs: Tensor) -> Tensor:
        """All channels at picture coordinates `ys` × `xs`: N×C×len(ys)×len(xs)."""
        return resample(self.data, (ys + 0.5) / self.scale - 0.5, (xs + 0.5) / self.scale - 0.5)

    def part(self, index: int) -> BlockMap:
        """That of one pair of a batch."""
        return BlockMap(self.data[index : index + 1], self.scale)

    def swapped(self) -> BlockMap:
        """The map for exchanged pictures: Ft→1 before Ft→0, the mask's sign turned."""
        return BlockMap(swap_ends(self.data), self.scale)

    def mean(self, other: BlockMap | PackedMap) -> BlockMap:
        """The mean of two maps of one scale."""
        return BlockMap((self.data + other.data) / 2, self.scale)


@dataclass(frozen=True)
class PackedMap:
    """A `BlockMap` as the kernels read it: channels last, padded, before the network's pixel shuffle.

    Args:
        stored: N×h×w×C, w even, or N×h/2×w/2×2×2×C where the network shuffles pixels; C is 8 or 16, fp32 or bf16.
        channels: those that are not padding.
        scale: see `BlockMap`.
    """

    stored: Tensor
    channels: int
    scale: float

    @property
    def height(self) -> int:
        """Rows of the map."""
        return self.stored.shape[1] * (2 if self.stored.dim() == 6 else 1)

    @property
    def width(self) -> int:
        """Columns of the map."""
        return self.stored.shape[2] * (2 if self.stored.dim() == 6 else 1)

    @cached_property
    def data(self) -> Tensor:
        """See `BlockMap`."""
        stored = self.stored[..., : self.channels].float()
        if stored.dim() == 6:
            stored = stored.permute(0, 1, 3, 2, 4, 5).flatten(3, 4).flatten(1, 2)
        return stored.permute(0, 3, 1, 2).contiguous()

    def at(self, ys: Tensor, xs: Tensor) -> Tensor:
        """See `BlockMap`."""
        return BlockMap(self.data, self.scale).at(ys, xs)

    def part(self, index: int) -> PackedMap:
        """That of one pair of a batch."""
        return PackedMap(self.stored[index : index + 1], self.channels, self.scale)

    def swapped(self) -> PackedMap:
        """See `BlockMap`."""
        return PackedMap(swap_ends(self.stored, -1), self.channels, self.scale)

    def mean(self, other: BlockMap | PackedMap) -> PackedMap:
        """The mean of two maps of one scale."""
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
            Flow N×4×M×K in picture pixels (Ft→0 x, y, Ft→1 x, y), mask logits N×1×M×K, and what the last block handed
            on, N×(C−5)×M×K.
        """
        *earlier, last = self.maps
        here = last.at(ys, xs)
        flow, mask, hidden_channels = here[:, :4] * last.scale, here[:, 4:5], here[:, 5:]
        for block in earlier:
            channels = 5 if self.accumulates_mask else 4
            there = BlockMap(block.data[:, :channels], block.scale).at(ys, xs)
            flow = flow + there[:, :4] * block.scale
            if self.accumulates_mask:
                mask = mask + there[:, 4:5]
        return flow, mask, hidden_channels

    def blend(self, ys: Tensor, xs: Tensor) -> tuple[Tensor, Tensor]:
        """See `Blend`: the weight is σ(mask)."""
        flow, mask, _ = self.at(ys, xs)
        return flow, mask.sigmoid()

    def part(self, index: int) -> Motion:
        """That of one pair of a batch."""
        return Motion(tuple(m.part(index) for m in self.maps), self.accumulates_mask)

    def swapped(self) -> Motion:
        """The same motion seen from the other end: flows exchanged, mask negated."""
        return Motion(tuple(m.swapped() for m in self.maps), self.accumulates_mask)


def swap_ends(data: Tensor, dim: int = 1) -> Tensor:
    """A map's channels, which are along `dim`, for exchanged pictures: Ft→1 before Ft→0, the mask's sign turned."""
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
