"""Backward warping as it was published: the definition of right for `vsrife.motion`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import grid_sample

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["backward_warp"]


def backward_warp(picture: Tensor, flow: Tensor) -> Tensor:
    """Look up, for every pixel, where its flow points to.

    Args:
        picture: N×C×H×W.
        flow: N×2×H×W in pixels, x before y. Pixel (x, y) of the result is `picture` at (x + flow x, y + flow y).

    Bilinear; coordinates count pixel centres from 0 (`align_corners=True`) and are clamped to the picture, whatever
    the dtype of the picture they are fp32.
    """
    if picture.shape[1] == 0:
        return picture
    height, width = picture.shape[-2:]
    ys = torch.arange(height, dtype=torch.float32, device=flow.device).view(1, -1, 1)
    xs = torch.arange(width, dtype=torch.float32, device=flow.device).view(1, 1, -1)
    x = (xs + flow[:, 0].float()) * (2 / max(width - 1, 1)) - 1
    y = (ys + flow[:, 1].float()) * (2 / max(height - 1, 1)) - 1
    grid = torch.stack((x, y), dim=-1)
    warped = grid_sample(picture.float(), grid, mode="bilinear", padding_mode="border", align_corners=True)
    return warped.to(picture.dtype)
