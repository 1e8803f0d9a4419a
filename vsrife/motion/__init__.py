"""The filter's two primitives: a block's input from the earlier blocks' motion, and planes warped and blended."""

from vsrife.motion.devices import device_kernels, why_no_kernels
from vsrife.motion.ensemble import MeanMotion
from vsrife.motion.evidence import CELL, cell_flow, cell_grid, find_correction, mean_luma, shift_in_time
from vsrife.motion.field import Blend, BlockMap, CorrectedMotion, Motion, PackedMap, swap_ends
from vsrife.motion.kernels import KernelError, Kernels, supports
from vsrife.motion.reference import block_input, warp_and_blend
from vsrife.motion.sample_grid import SampleGrid

__all__ = [
    "CELL",
    "Blend",
    "BlockMap",
    "CorrectedMotion",
    "KernelError",
    "Kernels",
    "MeanMotion",
    "Motion",
    "PackedMap",
    "SampleGrid",
    "block_input",
    "cell_flow",
    "cell_grid",
    "device_kernels",
    "find_correction",
    "mean_luma",
    "shift_in_time",
    "supports",
    "swap_ends",
    "warp_and_blend",
    "why_no_kernels",
]
