"""Motion as the network leaves it: one small map a block, evaluated only where it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["Blend", "BlockMap", "Motion", "resample"]


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


@dataclass(frozen=True)
class Motion:
    """Flow and mask between two pictures at one time, as a sum of block maps.

    Args:
        maps: coarsest first; none before the first block has run.
        accumulates_mask: whether the mask is the sum of all maps' masks or the last map's alone.
    """

    maps: tuple[BlockMap, ...] = ()
    accumulates_mask: bool = False

    def at(self, ys: Tensor, xs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Evaluate at picture coordinates `ys` (M, fp32) and `xs` (K, fp32).

        Returns:
            Flow N×4×M×K in picture pixels (Ft→0 x, y, Ft→1 x, y), mask logits N×1×M×K, and what the last block handed
            on, N×(C−5)×M×K.
        """
        *earlier, last = self.maps
        here = last.at(ys, xs)
        flow, mask, handed_on = here[:, :4] * last.scale, here[:, 4:5], here[:, 5:]
        for block in earlier:
            channels = 5 if self.accumulates_mask else 4
            there = BlockMap(block.data[:, :channels], block.scale).at(ys, xs)
            flow = flow + there[:, :4] * block.scale
            if self.accumulates_mask:
                mask = mask + there[:, 4:5]
        return flow, mask, handed_on

    def blend(self, ys: Tensor, xs: Tensor) -> tuple[Tensor, Tensor]:
        """See `Blend`: the weight is σ(mask)."""
        flow, mask, _ = self.at(ys, xs)
        return flow, mask.sigmoid()

    def part(self, index: int) -> Motion:
        """That of one pair of a batch."""
        maps = tuple(BlockMap(m.data[index : index + 1], m.scale) for m in self.maps)
        return Motion(maps, self.accumulates_mask)

    def swapped(self) -> Motion:
        """The same motion seen from the other end: flows exchanged, mask negated."""
        return Motion(tuple(BlockMap(swap_ends(m.data), m.scale) for m in self.maps), self.accumulates_mask)


def swap_ends(data: Tensor) -> Tensor:
    """A map's channels for exchanged pictures: Ft→1 before Ft→0, the mask's sign turned."""
    return torch.cat((data[:, 2:4], data[:, :2], -data[:, 4:5], data[:, 5:]), 1)


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
