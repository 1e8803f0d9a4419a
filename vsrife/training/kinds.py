"""Kinds of synthetic scenes that footage has little of: textures, and what lies over a whole picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from vsrife.training.scenes import TEXELS, TEXTURE, random_texture

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Pictures = NDArray[np.float32]

__all__ = ["FILM", "KINDS", "OVERLAYS", "TEXTURES", "film_texture"]

FILM = "film"
"""The kind whose layers are covered with pictures of the films that a run trains on."""

GLYPH = 7, 5
"""Rows and columns of a letter's cells."""
INK = 0.04
"""The width of an outline, as a share of the standard deviation of the noise that it is a level of."""


def drawing(rng: np.random.Generator, size: int = TEXTURE) -> Tensor:
    """Flat colours with dark outlines, as in drawn animation: 3×size×size, RGB in 0..1."""
    height = random_texture(rng, size, slope=(2.4, 3.0)).mean(0)
    height = (height - height.mean()) / height.std()
    levels = torch.tensor(np.sort(rng.uniform(-1.5, 1.5, int(rng.integers(2, 6)))), dtype=torch.float32)
    colours = torch.from_numpy(rng.uniform(0.15, 1, (len(levels) + 1, 3)).astype(np.float32))
    flat = colours[torch.bucketize(height, levels)].permute(2, 0, 1)
    outline = (height[None] - levels[:, None, None]).abs().amin(0) < INK * rng.uniform(0.5, 2)
    return torch.where(outline, torch.tensor(rng.uniform(0, 0.15), dtype=torch.float32), flat).contiguous()


def text(rng: np.random.Generator, size: int = TEXTURE) -> Tensor:
    """Rows of invented letters on plain ground: 3×size×size, RGB in 0..1."""
    rows, columns = GLYPH
    alphabet = rng.random((26, rows, columns)) < 0.5
    cell = TEXELS * int(rng.integers(1, 4))
    lines, letters = size // (cell * (rows + 3)), size // (cell * (columns + 1))
    page = np.zeros((size, size), bool)
    for line in range(lines):
        for letter in range(letters):
            if rng.random() < 0.15:
                continue  # between words
            top, left = line * cell * (rows + 3), letter * cell * (columns + 1)
            glyph = alphabet[rng.integers(26)].repeat(cell, 0).repeat(cell, 1)
            page[top : top + rows * cell, left : left + columns * cell] = glyph
    ground, ink = _contrasting(rng)
    return torch.where(torch.from_numpy(page), ink, ground)


def bars(rng: np.random.Generator, size: int = TEXTURE) -> Tensor:
    """Bars of one to three pixels at a distance of 8, 16 or 32, one way or both: 3×size×size, RGB in 0..1."""
    ground, ink = _contrasting(rng)
    period = TEXELS * 2 ** int(rng.integers(3, 6))
    is_ink = torch.arange(size) % period < TEXELS * int(rng.integers(1, 4))
    lines = is_ink.expand(size, size)
    if rng.random() < 0.5:
        lines = lines | is_ink[:, None]
    return torch.where(lines, ink, ground)


def repeats(rng: np.random.Generator, size: int = TEXTURE) -> Tensor:
    """One small texture over and over, as bricks and windows are: 3×size×size, RGB in 0..1."""
    small = 2 ** int(rng.integers(5, 7))
    tile = random_texture(rng, small, slope=(0.8, 1.6))
    return tile.repeat(1, size // small, size // small).contiguous()


def faint(rng: np.random.Generator, size: int = TEXTURE) -> Tensor:
    """Soft shapes of little contrast, as skin and sky have: 3×size×size, RGB in 0..1."""
    soft = random_texture(rng, size, slope=(1.4, 2.2))
    mean = soft.mean((1, 2), keepdim=True)
    return mean + (soft - mean) * rng.uniform(0.08, 0.3)


def film_texture(rng: np.random.Generator, picture: NDArray[np.uint8]) -> Tensor:
    """A picture of a film as a texture, mirrored at its borders so that it repeats without a seam.

    In half of the textures a pixel of the film is one of the scene, in the others half of one: finer detail.

    Args:
        rng: draws the size and the contrast.
        picture: H×W×3, RGB.

    Returns:
        3×2h×2w, RGB in 0..1, for h = H, w = W or `TEXELS` times that.
    """
    texture = torch.tensor(picture).permute(2, 0, 1)[None].float() / 255
    if rng.random() < 0.5:
        texture = interpolate(texture, scale_factor=TEXELS, mode="bicubic").clamp(0, 1)
    texture = torch.cat((texture, texture.flip(2)), 2)
    texture = torch.cat((texture, texture.flip(3)), 3)[0]
    mean = texture.mean((1, 2), keepdim=True)
    return (mean + (texture - mean) * rng.uniform(0.7, 1.2)).clamp(0, 1)


def grain(rng: np.random.Generator, pictures: Pictures) -> Pictures:
    """Noise of its own in every picture, σ of 1 to 6 of 255, as film and small sensors have."""
    noise = rng.standard_normal(pictures.shape, np.float32)
    return pictures + noise * np.float32(rng.uniform(1, 6) / 255)


def letterbox(rng: np.random.Generator, pictures: Pictures) -> Pictures:
    """Black bars above and below, or at both sides."""
    boxed = pictures.copy()
    side = 2 if rng.random() < 0.7 else 3
    length = pictures.shape[side]
    width = int(rng.integers(length // 16, length // 5 + 1))
    np.moveaxis(boxed, side, 0)[:width] = 0
    np.moveaxis(boxed, side, 0)[length - width :] = 0
    return boxed


def captions(rng: np.random.Generator, pictures: Pictures) -> Pictures:
    """Lines of letters that stand still over what moves."""
    height, width = pictures.shape[2:]
    page = interpolate(text(rng)[None], scale_factor=1 / TEXELS, mode="area")[0]
    letters = (page - page[:, -1:, -1:]).abs().sum(0) > 0.2  # the last corner is ground
    drawn = letters.repeat(-(-height // letters.shape[0]), -(-width // letters.shape[1])).numpy()
    top = int(rng.integers(height // 2, height - height // 4))
    over = pictures.copy()
    band = over[:, :, top : top + height // 4]
    band[:, :, drawn[: band.shape[2], :width]] = np.float32(rng.uniform(0.85, 1))
    return over


def _contrasting(rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Two colours, 3×1×1, of clearly different lightness."""
    dark, light = rng.uniform(0, 0.35, (3, 1, 1)), rng.uniform(0.6, 1, (3, 1, 1))
    colours = [torch.from_numpy(colour.astype(np.float32)) for colour in (dark, light)]
    return (colours[0], colours[1]) if rng.random() < 0.5 else (colours[1], colours[0])


TEXTURES: dict[str, Callable[[np.random.Generator], Tensor]] = {
    "noise": random_texture,
    "drawings": drawing,
    "text": text,
    "bars": bars,
    "repeats": repeats,
    "faint": faint,
}
"""Kinds by what the layers of a scene are covered with."""
OVERLAYS: dict[str, Callable[[np.random.Generator, Pictures], Pictures]] = {
    "grain": grain,
    "letterbox": letterbox,
    "captions": captions,
}
"""Kinds by what lies over its pictures, N×3×H×W in 0..1 before they are rounded; their layers are noise."""
KINDS = (*TEXTURES, *OVERLAYS)
"""Kinds that need no film."""
