"""The filter's two primitives: a block's input from what is known so far, and planes moved along the motion."""

from vsrife.motion.field import BlockMap, Motion
from vsrife.motion.reference import level_input, synthesise
from vsrife.motion.sites import Sites

__all__ = ["BlockMap", "Motion", "Sites", "level_input", "synthesise"]
