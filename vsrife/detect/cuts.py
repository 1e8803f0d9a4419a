"""Whether a cut lies between two neighbouring frames, judged by those two alone.

Each frame is reduced to a thumbnail. Every part of one thumbnail is searched for in the other; within a shot, parts
have a match, and neighbouring parts move alike. Similarity is correlation, which leaves brightness and contrast aside,
so that a flash, a fade or a lamp switched on is no cut; after a cut, the best match of a part lies anywhere, and that
of its neighbour elsewhere. Of a flash, something must be left: plain white shows nothing of its shot, and is a cut.

The constants are calibrated on one half of the material of `benchmarks/cuts.py`, which measures them on the other.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["DEFAULT_THRESHOLD", "cut_score", "thumbnail"]

DEFAULT_THRESHOLD = 0.15
"""There is a cut where the score is this or more."""

# A thumbnail has _ROWS × _COLUMNS blocks of _BLOCK × _BLOCK cells; a part is a block and those around it.
_ROWS, _COLUMNS, _BLOCK = 5, 8, 4
_HEIGHT, _WIDTH = _ROWS * _BLOCK, _COLUMNS * _BLOCK
_REACH_Y, _REACH_X = _HEIGHT // 4 + 1, _WIDTH // 4 + 1
"""Cells to either side in which a part is searched for: a quarter of the picture and one more."""

# deviations are of the RGB range
_NOISE = 0.7 / 255
"""Deviation of cells that may be noise."""
_PLAIN, _PLAIN_SHARE = 3 / 255, 0.3
"""Deviation, and share of the picture's mean variance, at which a part counts for half: sky resembles any other sky."""
_TOGETHER = 1.0
"""Cells by which neighbours' movements differ where they count as e⁻¹ of moving alike."""
_WHITE = 0.95
"""A cell's value from which on it may be clipped, as by a flash."""
_BAR = 0.02
"""Difference among a bar's cells, in both pictures, at most."""
_EVIDENCE, _BELIEF = 5.0, 0.4
"""The prior: the weight of as many neighbours, and their agreement."""
_FLAT, _FAINT, _HALF = 1.5 / 255, 0.08, 0.51
"""Contrast below which a picture is flat. One next to it is a step of a fade where its contrast is below the second, or
where no cell has come farther than this share of the way from the flat colour to the end of the range.
"""
_CHANCE, _KEPT = 0.06, 0.3
"""Correlation of whole pictures that does not count, as a white card has it by chance, and the most that counts."""
_FINE, _FINEST = 0.45, 0.3
"""Share of the variance that smoothing leaves below which a picture is finer than a thumbnail can show: smoothed once,
and twice.
"""
_BOUNDARY = 0.19
"""Agreement at the threshold."""


class _Search(NamedTuple):
    """Tables that do not depend on pictures, for 5 × 8 blocks and 247 displacements.

    Args:
        positions: 40 × 247, indices of the positions that a block is compared with, in a padded thumbnail.
        inside: 5 × 8 × 247, 1 where that position lies within the picture.
        covered: 5 × 8 × 247, how many of a part's blocks are inside, at least 1.
        size: 5 × 8, how many blocks a part has.
    """

    positions: Tensor
    inside: Tensor
    covered: Tensor
    size: Tensor


@cache
def _search(device: torch.device) -> _Search:
    y = _BLOCK * torch.arange(_ROWS)[:, None] + torch.arange(2 * _REACH_Y + 1)
    x = _BLOCK * torch.arange(_COLUMNS)[:, None] + torch.arange(2 * _REACH_X + 1)
    inside_y = (y >= _REACH_Y) & (y <= _REACH_Y + _HEIGHT - _BLOCK)
    inside_x = (x >= _REACH_X) & (x <= _REACH_X + _WIDTH - _BLOCK)
    positions = y[:, None, :, None] * (_WIDTH + 2 * _REACH_X - _BLOCK + 1) + x[:, None]
    inside = (inside_y[:, None, :, None] & inside_x[:, None]).flatten(2).float()
    parts = (positions.reshape(_ROWS * _COLUMNS, -1), inside, _around(inside).clamp(min=1))
    return _Search(*(part.to(device) for part in (*parts, _around(torch.ones(_ROWS, _COLUMNS, 1))[..., 0])))


