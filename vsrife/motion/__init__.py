"""The filter's two primitives: a block's input from what is known so far, and planes moved along the motion."""

from vsrife.motion.ensemble import MeanMotion
from vsrife.motion.field import Blend, BlockMap, Motion, PackedMap, swap_ends
from vsrife.motion.reference import block_input, warp_and_blend
from vsrife.motion.sample_grid import SampleGrid

__all__ = [
    "Blend",
    "BlockMap",
    "MeanMotion",
    "Motion",
    "PackedMap",
    "SampleGrid",
    "block_input",
    "swap_ends",
    "warp_and_blend",
]
