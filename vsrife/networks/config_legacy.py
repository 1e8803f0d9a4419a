"""The architectures besides the 4.x line: the paper's networks, the 3.x family, and 4.0 with its RefineNet."""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm
from typing import ClassVar

from vsrife.networks.config import IFNetConfig, Pyramid

__all__ = ["AnyConfig", "HDv3Config", "LegacyConfig", "PaperConfig", "RefinedConfig"]


@dataclass(frozen=True)
class PaperConfig(Pyramid):
    """A network of the paper (Huang et al., ECCV 2022): IFNet with RefineNet, RIFEm, or a test-time variant.

    Args:
        any_time: whether the timestep is an input (RIFEm); without it the network is midpoint-only, t = 0.5.
        fine: 2R, twice the resolution inside: the first downsampling of IFNet and of RefineNet is left out.
        turned: 2T, the picture is averaged with that of the pictures turned by 180°.
        widths: body channels of each block.
        scales: block i works at 1/scales[i] of the picture's size.
        refines: whether RefineNet adds a residual; without it the network is IFNet alone.
    """

    any_time: bool = False
    fine: bool = False
    turned: bool = False
    widths: tuple[int, ...] = (240, 150, 90)
    scales: tuple[int, ...] = (4, 2, 1)
    refines: bool = True

    def inputs(self, block: int) -> int:
        """Input channels of a block: two pictures, perhaps the timestep; from block 1 on both warped, mask and flow."""
        first = 6 + self.any_time
        return first if block == 0 else first + 6 + 1 + 4

    def map_scale(self, block_scale: float) -> float:
        return block_scale if self.fine else 2 * block_scale

    def alignment(self, scale: float) -> int:
        """See `IFNetConfig.alignment`: with `fine` a block halves its input once; RefineNet needs 16, with `fine` 8."""
        coarsest = (2 if self.fine else 4) * max(self.scales)
        if self.refines:
            coarsest = lcm(coarsest, 8 if self.fine else 16)
        return int(max(coarsest, coarsest / scale))


@dataclass(frozen=True)
class HDv3Config(Pyramid):
    """A network of the 3.x family (HDv3), from 3.5 on: three equal blocks, no RefineNet, midpoint-only.

    Args:
        widths: body channels of each block.
        scales: block i works at 1/scales[i] of the picture's size.
        two_steps: whether a block's two heads enlarge twice, to the block's input size (from 3.6), or once (3.5).
        swaps: whether each block is also run with the pictures swapped and averaged; optional in 3.8 as published.
        adapts: adaptive scale: at run time the scales are doubled where a coarse first pass finds far motion (3.8).
    """

    widths: tuple[int, ...] = (90, 90, 90)
    scales: tuple[int, ...] = (4, 2, 1)
    two_steps: bool = True
    swaps: bool = True
    adapts: bool = False
    any_time: ClassVar[bool] = False
    refines: ClassVar[bool] = False

    def map_scale(self, block_scale: float) -> float:
        return block_scale if self.two_steps else 2 * block_scale

    def alignment(self, scale: float) -> int:
        coarsest = 4 * max(self.scales) * (2 if self.adapts else 1)
        return int(max(coarsest, coarsest / scale))


@dataclass(frozen=True)
class RefinedConfig(IFNetConfig):
    """A 4.x network together with the RefineNet its authors trained with it and left out of their fast form."""

    refines: ClassVar[bool] = True

    def alignment(self, scale: float) -> int:
        return lcm(super().alignment(scale), 16)


LegacyConfig = PaperConfig | HDv3Config
"""The networks that are not an IFNet of the 4.x line."""
AnyConfig = IFNetConfig | LegacyConfig
