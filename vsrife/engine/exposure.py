"""The exposure at which a network sees frames of floats: networks know pictures of 0 to 1.

Samples of floats may lie in another range: 0 to 100 in scene-referred light, 0 to 0.01 where it is dark. Two frames
are seen at the same exposure, a power of two that depends on these two alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import adaptive_avg_pool2d

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from vsrife.engine.picture import Colour

__all__ = ["encoded_light", "exponent_of", "exposed", "find_peak"]

GAMMA = 2.2
"""The exponent by which linear light is encoded, roughly as all video is."""
PARTS = (20, 32)
"""Parts of a picture; the brightest one counts, so that a few bright pixels do not darken the rest."""
DARKEST, BRIGHTEST = 1 / 16, 1.25
"""Peaks between these are left as they are."""
BLACK = 2.0**-30


def find_peak(planes: Sequence[Tensor], family: str, colour: Colour) -> float:
    """The mean of the brightest of a picture's parts, in luma or in R, G and B, as the network would see it.

    Args:
        planes: h×w each, of floats; values that are not finite count as 0.
        family: `rgb`, or another one, whose first plane is luma.
        colour: whether they are linear light.
    """
    shown = planes if family == "rgb" else planes[:1]
    means = [adaptive_avg_pool2d(plane.float().nan_to_num(0.0, 0.0, 0.0)[None, None], PARTS) for plane in shown]
    peak = float(torch.stack([mean.amax() for mean in means]).amax())
    return max(0.0, peak) ** (1 / GAMMA) if colour.is_linear else peak


def exponent_of(peak: float) -> int:
    """The power of two by which a picture of this peak is divided; 0 for the usual ones and for black."""
    return 0 if peak < BLACK or DARKEST <= peak <= BRIGHTEST else math.ceil(math.log2(peak))


def exposed(planes: tuple[Tensor, ...], colour: Colour, exponent: int) -> tuple[Tensor, ...]:
    """Planes from which a picture is divided by 2 to a power."""
    if not exponent:
        return planes
    factor = 2.0 ** (-exponent * (GAMMA if colour.is_linear else 1))
    return tuple((plane.float() * factor).to(plane.dtype) for plane in planes)


def encoded_light(rgb: Tensor) -> Tensor:
    """Linear light of 0 to 1 as video encodes it."""
    return rgb.pow(1 / GAMMA)
