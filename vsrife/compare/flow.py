"""Motion between two pictures: as numbers, and as a key to the colours it is drawn in."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import numpy as np
import torch

from vsrife.engine import Colour, HostFrame, Interpolator, Options, PictureFormat, Timestep
from vsrife.engine.overlay import flow_colours

if TYPE_CHECKING:
    from torch import Tensor

    from vsrife.engine import Engine

__all__ = ["FlowFinder", "colour_wheel", "coloured"]


class FlowFinder:
    """Motion by a network, of pictures of one size that follow one another.

    Args:
        engine: the network.
        scale: the flow scale.
    """

    def __init__(self, engine: Engine, scale: float = 1) -> None:
        self._engine = engine
        self._options = Options(scale)
        self._numbers = count()
        self._size: tuple[int, int] | None = None
        self._last: tuple[Tensor, HostFrame] | None = None

    def __call__(self, first: Tensor, last: Tensor) -> Tensor:
        """Motion from the first picture to the last of what is visible half-way: 2×H×W, x before y, in pixels.

        A picture that was the last one of the previous call is not encoded again.

        Args:
            first: uint8, 3×H×W, RGB, contiguous, at least 16×16.
            last: picture of the same shape and type.
        """
        height, width = first.shape[1:]
        if self._size != (height, width):
            form = PictureFormat("rgb", 8, False, 0, 0, width, height)
            self._interpolator = Interpolator(self._engine, form, self._options)
            self._size, self._last = (height, width), None
        known = self._last is not None and self._last[0] is first
        left = self._last[1] if self._last is not None and known else self._source(first)
        right = self._source(last)
        found = np.empty((5 * height, width), np.float32)
        self._interpolator.write_motion(left, right, Timestep(0.5), found)
        self._last = last, right
        motion = torch.from_numpy(found).view(5, height, width)
        return motion[2:4] - motion[:2]

    def _source(self, picture: Tensor) -> HostFrame:
        return HostFrame(next(self._numbers), list(picture.numpy()), Colour(full_range=True))


def coloured(flow: Tensor, full: float) -> Tensor:
    """Motion as a picture: uint8, 3×H×W; hue is its direction, and `full` pixels of it have the full colour."""
    return (flow_colours(flow[None] / full)[0] * 255).round().to(torch.uint8)


def colour_wheel(size: int) -> Tensor:
    """The key: a disc whose places have the colour of the motion that leads there from its middle, 4×H×W, RGBA."""
    places = (torch.arange(size) + 0.5) / size * 2 - 1
    flow = torch.stack((places.expand(size, size), places[:, None].expand(size, size)))
    cover = ((1 - flow.square().sum(0).sqrt()) * size / 2 + 0.5).clamp(0, 1)
    return torch.cat((coloured(flow, 1), (cover * 255).round().to(torch.uint8)[None]))
