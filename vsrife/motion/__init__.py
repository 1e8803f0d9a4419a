"""The filter's two primitives: a block's input from what is known so far, and planes moved along the motion."""

from vsrife.motion.ensemble import MeanMotion
from vsrife.motion.field import Blend, BlockMap, Motion, PackedMap, swap_ends
from vsrife.motion.reference import level_input, synthesise
from vsrife.motion.sites import Sites

__all__ = [
    "Blend",
    "BlockMap",
    "MeanMotion",
    "Motion",
    "PackedMap",
    "Sites",
    "level_input",
    "swap_ends",
    "synthesise",
]
