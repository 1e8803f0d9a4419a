"""How far results may lie from what they are compared with, by kind and dtype.

Values are those of pictures of 0 to 1, unless it says otherwise. A limit that the arithmetic of a scene explains stays
in its test.
"""

from __future__ import annotations

import torch

from vsrife.motion import launch

# fp32 against the same in PyTorch, in another order

ROUNDED = 1e-6
"""A few operations."""
SUMMED = 1e-5
"""Sums: convolutions, matrices, interpolation."""
RESAMPLED = 1e-4
"""Samples between pixels, whose positions differ in their last digits; and what follows from them, as small flows."""
FLOW = 1e-3
"""Motion in pixels at the picture's full size, and corrections."""
RGB = 3e-6
"""The compiled conversion to RGB."""
WINOGRAD = 3e-6
"""Root mean square of sums whose terms' squares add up to about 1; a direct sum comes within 1e-6."""

# kernels against the reference

BLOCK_INPUT = {torch.float32: {"atol": 3e-4}, torch.bfloat16: {"atol": 2e-2, "rtol": 5e-3}}
"""A block's input by the kernels in C."""
TRITON = {
    torch.float32: RESAMPLED,
    torch.float16: RESAMPLED + 2**-11,
    torch.bfloat16: RESAMPLED + 2**-8 * (2 if launch.INTERPRETED else 1),
}
"""By Triton's kernels, in parts of a value above 1: half of a short type's last digit; the interpreter cuts bf16 off
rather than round it."""
CONVOLVED = {torch.float32: {"atol": SUMMED, "rtol": 1e-2}, torch.bfloat16: {"atol": 2e-2, "rtol": 1e-2}}
PLANE, PLANE_OF_ANY_SIZE = 2e-4, 3e-4
"""Planes by the kernels in C, in parts of the largest value; floats are of 0 to 3 and may lie ten times as far."""
STEPS = {torch.uint8: 0.001, torch.uint16: 0.2, torch.float32: 0.2}
"""The share of such samples that may be another than the reference's, or half a unit away."""
TRITON_HALF_PLANE = 1e-3
"""Planes of fp16 by Triton's kernels."""


def plane_limit(share: float, peak: float) -> float:
    """The largest difference of a plane's samples: one step more where that decides the rounding to integers.

    Args:
        share: `PLANE` or `PLANE_OF_ANY_SIZE`.
        peak: the largest value of integers, 0 for floats.
    """
    return 1 + share * peak if peak else 10 * share


def triton_steps(peak: float) -> float:
    """The share of a plane's integers that may fall to the other side of a half, of 8 or 10 bits or of 16."""
    return 0.02 if peak < 2000 else 0.6


# frames of the engine

PUBLISHED = {"trained": 1e-4, "random": 3e-4}
"""In fp32 against the published network, by its weights."""
HALF_DB = {"published": 45, "fp32": 60}
"""bf16 and fp16 against the published network, and against the same engine in fp32."""
HALF_FILM_DB = {"bf16": 55, "fp16": 58}
"""Against fp32 through the filter, on real frames."""
ROUTES_DB = 60
"""Two routes in fp32: kernels or PyTorch, a network's own times or those of its middle."""
VIEWS_DB = 70
"""The mean of views at the size of maps or at full size."""
BANDS_DB = {"fp32": 90, "random": 100, "other": 70, "8 bit": 60}
"""A frame in bands against one in one piece: fp32 by the kernels, random weights, other routes, 8-bit planes."""
RECOVERED_DB = 80
"""The same of random weights and 8-bit planes of a small picture."""

# frames of the filter

STILL_DB, STILL = 78, 4 / 255
"""A picture between two that are equal: PSNR, and the largest difference in parts of the peak; every format."""
BY_RGB_DB = {"made up": 40, "film": 45}
"""8-bit 4:2:0 against a conversion to RGBS and back around the filter."""
TO_RGB_DB, TO_RGB = 46, {"16 bit": 2e-4, "rgb": 1e-6}
"""Pictures as networks read them, against zimg's: subsampled, YUV of 16 bits, RGB of every depth."""
