"""Whether a cut lies between two neighbouring frames, judged by nothing but the two.

Of each frame a small picture is kept. Every part of one is looked for in the other; within a shot, parts are found, and
neighbouring parts have moved alike. Likeness is correlation, which leaves brightness and contrast aside, so that a
flash, a fade or a lamp switched on is no cut; after a cut, what resembles a part best lies anywhere, and that of its
neighbour elsewhere.

The constants are calibrated on one half of the material of `benchmarks/cuts.py`, which says how well they do on the
other.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["DEFAULT_THRESHOLD", "cut_score", "glance"]

DEFAULT_THRESHOLD = 0.15
"""There is a cut where the score is this or more."""

# A glance has _ROWS × _COLUMNS blocks of _BLOCK × _BLOCK cells; a part is a block and those around it.
_ROWS, _COLUMNS, _BLOCK = 5, 8, 4
_BLOCKS = _ROWS * _COLUMNS
_HEIGHT, _WIDTH = _ROWS * _BLOCK, _COLUMNS * _BLOCK
_REACH_Y, _REACH_X = _HEIGHT // 4 + 1, _WIDTH // 4 + 1
"""Cells as far as which a part is looked for: a quarter of the picture and one more."""

# deviations are of the RGB range
_NOISE = 0.7 / 255
"""Of cells, what may be noise."""
_PLAIN, _PLAIN_SHARE = 3 / 255, 0.3
"""Deviation, and share of the picture's mean variance, at which a part counts for half: sky resembles any other sky."""
_TOGETHER = 1.0
"""Cells by which neighbours' movements differ where they count as e⁻¹ of moving alike."""
_WHITE = 0.95
"""A cell's value from which on it may be clipped, as by a flash."""
_BAR = 0.02
"""Difference among a bar's cells, in both pictures, at most."""
_EVIDENCE, _BELIEF = 5.0, 0.4
"""What is held before anything is seen: the weight of as many neighbours and their agreement."""
_FLAT, _FAINT = 1.5 / 255, 0.08
"""Contrast below which a picture is flat, and that below which one next to a flat one is the end of a fade."""
_BOUNDARY = 0.19
"""Agreement at the threshold."""


class _Search(NamedTuple):
    """What does not depend on pictures. There are 40 blocks and 247 displacements.

    Args:
        around: blocks × blocks, 1 for those that belong to the part around a block.
        places: blocks × displacements, numbers of the places the block is compared with, in a padded glance.
        inside: blocks × displacements, 1 where that place lies within the picture.
        held: blocks × displacements, how many of a part's blocks are inside, at least 1.
        size: blocks × 1, how many blocks a part has.
    """

    around: Tensor
    places: Tensor
    inside: Tensor
    held: Tensor
    size: Tensor


@cache
def _search(device: torch.device) -> _Search:
    rows, columns = (((torch.arange(n)[:, None] - torch.arange(n)).abs() <= 1).float() for n in (_ROWS, _COLUMNS))
    around = torch.kron(rows, columns)
    down = _BLOCK * torch.arange(_ROWS).repeat_interleave(_COLUMNS) - _REACH_Y
    across = _BLOCK * torch.arange(_COLUMNS).repeat(_ROWS) - _REACH_X
    y = down[:, None, None] + torch.arange(2 * _REACH_Y + 1)[:, None]
    x = across[:, None, None] + torch.arange(2 * _REACH_X + 1)
    within = (y >= 0) & (y <= _HEIGHT - _BLOCK) & (x >= 0) & (x <= _WIDTH - _BLOCK)
    inside = within.flatten(1).float()
    places = ((y + _REACH_Y) * (_WIDTH + 2 * _REACH_X - _BLOCK + 1) + x + _REACH_X).flatten(1)
    parts = (around, places, inside, (around @ inside).clamp(min=1), around.sum(1, keepdim=True))
    return _Search(*(part.to(device) for part in parts))


@lru_cache(maxsize=16)
def _shares(length: int, cells: int, device: torch.device) -> Tensor:
    """What each sample of a line contributes to the means over equal stretches of it: cells × length."""
    edges = torch.arange(cells + 1, dtype=torch.float64)[:, None] * (length / cells)
    covered = (edges - torch.arange(length)).clamp(0, 1)
    return ((covered[1:] - covered[:-1]) * (cells / length)).float().to(device)


def glance(picture: Tensor) -> Tensor:
    """What is kept of a frame.

    Args:
        picture: 1×3×H×W, RGB in 0..1, fp32.

    Returns:
        1×3×20×32, means over equal areas, on the same device.
    """
    height, width = picture.shape[2:]
    down, across = _shares(height, _HEIGHT, picture.device), _shares(width, _WIDTH, picture.device)
    return down @ picture @ across.T


