"""How alike two pictures are: the same shown again, if only through a lossy codec, or moved, however little."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

__all__ = ["luma_psnr", "repeats"]

_LUMA = (0.2126, 0.7152, 0.0722)
_SIGNALS = (_LUMA, (-0.02865, -0.09635, 0.125), (0.125, -0.11355, -0.01145))
"""BT.709 luma, and chroma at a quarter of its size: codecs are less careful with it."""
_LIMITS = (2.9, 0.85, 0.055, 0.12, 1.6, 5.0)
"""The most of each of `_changes` that a repeat has.

They lie between what was measured in encodes by x264, its default preset at CRF 18, 23 and 28: of repeats in film,
rendered film and flat drawings shown on twos, on threes and with every fifth frame doubled; and of pans of 0.1 px a
frame, zooms, turns, fades of a level a frame, an object at 0.2 px a frame, mouths of 12 to 24 px, lights of 6 px and,
in drawings, lines of 12×1 px by 97 levels.
x264 from superfast to fast moves repeats in B-frames by up to 0.2 px; they count as motion, which was encoded indeed.
"""
_BLOCK, _TILE, _SMALLEST = 4, 32, 16
"""Sides in pixels: of a block and a tile at half size, and that to which smaller pictures are padded."""


def luma_psnr(first: Tensor, last: Tensor) -> float:
    """PSNR of BT.709 luma in dB, infinite where equal.

    Args:
        first: 1×3×H×W, RGB 0..1, fp32.
        last: picture of the same shape.
    """
    red, green, blue = (last - first)[0]
    error = float((red * _LUMA[0] + green * _LUMA[1] + blue * _LUMA[2]).square().mean())
    return math.inf if error == 0 else -10 * math.log10(error)


def repeats(first: Tensor, last: Tensor) -> bool:
    """Whether `last` shows the picture `first` again, perhaps encoded anew, and nothing in it moved or changed.

    Args:
        first: 1×3×H×W, RGB 0..1, fp32.
        last: picture of the same shape.
    """
    return bool((_changes(first, last) <= first.new_tensor(_LIMITS)).all())


def _changes(first: Tensor, last: Tensor) -> Tensor:
    """Measures that set motion apart from a codec's errors, in levels of 255 and pixels, one for each kind of motion.

    A codec's error has many signs within a block and does not follow the picture's gradient; an object that appears, a
    fade and a shift by a part of a pixel do. Everything is measured at half size.

    Returns:
        6: the largest mean change of a block of 8 px, less where edges and noise are strong; that of a tile of 128 px;
        the shift of the whole picture; the mean shift of tiles of 128 px, which may differ in direction; the largest
        squared change of a tile of 64 px that a shift explains, less where noise is strong; the largest change of such
        a tile (RMS).
    """
    first, last = _halved(first), _halved(last)
    signals = first.new_tensor(_SIGNALS) * 255
    change = torch.einsum("pc,nchw->nphw", signals, last - first)[..., 1:-1, 1:-1]
    lumas = torch.einsum("c,nchw->nhw", signals[0], torch.cat([first, last]))[:, None]
    both_across = (lumas[..., 1:-1, 2:] - lumas[..., 1:-1, :-2]) / 2
    both_down = (lumas[..., 2:, 1:-1] - lumas[..., :-2, 1:-1]) / 2
    across, down = both_across.mean(0, keepdim=True), both_down.mean(0, keepdim=True)
    luma = change[:, :1]
    products = (across * across, across * down, down * down, across * luma, down * luma, luma * luma, luma)
    tiles = _means(torch.cat(products, 1), _TILE)
    strength = tiles[:, 5].sqrt()
    noise = strength.mean()

    # those of both pictures: the edges of what has appeared do not excuse it
    edges = avg_pool2d((both_across.abs() + both_down.abs()).amin(0, keepdim=True), _BLOCK, _BLOCK // 2)
    blocks = avg_pool2d(change, _BLOCK, _BLOCK // 2).abs().amax(1, keepdim=True)
    appeared = (blocks / (1 + edges / 15)).amax() / (1 + noise)
    large = _means(tiles, 2)
    faded = large[:, 6].abs().amax()
    x, y, _ = _shift(tiles.mean((2, 3), keepdim=True))
    shifted = 2 * torch.hypot(x, y).amax()
    explained = _shift(large)[2].sum() / (large[:, 0] + large[:, 2]).sum().clamp_min(1e-9)
    turned = 2 * (2 * explained).sqrt()
    moved = _shift(tiles)[2].amax() / (1 + 16 * noise.square())
    return torch.stack((appeared, faded, shifted, turned, moved, strength.amax()))


def _halved(picture: Tensor) -> Tensor:
    """Means of 2×2 pixels; a picture smaller than a block is first padded with its border."""
    height, width = picture.shape[2:]
    if min(height, width) < _SMALLEST:
        border = (0, max(0, _SMALLEST - width), 0, max(0, _SMALLEST - height))
        picture = pad(picture, border, mode="replicate")
    picture = picture[..., : picture.shape[2] // 2 * 2, : picture.shape[3] // 2 * 2]
    rows = picture[..., ::2, :] + picture[..., 1::2, :]
    return (rows[..., ::2] + rows[..., 1::2]) / 4


def _means(x: Tensor, size: int) -> Tensor:
    return avg_pool2d(x, size, ceil_mode=True)


def _shift(means: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Least squares of the change on the gradient (Lucas and Kanade 1981).

    Args:
        means: 1×7×h×w, of the products in `_changes`.

    Returns:
        The shift in x and y, and the squared change it explains, h×w each. 1 is added to the gradient's squares, so
        that where there is none, nothing shifts.
    """
    xx, xy, yy, cx, cy = means[0, :5]
    xx, yy = xx + 1, yy + 1
    determinant = xx * yy - xy * xy
    x, y = (yy * cx - xy * cy) / determinant, (xx * cy - xy * cx) / determinant
    return x, y, (x * cx + y * cy).clamp_min(0)