def _around(blocks: Tensor) -> Tensor:
    """Sums over a block and those around it: …×5×8×n."""
    for dim in (-3, -2):
        rest = blocks.shape[dim] - 1
        total = blocks.clone()
        total.narrow(dim, 0, rest).add_(blocks.narrow(dim, 1, rest))
        total.narrow(dim, 1, rest).add_(blocks.narrow(dim, 0, rest))
        blocks = total
    return blocks


@lru_cache(maxsize=16)
def _shares(length: int, cells: int, device: torch.device) -> Tensor:
    """Weights of each sample of a line in the means over equal parts of it: cells × length."""
    edges = torch.arange(cells + 1, dtype=torch.float64)[:, None] * (length / cells)
    covered = (edges - torch.arange(length)).clamp(0, 1)
    return ((covered[1:] - covered[:-1]) * (cells / length)).float().to(device)


def thumbnail(picture: Tensor) -> Tensor:
    """The thumbnail of a picture.

    Args:
        picture: 1×3×H×W, RGB in 0..1, fp32.

    Returns:
        1×3×20×32, means over equal areas, on the same device.
    """
    height, width = picture.shape[2:]
    down, across = _shares(height, _HEIGHT, picture.device), _shares(width, _WIDTH, picture.device)
    rows = down @ picture[0].permute(1, 2, 0).flatten(1)  # channels last, as pictures mostly are: nothing is copied
    cells = rows.view(_HEIGHT, width, 3).transpose(1, 2).reshape(-1, width) @ across.T
    return cells.view(_HEIGHT, 3, _WIDTH).transpose(0, 1).contiguous()[None]


def cut_score(first: Tensor, last: Tensor) -> float:
    """How likely a cut lies between two frames, from their thumbnails: 0..1, 0 where they are equal.

    Their order does not matter. A flat picture, black or white for instance, beside another is a cut unless that one
    may be a step of a fade; two flat pictures are none.
    """
    pair = torch.cat([first, last])
    level, white = _levelled(pair), _white(pair)
    change = (first - last).abs()
    share = (change / torch.maximum(pair, 1 - pair)).amax((1, 2, 3))
    smooth, variance = _smoothed(level), level.square().mean((1, 2, 3))
    left = (smooth.square().mean((1, 2, 3)) / variance.clamp_min(_FLAT**2)).amin()
    scalars = torch.stack([_agreement(level, white), change.max(), left])
    agreement, difference, fine, *pictures = torch.cat([scalars, variance, share]).tolist()
    (flattest, share_of_it), (busiest, _) = sorted(zip(pictures[:2], pictures[2:], strict=True))
    if difference == 0 or (flattest < _FLAT**2 and (busiest < _FAINT**2 or share_of_it <= _HALF)):
        return 0.0
    # a pattern finer than two cells comes out as another one, which moves otherwise; smoothing takes it away
    if flattest >= _FLAT**2 and fine < _FINE:
        agreement = max(agreement, float(_agreement(smooth, white)))
    if flattest >= _FLAT**2 and fine < _FINEST:
        agreement = max(agreement, float(_agreement(_smoothed(smooth), white)))
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


def _smoothed(pair: Tensor) -> Tensor:
    """Means of 3×3 cells, weighted 1, 2, 1 in either direction."""
    return F.avg_pool2d(F.avg_pool2d(F.pad(pair, (1, 1, 1, 1), "replicate"), 2, 1), 2, 1)


def _white(pair: Tensor) -> Tensor:
    """How much of the other picture is white where a part is: 2×5×8."""
    clipped = (pair.flip(0) >= _WHITE).float().reshape(2, 3, _ROWS, _BLOCK, _COLUMNS, _BLOCK).mean((1, 3, 5))
    return _around(clipped[..., None])[..., 0] / _search(pair.device).size


