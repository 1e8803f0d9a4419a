"""Synthetic scenes: pictures and motion known exactly at every time.

Layers of texture lie one above the other; each moves, accelerates, turns and zooms by itself, so that they hide and
reveal one another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample, pad

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["Layer", "Scene", "random_scene", "random_texture"]

TEXELS = 2
"""Texels of a texture per pixel, before it zooms."""
TEXTURE = 512
"""Texels of a random texture's side."""
BORDER = 2
"""Texels that a bicubic lookup reads beyond the position."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A textured shape; its own coordinates have their origin at its centre, in pixels of time 0.

    At time t its point p is at `centre + velocity·t + acceleration·t²/2 + e^(zoom·t)·R(angle + spin·t)·p`.

    Args:
        texture: 3×h×w, RGB in 0..1, `TEXELS` to a pixel; it repeats.
        radius: of its outline in pixels; infinite for a background.
        lobes: amplitude (share of the radius) and phase of the outline's waves, from 2 a turn on.
        centre: x, y in pixels, at time 0.
        velocity: pixels in a unit of time.
        acceleration: pixels in a unit of time, squared.
        angle: radians.
        spin: radians in a unit of time.
        zoom: natural logarithm of the growth in a unit of time.
    """

    texture: Tensor
    radius: float = math.inf
    lobes: tuple[tuple[float, float], ...] = ()
    centre: tuple[float, float] = (0.0, 0.0)
    velocity: tuple[float, float] = (0.0, 0.0)
    acceleration: tuple[float, float] = (0.0, 0.0)
    angle: float = 0.0
    spin: float = 0.0
    zoom: float = 0.0

    def to_layer(self, x: Tensor, y: Tensor, time: float) -> tuple[Tensor, Tensor]:
        """The layer's own coordinates of picture coordinates at a time."""
        (ox, oy), cos, sin, growth = self._pose(time)
        x, y = (x - ox) / growth, (y - oy) / growth
        return cos * x + sin * y, cos * y - sin * x

    def to_picture(self, x: Tensor, y: Tensor, time: float) -> tuple[Tensor, Tensor]:
        """The picture coordinates of the layer's own at a time."""
        (ox, oy), cos, sin, growth = self._pose(time)
        return ox + growth * (cos * x - sin * y), oy + growth * (sin * x + cos * y)

    def coverage(self, x: Tensor, y: Tensor, time: float) -> Tensor:
        """The share of the pixels at these own coordinates that the layer covers: 0..1, its edge a pixel wide."""
        if math.isinf(self.radius):
            return torch.ones_like(x)
        turn = torch.atan2(y, x)
        edge = 1 + sum(share * torch.cos(wave * turn + phase) for wave, (share, phase) in enumerate(self.lobes, 2))
        return ((self.radius * edge - torch.hypot(x, y)) * math.exp(self.zoom * time) + 0.5).clamp(0, 1)

    def colour(self, x: Tensor, y: Tensor) -> Tensor:
        """The texture at own coordinates: 3×H×W, bicubic."""
        height, width = self.texture.shape[1:]
        texture = pad(self.texture[None], (BORDER, BORDER, BORDER, BORDER), mode="circular")
        grid = [
            2 * ((TEXELS * along) % size + BORDER) / (size + 2 * BORDER - 1) - 1
            for along, size in ((x, width), (y, height))
        ]
        return grid_sample(texture, torch.stack(grid, -1)[None], mode="bicubic", align_corners=True)[0].clamp(0, 1)

    def _pose(self, time: float) -> tuple[tuple[float, ...], float, float, float]:
        """Offset in pixels, cosine and sine of the angle, and growth at a time."""
        motion = zip(self.centre, self.velocity, self.acceleration, strict=True)
        turn = self.angle + self.spin * time
        offset = tuple(c + v * time + a * time * time / 2 for c, v, a in motion)
        return offset, math.cos(turn), math.sin(turn), math.exp(self.zoom * time)


