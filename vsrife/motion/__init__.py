"""The filter's two primitives: a block's input from what is known so far, and planes moved along the motion."""

from vsrife.motion.ensemble import MASK_RULES, PASSES, Flip, MeanMotion, View, flipped
from vsrife.motion.field import Blend, BlockMap, Motion, swap_ends
from vsrife.motion.reference import level_input, synthesise
from vsrife.motion.sites import Sites

__all__ = [
    "MASK_RULES",
    "PASSES",
    "Blend",
    "BlockMap",
    "Flip",
    "MeanMotion",
    "Motion",
    "Sites",
    "View",
    "flipped",
    "level_input",
    "swap_ends",
    "synthesise",
]