def _agreement(pair: Tensor, white: Tensor) -> Tensor:
    """How well neighbouring parts match and move alike: a weighted mean, the prior included.

    Parts that have gone white cannot match. Their weight goes to the correlation of the whole pictures: a flash leaves
    dark what was darkest, while the dark parts of a white card lie anywhere.
    """
    correlation, position, variance = _matches(pair)
    plain = _PLAIN**2 + _PLAIN_SHARE * variance.mean((1, 2), keepdim=True)
    detail = variance / (variance + plain)
    span = 2 * _REACH_X + 1
    place = position.div(span, rounding_mode="floor"), position % span
    grid = torch.stack([detail, detail * (1 - white), correlation, *place])
    sums = pair.new_zeros(3)
    for dim in (2, 3):
        length = grid.shape[dim] - 1
        one, other = grid.narrow(dim, 0, length), grid.narrow(dim, 1, length)
        whole, weight, match = one[:3] * other[:3]
        apart = ((one[3:] - other[3:]) ** 2).sum(0).sqrt()
        alike = weight * match * torch.exp(-apart / _TOGETHER)
        sums = sums + torch.stack([whole, weight, alike]).sum((1, 2, 3))
    whole, weight, alike = sums.unbind()
    common, *powers = torch.stack([pair[0] * pair[1], *pair.square()]).mean((1, 2, 3)).unbind()
    kept = common * ((powers[0] + _NOISE**2) * (powers[1] + _NOISE**2)).rsqrt()
    alike = alike + (whole - weight) * (kept - _CHANCE).clamp(0, _KEPT)
    return (alike + _EVIDENCE * _BELIEF) / (whole + _EVIDENCE)


def _matches(pair: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Search for each part of either picture in the other.

    Tensors are kept below 32,768 elements: from there on PyTorch shares the work among threads, and on a busy machine
    their meeting takes longer than one thread's work.

    Args:
        pair: 2×3×20×32.

    Returns:
        2×5×8 each: the best correlation, 0..1; the number of the displacement it has; the part's variance.
    """
    search = _search(pair.device)
    blocks = pair.reshape(2, 3, _ROWS, _BLOCK, _COLUMNS, _BLOCK).permute(0, 2, 4, 1, 3, 5).flatten(3)
    mean = blocks.mean(3, keepdim=True)
    detail = blocks - mean
    power = detail.square().mean(3, keepdim=True) + mean.square()

    padded = F.pad(pair.flip(0), (_REACH_X, _REACH_X, _REACH_Y, _REACH_Y))
    windows = padded.unfold(2, _BLOCK, 1).unfold(3, _BLOCK, 1).permute(0, 1, 4, 5, 2, 3)
    others = windows.new_empty(windows.shape)
    for picture in range(2):
        for channel in range(3):
            others[picture, channel] = windows[picture, channel]
    products = detail.flatten(1, 2) @ others.view(2, detail.shape[3], -1) / detail.shape[3]
    positions = search.positions.expand(2, -1, -1)
    product = products.gather(2, positions).view(2, *search.inside.shape)
    moments = torch.stack([padded.mean(1), padded.square().mean(1)], 1)
    for dim in (2, 3):
        reach = moments.shape[dim] - _BLOCK + 1
        moments = torch.stack([moments.narrow(dim, k, reach) for k in range(_BLOCK)]).mean(0)
    moments = moments.reshape(2, 2, 1, -1).expand(-1, -1, _ROWS * _COLUMNS, -1)
    mean_other, power_other = (moments[:, k].gather(2, positions).view_as(product) for k in range(2))

    # of blocks, then of parts, as far as they lie within the other picture
    product = product + mean * mean_other
    product, mean_own, power_own, mean_other, power_other = (
        _around(of * search.inside) / search.covered for of in (product, mean, power, mean_other, power_other)
    )
    own = (power_own - mean_own.square()).clamp(min=0) + _NOISE**2
    other = (power_other - mean_other.square()).clamp(min=0) + _NOISE**2
    correlation = (product - mean_own * mean_other) * (own * other).rsqrt()
    correlation = correlation.masked_fill(2 * search.covered < search.size[..., None], 0)
    best = correlation.amax(3)
    numbers = torch.arange(correlation.shape[3], device=pair.device, dtype=pair.dtype)
    position = torch.where(correlation == best[..., None], numbers, -1).amax(3)
    mean, power = (_around(of)[..., 0] / search.size for of in (mean, power))
    return best.clamp(min=0), position, (power - mean.square()).clamp(min=0)
