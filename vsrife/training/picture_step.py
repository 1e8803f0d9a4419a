"""The pictures that training compares with the truth, through the filter's picture steps, differentiably."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vsrife.motion import (
    CELL,
    BlockMap,
    CorrectedMotion,
    Motion,
    PackedMap,
    SampleGrid,
    cell_flow,
    cell_grid,
    find_correction,
    mean_luma,
    warp_and_blend,
)
from vsrife.networks import Estimate

if TYPE_CHECKING:
    from vsrife.training.data import Triplet

__all__ = ["PICTURE_STEPS", "make_picture"]


def published(estimate: Estimate, batch: Triplet) -> Tensor:
    """The picture as the network was published, by bilinear sampling alone."""
    return estimate.picture(batch.img0, batch.img1)


def sharp(estimate: Estimate, batch: Triplet) -> Tensor:
    """The picture that the filter makes of an estimate by default, see `vsrife.motion.evidence`.

    Straight motion is taken from the estimate at its own time, as the filter does where one frame lies between two.
    """
    maps = torch.cat((estimate.flow, estimate.mask), 1)
    picture = torch.cat(
        [
            _corrected(maps[n : n + 1], batch.img0[n : n + 1], batch.img1[n : n + 1], time)
            for n, time in enumerate(batch.timestep.tolist())
        ]
    )
    return picture if estimate.residual is None else (picture + estimate.residual).clamp(0, 1)


def _corrected(data: Tensor, img0: Tensor, img1: Tensor, time: float) -> Tensor:
    """The picture of one pair, 1×3×H×W; `data` are its flow and mask logits, 1×5×H×W."""
    size = img0.shape[-2:]
    cells, motion = cell_grid(*size), Motion((BlockMap(data, 1),))
    own = cell_flow(motion, cells, data.device)
    lumas = [mean_luma(_covering(picture, cells).permute(0, 2, 3, 1), cells) for picture in (img0, img1)]
    correction = find_correction(lumas[0], lumas[1], own, own[:, 2:] - own[:, :2], time)
    corrected = CorrectedMotion(motion, PackedMap(correction, correction.shape[-1], CELL))
    return warp_and_blend(img0, img1, corrected, SampleGrid(*size))


def _covering(picture: Tensor, cells: SampleGrid) -> Tensor:
    """A picture whose last column is repeated where the cells reach beyond it."""
    height, width = picture.shape[-2:]
    beyond = 0, CELL * cells.width - width, 0, CELL * cells.height - height
    return torch.nn.functional.pad(picture, beyond, mode="replicate")


PICTURE_STEPS = {"published": published, "sharp": sharp}
"""By the names that the filter's argument `picture` has."""


def make_picture(step: str, estimate: Estimate, batch: Triplet) -> Tensor:
    """The picture of an estimate through a picture step, in fp32.

    Args:
        step: of `PICTURE_STEPS`.
        estimate: of N pairs.
        batch: the pairs, in 0..1, and their times.

    Returns:
        N×3×H×W, not clamped where the network has no RefineNet.
    """
    residual = estimate.residual
    exact = Estimate(estimate.flow.float(), estimate.mask.float(), None if residual is None else residual.float())
    return PICTURE_STEPS[step](exact, batch)
