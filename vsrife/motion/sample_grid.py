"""Positions of a plane's samples on the picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["SampleGrid"]


@dataclass(frozen=True)
class SampleGrid:
    """The grid of a plane's samples, in picture pixels.

    Sample (x, y) of the plane lies at (x·step_x + offset_x, y·step_y + offset_y) on the picture, whose pixel centres
    count from 0. A full-size plane has step 1 and offset 0; 4:2:0 chroma has step 2 and an offset of 0, ½ or 1 by its
    chroma location; a picture of half the size has step 2 and offset ½.
    """

    height: int
    width: int
    step_y: float = 1
    step_x: float = 1
    offset_y: float = 0
    offset_x: float = 0

    def coordinates(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Picture coordinates of the rows (height) and columns (width), fp32."""
        ys = torch.arange(self.height, dtype=torch.float32, device=device) * self.step_y + self.offset_y
        xs = torch.arange(self.width, dtype=torch.float32, device=device) * self.step_x + self.offset_x
        return ys, xs

    def rescaled(self, width: int, height: int, picture_width: int, picture_height: int) -> SampleGrid:
        """The grid on a picture of another size that shows the same scene as this one of `width`×`height` pixels."""
        by_y, by_x = picture_height / height, picture_width / width
        offset_y, offset_x = (self.offset_y + 0.5) * by_y - 0.5, (self.offset_x + 0.5) * by_x - 0.5
        return SampleGrid(self.height, self.width, self.step_y * by_y, self.step_x * by_x, offset_y, offset_x)
