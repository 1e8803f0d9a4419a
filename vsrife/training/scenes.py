"""Scenes that are made up: pictures, depth and motion known exactly at every time.

Layers of texture lie one above the other; each moves, accelerates, turns and zooms by itself, so that they hide one
another and come into view again.
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
"""Of a texture to a pixel's side, before it zooms."""
TEXTURE = 512
"""Texels of a made-up texture's side."""
BORDER = 2
"""Texels a bicubic lookup reads beyond the place."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A textured thing; its own coordinates have their origin in its middle, in pixels of time 0.

    At time t its point p is seen at `centre + velocity·t + acceleration·t²/2 + e^(zoom·t)·R(angle + spin·t)·p`.

    Args:
        texture: 3×h×w, RGB in 0..1, `TEXELS` to a pixel; it repeats.
        radius: of its outline in pixels; infinite for what fills the picture.
        lobes: amplitude (share of the radius) and phase of the outline's waves, from 2 a turn on.
        centre: x, y in pixels, at time 0.
        velocity: pixels in a unit of time.
        acceleration: pixels in a unit of time, squared.
        angle: radians.
        spin: radians in a unit of time.
        zoom: natural logarithm of the growth in a unit of time.
        depth: of its middle; near is 1.
        slope: what depth grows by for each pixel of its own y.
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
    depth: float = 0.0
    slope: float = 0.0

    def own(self, x: Tensor, y: Tensor, time: float | Tensor) -> tuple[Tensor, Tensor]:
        """The layer's own coordinates of places in the picture at a time."""
        (ox, oy), turn, growth = self._offset(time), self.angle + self.spin * time, self._growth(time)
        cos, sin = _cos(turn), _sin(turn)
        x, y = (x - ox) / growth, (y - oy) / growth
        return cos * x + sin * y, cos * y - sin * x

    def seen(self, x: Tensor, y: Tensor, time: float | Tensor) -> tuple[Tensor, Tensor]:
        """Where in the picture the layer's own places are at a time."""
        (ox, oy), turn, growth = self._offset(time), self.angle + self.spin * time, self._growth(time)
        cos, sin = _cos(turn), _sin(turn)
        return ox + growth * (cos * x - sin * y), oy + growth * (sin * x + cos * y)

    def cover(self, x: Tensor, y: Tensor, time: float | Tensor) -> Tensor:
        """How far the layer covers the pixels at these own places: 0..1, its edge a pixel wide."""
        if math.isinf(self.radius):
            return torch.ones_like(x)
        turn = torch.atan2(y, x)
        edge = 1 + sum(share * torch.cos(wave * turn + phase) for wave, (share, phase) in enumerate(self.lobes, 2))
        return ((self.radius * edge - torch.hypot(x, y)) * self._growth(time) + 0.5).clamp(0, 1)

    def colour(self, x: Tensor, y: Tensor) -> Tensor:
        """The texture at own places: 3×H×W, bicubic."""
        height, width = self.texture.shape[1:]
        texture = pad(self.texture[None], (BORDER, BORDER, BORDER, BORDER), mode="circular")
        place = [
            2 * ((TEXELS * along) % size + BORDER) / (size + 2 * BORDER - 1) - 1
            for along, size in ((x, width), (y, height))
        ]
        found = grid_sample(texture, torch.stack(place, -1)[None], mode="bicubic", align_corners=True)
        return found[0].clamp(0, 1)

    def _offset(self, time: float | Tensor) -> tuple[float | Tensor, float | Tensor]:
        x, y = (
            c + v * time + a * time * time / 2
            for c, v, a in zip(self.centre, self.velocity, self.acceleration, strict=True)
        )
        return x, y

    def _growth(self, time: float | Tensor) -> float | Tensor:
        return torch.exp(self.zoom * time) if isinstance(time, Tensor) else math.exp(self.zoom * time)


@dataclass(frozen=True, eq=False)
class Scene:
    """Layers, the farthest first; the first one fills the picture."""

    width: int
    height: int
    layers: tuple[Layer, ...]

    def picture(self, time: float | Tensor) -> Tensor:
        """3×H×W, RGB in 0..1, at a time or, with an H×W map of times, every pixel at its own."""
        return self._composed(time)[0]

    def depth(self, time: float | Tensor) -> Tensor:
        """H×W, near is 1, at a time or a map of times."""
        return self._composed(time)[1]

    def flow(self, time: float, to: float) -> Tensor:
        """2×H×W in pixels, x before y: how far what is seen at `time` has gone at `to`, hidden there or not."""
        x, y = self._places()
        flow = x.new_zeros(2, self.height, self.width)
        for layer in self.layers:
            own = layer.own(x, y, time)
            there = layer.seen(*own, to)
            moved = torch.stack((there[0] - x, there[1] - y))
            flow = torch.where(layer.cover(*own, time) >= 0.5, moved, flow)
        return flow

    def _composed(self, time: float | Tensor) -> tuple[Tensor, Tensor]:
        x, y = self._places()
        rgb, depth = x.new_zeros(3, self.height, self.width), x.new_zeros(self.height, self.width)
        for layer in self.layers:
            own = layer.own(x, y, time)
            cover = layer.cover(*own, time)
            rgb = torch.lerp(rgb, layer.colour(*own), cover)
            depth = torch.lerp(depth, layer.depth + layer.slope * own[1], cover)
        return rgb, depth

    def _places(self) -> tuple[Tensor, Tensor]:
        y, x = torch.meshgrid(torch.arange(self.height), torch.arange(self.width), indexing="ij")
        return x.float(), y.float()


def random_texture(rng: np.random.Generator, size: int = TEXTURE, *, slope: tuple[float, float] = (0.6, 1.8)) -> Tensor:
    """3×size×size, RGB in 0..1, that repeats without a seam: coloured noise, perhaps with a pattern.

    Args:
        rng: decides all.
        size: of its sides in texels.
        slope: between which the power of 1 / frequency lies by which the noise grows weaker; the more, the smoother.
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
        places = torch.arange(size)
        waves = torch.sin(float(turns[0]) * places)
        if rng.random() < 0.5:
            waves = waves * torch.sin(float(turns[1]) * places)[:, None]
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
    """A scene of two to seven layers, for times between 0 and 1.

    Args:
        rng: decides all.
        width: of its pictures.
        height: of its pictures.
        reach: the farthest that a layer's middle goes in a unit of time, in pixels.
        rest: the power of an even 0..1 that says which share of that one goes: with 1 all alike, with more most go
            much less far.
        texture: gives each layer its own.
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
                (number + 1) / 8,
                rng.uniform(0, 0.05) / height,
            )
        )
    return Scene(width, height, tuple(layers))


def _colours(values: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32)).view(3, 1, 1)


def _cos(turn: float | Tensor) -> float | Tensor:
    return torch.cos(turn) if isinstance(turn, Tensor) else math.cos(turn)


def _sin(turn: float | Tensor) -> float | Tensor:
    return torch.sin(turn) if isinstance(turn, Tensor) else math.sin(turn)
