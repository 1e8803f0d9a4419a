"""The same scene seen otherwise: crops, mirrors, quarter turns, time and colours reversed (section 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

__all__ = ["Triplet", "augmented"]


class Triplet(NamedTuple):
    """Three pictures of a scene. RGB, uint8, 3×H×W each, in a batch N×3×H×W.

    Args:
        img0: at time 0.
        img1: at time 1.
        truth: between them.
        timestep: when that was, 0 < t < 1; in a batch N values, fp32.
    """

    img0: Tensor
    img1: Tensor
    truth: Tensor
    timestep: Tensor


def augmented(
    first: Picture, truth: Picture, last: Picture, timestep: float, crop: int, rng: np.random.Generator | None
) -> Triplet:
    """A triplet of crops.

    Args:
        first: H×W×3, at time 0.
        truth: the same at `timestep`.
        last: the same at time 1.
        timestep: of the truth.
        crop: its sides; what a smaller picture lacks is mirrored at its border.
        rng: what is done at random; without it, the middle is cut out and nothing else done.
    """
    height, width = first.shape[:2]
    room = max(height - crop, 0), max(width - crop, 0)
    top, left = (int(rng.integers(r + 1)) if rng else r // 2 for r in room)
    pictures = np.stack([picture[top : top + crop, left : left + crop] for picture in (first, truth, last)])
    lack = [(0, 0), *((0, crop - side) for side in pictures.shape[1:3]), (0, 0)]
    if any(after for _, after in lack):
        pictures = np.pad(pictures, lack, mode="symmetric")
    if rng:
        flips = rng.random(5) < 0.5
        if flips[0]:
            pictures = pictures[:, ::-1]
        if flips[1]:
            pictures = pictures[:, :, ::-1]
        if flips[2]:
            pictures = pictures.transpose(0, 2, 1, 3)
        if flips[3]:
            pictures = pictures[..., ::-1]
        if flips[4]:
            pictures, timestep = pictures[::-1], 1 - timestep
    img0, middle, img1 = (torch.from_numpy(np.ascontiguousarray(p.transpose(2, 0, 1))) for p in pictures)
    return Triplet(img0, img1, middle, torch.tensor(timestep, dtype=torch.float32))
