"""Diagnostic drawings on a picture: flow in colour, the mask, a frame's timestep, cut scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vsrife.engine.compose import PlanePair, at_grid
from vsrife.engine.picture import black, plane_differences
from vsrife.motion import SampleGrid

if TYPE_CHECKING:
    from vsrife.engine.picture import Colour, PictureFormat
    from vsrife.motion import Blend

__all__ = ["Overlay", "flow_colours"]

COLOURS = {
    "source": (0.2, 0.8, 0.3),
    "tail": (0.5, 0.5, 0.5),
    "still": (0.9, 0.8, 0.2),
    "made": (0.2, 0.5, 1.0),
    "cut": (1.0, 0.15, 0.1),
}
LEFT, RIGHT = (1.0, 0.55, 0.1), (0.1, 0.45, 1.0)
OPACITY = 0.7
"""Opacity of flow and mask."""
FULL_COLOUR = 1 / 20
"""Motion, in widths of the picture, that has the full colour."""


@dataclass(frozen=True)
class Overlay:
    """A drawing on a frame.

    Args:
        show: `flow`, the motion from the left frame to the right, whose hue is its direction and whose saturation its
            length; `mask`, orange where the left frame shows and blue where the right one does; `time`, a bar as long
            as the timestep; `cuts`, a bar as long as the cut score.
        kind: kind of the frame, which colours the bar: source green, interpolated blue, cut red, still yellow, tail
            grey.
        timestep: timestep of the frame.
        score: cut score of its pair, 0..1.
    """

    show: str
    kind: str
    timestep: float
    score: float

    def paint(self, planes: list[Tensor], form: PictureFormat, colour: Colour, motion: Blend | None) -> list[Tensor]:
        """The planes of a frame with the drawing on them; unchanged where it shows motion and there is none."""
        device = planes[0].device
        if self.show in ("time", "cuts"):
            length = self.timestep if self.show == "time" else self.score
            return _lay_over(planes, form, colour, *_bar(form, length, COLOURS[self.kind], device))
        if motion is None:
            return planes
        flow, weight, _ = motion.blend(*SampleGrid(form.height, form.width).coordinates(device))
        if self.show == "flow":
            picture = flow_colours((flow[:, 2:] - flow[:, :2]) / (form.width * FULL_COLOUR))
        else:
            right, left = (weight.new_tensor(values).view(1, 3, 1, 1) for values in (RIGHT, LEFT))
            picture = torch.lerp(right, left, weight)
        return _lay_over(planes, form, colour, picture, torch.full_like(weight, OPACITY))


def flow_colours(flow: Tensor) -> Tensor:
    """Flow as colour: 1×2×H×W (x, y; length 1 has the full colour) to 1×3×H×W RGB. No motion is white, right is red."""
    length = flow.square().sum(1, keepdim=True).sqrt().clamp(max=1)
    hue = torch.atan2(flow[:, 1:], flow[:, :1]) * (3 / torch.pi)  # sixths of the wheel
    offsets = hue.new_tensor([5, 3, 1]).view(1, 3, 1, 1)
    position = (hue + offsets) % 6
    full = 1 - torch.minimum(position, 4 - position).clamp(0, 1)
    return 1 - length * (1 - full)


def _lay_over(
    planes: list[Tensor], form: PictureFormat, colour: Colour, picture: Tensor, opacity: Tensor
) -> list[Tensor]:
    """An RGB picture (1×3×H×W), converted to the planes' format, over them with an opacity (1×1×H×W)."""
    drawn = [
        plane + low for plane, low in zip(plane_differences(picture, form, colour), black(form, colour), strict=True)
    ]
    pair = PlanePair(form, tuple(planes), tuple(drawn), colour.chroma_location, form.width, form.height)
    out = []
    for grid, group in pair.groups():
        alpha = at_grid(opacity, grid)[0, 0]
        out += [torch.lerp(below, above, alpha) for below, above in zip(planes[group], drawn[group], strict=True)]
    return out


def _bar(form: PictureFormat, length: float, colour: tuple[float, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """A bar along the lower edge, dark beyond its length, and its opacity."""
    rows = max(4, form.height // 40)
    picture = torch.zeros(1, 3, form.height, form.width, device=device)
    opacity = torch.zeros(1, 1, form.height, form.width, device=device)
    opacity[..., -rows:, :] = 0.85
    columns = max(2, round(length * form.width))
    picture[..., -rows:, :columns] = picture.new_tensor(colour).view(1, 3, 1, 1)
    return picture, opacity
