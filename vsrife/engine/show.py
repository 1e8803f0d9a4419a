"""Drawings over a picture, for people: flow in colour, the mask, where a frame lies in time, where cuts are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vsrife.engine.layers import Layer, at_sites
from vsrife.engine.picture import black, plane_differences
from vsrife.motion import SampleGrid

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsrife.engine.picture import Colour, PictureFormat
    from vsrife.motion import Blend

__all__ = ["flow_colours", "painter"]

Painted = tuple[Tensor, Tensor]
"""A picture, 1×3×H×W RGB in 0..1, and how far it covers what is below, 1×1×H×W."""
COLOURS = {
    "source": (0.2, 0.8, 0.3),
    "tail": (0.5, 0.5, 0.5),
    "still": (0.9, 0.8, 0.2),
    "made": (0.2, 0.5, 1.0),
    "cut": (1.0, 0.15, 0.1),
}
LEFT, RIGHT = (1.0, 0.55, 0.1), (0.1, 0.45, 1.0)
COVER = 0.7
"""How far colours cover the picture."""
FULL_COLOUR = 1 / 20
"""Motion, in widths of the picture, that has the full colour."""


def painter(
    show: str, form: PictureFormat, kind: str, timestep: float, score: float
) -> Callable[[list[Tensor], Colour, Blend | None], list[Tensor]]:
    """What draws over a picture's planes.

    Args:
        show: `flow`, the motion from the left frame to the right: hue is its direction, colour its length; `mask`,
            orange where the left frame is seen and blue where the right is; `time`, a bar as long as the timestep;
            `cuts`, one as long as the cut score. Bars have a colour for each kind: green source, blue made, red cut,
            yellow still, grey the tail.
        form: of the planes.
        kind: of the frame.
        timestep: of the frame.
        score: of a cut, 0..1.
    """

    def paint(planes: list[Tensor], colour: Colour, motion: Blend | None) -> list[Tensor]:
        device = planes[0].device
        if show in ("time", "cuts"):
            length = timestep if show == "time" else score
            picture, cover = _bar(form, length, COLOURS[kind], device)
        elif motion is None:
            return planes
        else:
            flow, weight = motion.blend(*SampleGrid(form.height, form.width).coordinates(device))
            if show == "flow":
                picture = flow_colours((flow[:, 2:] - flow[:, :2]) / (form.width * FULL_COLOUR))
            else:
                picture = _between(RIGHT, LEFT, weight)
            cover = torch.full_like(weight, COVER)
        return over(planes, form, colour, picture, cover)

    return paint


def over(planes: list[Tensor], form: PictureFormat, colour: Colour, picture: Tensor, cover: Tensor) -> list[Tensor]:
    """An RGB picture in the format of some planes, laid over them."""
    drawn = [
        plane + low for plane, low in zip(plane_differences(picture, form, colour), black(form, colour), strict=True)
    ]
    layer = Layer(form, tuple(planes), tuple(drawn), colour.chroma_location, form.width, form.height)
    out = []
    for sites, group in layer.groups():
        weight = at_sites(cover, sites)[0, 0]
        out += [torch.lerp(below, above, weight) for below, above in zip(planes[group], drawn[group], strict=True)]
    return out


def flow_colours(flow: Tensor) -> Tensor:
    """Motion as colour: 1×2×H×W (x, y; 1 is full colour) to 1×3×H×W RGB. Still is white, to the right is red."""
    length = flow.square().sum(1, keepdim=True).sqrt().clamp(max=1)
    hue = torch.atan2(flow[:, 1:], flow[:, :1]) * (3 / torch.pi)  # sixths of the wheel
    offsets = hue.new_tensor([5, 3, 1]).view(1, 3, 1, 1)
    place = (hue + offsets) % 6
    full = 1 - torch.minimum(place, 4 - place).clamp(0, 1)
    return 1 - length * (1 - full)


def _between(first: tuple[float, ...], last: tuple[float, ...], weight: Tensor) -> Tensor:
    start, end = (weight.new_tensor(colour).view(1, 3, 1, 1) for colour in (first, last))
    return torch.lerp(start, end, weight)


def _bar(form: PictureFormat, length: float, colour: tuple[float, ...], device: torch.device) -> Painted:
    """A bar along the lower edge, its rest dark."""
    rows = max(4, form.height // 40)
    picture = torch.zeros(1, 3, form.height, form.width, device=device)
    cover = torch.zeros(1, 1, form.height, form.width, device=device)
    cover[..., -rows:, :] = 0.85
    columns = max(2, round(length * form.width))
    picture[..., -rows:, :columns] = picture.new_tensor(colour).view(1, 3, 1, 1)
    return picture, cover