def cut_score(first: Tensor, last: Tensor) -> float:
    """How likely a cut lies between two frames, of which these are the glances: 0..1, 0 where they are equal.

    Of the pictures' order nothing depends. Two flat pictures, and one with a white one, are no cut; a picture and
    another flat one, black for instance, are, unless it is as faint as the end of a fade.
    """
    pair = torch.cat([first, last])
    level = _levelled(pair)
    contrast = level.square().mean((1, 2, 3)).sqrt()
    seen = torch.stack([*_agreement(level, _white(pair)), *contrast, (first - last).abs().max()])
    agreeing, weight, one, other, difference = seen.tolist()
    if difference == 0 or (min(one, other) < _FLAT and max(one, other) < _FAINT):
        return 0.0
    agreement = (agreeing + _EVIDENCE * _BELIEF) / (weight + _EVIDENCE)
    return float(DEFAULT_THRESHOLD ** (agreement / _BOUNDARY))


def _levelled(pair: Tensor) -> Tensor:
    """Each picture less its mean colour, and 0 in bars at the edges: neither tells pictures of a film apart."""
    kept = []
    for dim in (3, 2):
        flat = (pair.amax((0, dim)) - pair.amin((0, dim))).amax(0) <= _BAR
        bar = torch.maximum(flat.float().cumprod(0), flat.flip(0).float().cumprod(0).flip(0))
        # the cell next to a bar may be part of it
        kept.append(1 - F.max_pool1d(bar[None], 3, 1, 1)[0])
    picture = kept[0][:, None] * kept[1]
    mean = (pair * picture).sum((2, 3), keepdim=True) / picture.sum().clamp(min=1)
    return (pair - mean) * picture


def _white(pair: Tensor) -> Tensor:
    """How much of the other picture is white where a block is: 2 × blocks × 1."""
    clipped = (pair.flip(0) >= _WHITE).float().mean(1, keepdim=True)
    return F.avg_pool2d(clipped, _BLOCK).flatten(1)[..., None]


def _agreement(pair: Tensor, white: Tensor) -> tuple[Tensor, Tensor]:
    """How well neighbouring parts are found and move alike, as a weighted sum, and the sum of the weights."""
    search = _search(pair.device)
    found, place, variance = _matches(pair, search)
    weight = variance / (variance + _PLAIN**2 + _PLAIN_SHARE * variance.mean(1, keepdim=True))
    weight = weight * (1 - search.around @ white / search.size)[..., 0]
    span = 2 * _REACH_X + 1
    y, x = place.div(span, rounding_mode="floor"), place % span
    grid = torch.stack([weight, found, y.float(), x.float()]).reshape(4, 2, _ROWS, _COLUMNS)
    agreeing, total = pair.new_zeros(()), pair.new_zeros(())
    for dim in (2, 3):
        length = grid.shape[dim] - 1
        one, other = grid.narrow(dim, 0, length), grid.narrow(dim, 1, length)
        weights = one[0] * other[0]
        apart = ((one[2:] - other[2:]) ** 2).sum(0).sqrt()
        agreeing = agreeing + (weights * one[1] * other[1] * torch.exp(-apart / _TOGETHER)).sum()
        total = total + weights.sum()
    return agreeing, total


def _matches(pair: Tensor, search: _Search) -> tuple[Tensor, Tensor, Tensor]:
    """Each part of either picture looked for in the other.

    Args:
        pair: 2×3×20×32.
        search: of its device.

    Returns:
        2 × blocks each: the best correlation, 0..1; the number of the displacement it has; the part's variance.
    """
    blocks = pair.reshape(2, 3, _ROWS, _BLOCK, _COLUMNS, _BLOCK).permute(0, 2, 4, 1, 3, 5).reshape(2, _BLOCKS, -1)
    mean = blocks.mean(2, keepdim=True)
    detail = blocks - mean
    power = detail.square().mean(2, keepdim=True) + mean.square()
    padded = F.pad(pair.flip(0), (_REACH_X, _REACH_X, _REACH_Y, _REACH_Y))
    others = F.unfold(padded, _BLOCK)
    products = detail @ others / others.shape[1]
    both = torch.stack([padded.mean(1), padded.square().mean(1)], 1)
    sums = F.avg_pool2d(both, _BLOCK, 1).flatten(2).unsqueeze(2).expand(-1, -1, _BLOCKS, -1)
    places = search.places.expand(2, -1, -1)
    product, mean_there, power_there = (of.gather(2, places) for of in (products, sums[:, 0], sums[:, 1]))
    product = product + mean * mean_there
    # of blocks, then of parts, or what of them lies within the other picture
    moments = (product, mean, power, mean_there, power_there)
    product, mean_here, power_here, mean_there, power_there = (
        search.around @ (moment * search.inside) / search.held for moment in moments
    )
    here = (power_here - mean_here.square()).clamp(min=0) + _NOISE**2
    there = (power_there - mean_there.square()).clamp(min=0) + _NOISE**2
    correlation = (product - mean_here * mean_there) * (here * there).rsqrt()
    best, place = correlation.masked_fill(2 * search.held < search.size, 0).max(2)
    whole = search.around @ torch.cat([mean, power], 2) / search.size
    return best.clamp(min=0), place, (whole[..., 1] - whole[..., 0].square()).clamp(min=0)
