"""Which layers of a 4.x network compute in fp32 where the others run in bf16: one plan for each implementation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from vsrife.networks import IFNetConfig

__all__ = ["PrecisionPlan"]

COARSE_SCALE = 8
COARSE_BLOCKS = 2


@dataclass(frozen=True)
class PrecisionPlan:
    """The dtypes of a network's convolutions.

    bf16 has too few digits for the layers that decide where everything goes, which are small: the head, whose features
    all blocks compare, and the coarse blocks. They are worth 2 to 13 dB to the fp32 result. fp16 and fp32 have enough
    digits everywhere.

    Args:
        rest: dtype of all other layers.
        head_entry: dtype of the head's first convolution.
        head: dtype of its other convolutions.
        entries: dtypes of the two convolutions that downscale each block's input.
        bodies: dtypes of each block's other convolutions.
    """

    rest: torch.dtype
    head_entry: torch.dtype
    head: torch.dtype
    entries: tuple[torch.dtype, ...]
    bodies: tuple[torch.dtype, ...]

    @classmethod
    def by_blocks(cls, config: IFNetConfig, dtype: torch.dtype) -> PrecisionPlan:
        """Whole blocks in one dtype, as PyTorch's modules run them: the head and blocks at 1/8 and coarser in fp32."""
        exact = _exact(dtype)
        blocks = tuple(exact if scale >= COARSE_SCALE else dtype for scale in config.scales)
        return cls(dtype, exact, exact, blocks, blocks)

    @classmethod
    def by_layers(cls, config: IFNetConfig, dtype: torch.dtype) -> PrecisionPlan:
        """Single layers, as the kernels run them: the head's first convolution and the two coarsest entries in fp32."""
        exact = _exact(dtype)
        count = len(config.widths)
        entries = tuple(exact if index < COARSE_BLOCKS else dtype for index in range(count))
        return cls(dtype, exact, dtype, entries, (dtype,) * count)


def _exact(dtype: torch.dtype) -> torch.dtype:
    return torch.float32 if dtype == torch.bfloat16 else dtype