@dataclass(frozen=True, eq=False)
class Scene:
    """Layers, the farthest first; the first one fills the picture."""

    width: int
    height: int
    layers: tuple[Layer, ...]

    def picture(self, time: float) -> Tensor:
        """The picture at a time: 3×H×W, RGB in 0..1."""
        x, y = self._grid()
        rgb = x.new_zeros(3, self.height, self.width)
        for layer in self.layers:
            own = layer.to_layer(x, y, time)
            rgb = torch.lerp(rgb, layer.colour(*own), layer.coverage(*own, time))
        return rgb

    def flow(self, time: float, to: float) -> Tensor:
        """The motion from `time` to `to` of what is visible at `time`: 2×H×W in pixels, x before y."""
        x, y = self._grid()
        flow = x.new_zeros(2, self.height, self.width)
        for layer in self.layers:
            own = layer.to_layer(x, y, time)
            target = layer.to_picture(*own, to)
            step = torch.stack((target[0] - x, target[1] - y))
            flow = torch.where(layer.coverage(*own, time) >= 0.5, step, flow)
        return flow

    def _grid(self) -> tuple[Tensor, Tensor]:
        y, x = torch.meshgrid(torch.arange(self.height), torch.arange(self.width), indexing="ij")
        return x.float(), y.float()


def random_texture(rng: np.random.Generator, size: int = TEXTURE, *, slope: tuple[float, float] = (0.6, 1.8)) -> Tensor:
    """Draw a texture that repeats without a seam, coloured noise, perhaps with a pattern: 3×size×size, RGB in 0..1.

    Args:
        rng: draws all of it.
        size: of its sides in texels.
        slope: range of the power of 1 / frequency that the noise follows; the larger, the smoother.
    """
    across, down = torch.fft.rfftfreq(size), torch.fft.fftfreq(size)[:, None]
    frequency = torch.hypot(across, down)
    strength = frequency.clamp(min=1 / size) ** -rng.uniform(*slope)
    strength *= (frequency > 0) & (frequency < 0.5 / TEXELS)
    white = torch.from_numpy(rng.standard_normal((2, 3, *frequency.shape), np.float32))
    noise = torch.fft.irfft2(torch.complex(white[0], white[1]) * strength, s=(size, size))
    noise = noise / noise.std((1, 2), keepdim=True)
    mix = torch.from_numpy(rng.normal(0, 0.35, (3, 3)).astype(np.float32)) + 0.3 * torch.eye(3) + 0.4
    mixed = torch.einsum("ij,jhw->ihw", mix, noise)
    if rng.random() < 0.4:
        turns = 2 * math.pi * rng.integers(1, size // 16, 2) / size
        texels = torch.arange(size)
        waves = torch.sin(float(turns[0]) * texels)
        if rng.random() < 0.5:
            waves = waves * torch.sin(float(turns[1]) * texels)[:, None]
        mixed += _colours(rng.normal(0, 1.2, 3)) * torch.tanh(rng.uniform(1, 6) * waves).expand(3, size, size)
    return (_colours(rng.uniform(0.2, 0.8, 3)) + rng.uniform(0.05, 0.22) * mixed).clamp(0, 1)


def random_scene(
    rng: np.random.Generator,
    width: int,
    height: int,
    *,
    reach: float = 64,
    rest: float = 3,
    texture: Callable[[np.random.Generator], Tensor] = random_texture,
) -> Scene:
    """Draw a scene of two to seven layers, for times between 0 and 1.

    Args:
        rng: draws all of it.
        width: of its pictures.
        height: of its pictures.
        reach: the longest motion of a layer's centre in a unit of time, in pixels.
        rest: a layer moves by `reach` times the `rest`-th power of a number drawn evenly from 0..1: with 1 motions of
            all lengths are equally frequent, with more most are short.
        texture: draws each layer's texture.
    """
    size = min(width, height)
    layers = []
    for number in range(int(rng.integers(2, 8))):
        length, direction = reach * rng.random() ** rest, rng.uniform(0, 2 * math.pi)
        velocity = length * math.cos(direction), length * math.sin(direction)
        bend = rng.normal(0, 0.15)
        layers.append(
            Layer(
                texture(rng),
                size * rng.uniform(0.05, 0.35) if number else math.inf,
                tuple((rng.uniform(0, 0.5) / wave, rng.uniform(0, 2 * math.pi)) for wave in range(2, 6)),
                # anywhere half-way
                (rng.uniform(0, width) - velocity[0] / 2, rng.uniform(0, height) - velocity[1] / 2),
                velocity,
                (bend * velocity[0], bend * velocity[1]),
                rng.uniform(0, 2 * math.pi),
                rng.normal(0, 0.15) if rng.random() < 0.5 else 0.0,
                rng.normal(0, 0.1) if rng.random() < 0.5 else 0.0,
            )
        )
        rng.random()  # once drew a depth; without it every seed would give other scenes
    return Scene(width, height, tuple(layers))


def _colours(values: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32)).view(3, 1, 1)
