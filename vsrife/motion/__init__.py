"""The filter's two primitives: a block's input from the earlier blocks' motion, and planes warped and blended."""

from vsrife.motion.devices import device_kernels, why_no_kernels
from vsrife.motion.ensemble import MeanMotion
from vsrife.motion.field import Blend, BlockMap, Motion, PackedMap, swap_ends
from vsrife.motion.kernels import KernelError, Kernels, supports
from vsrife.motion.reference import block_input, warp_and_blend
from vsrife.motion.sample_grid import SampleGrid

__all__ = [
    "Blend",
    "BlockMap",
    "KernelError",
    "Kernels",
    "MeanMotion",
    "Motion",
    "PackedMap",
    "SampleGrid",
    "block_input",
    "device_kernels",
    "supports",
    "swap_ends",
    "warp_and_blend",
    "why_no_kernels",
]
