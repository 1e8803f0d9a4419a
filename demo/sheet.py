"""The picture sheet: moments of large motion, made and true, with a look into the part that matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from files import partial
from measure import psnr

from vsrife.evaluation.sheet import Box, Cell, Row, draw_sheet

if TYPE_CHECKING:
    from pathlib import Path

    from measure import Moment, Picture, Rebuilt
    from source import Source

__all__ = ["save_sheet"]

CELL = 460
ZOOM = 4


def save_sheet(path: Path, source: Source, rebuilt: Rebuilt, count: int) -> None:
    """Draws `count` moments of a measured clip into a PNG."""
    subtitle = (
        f"{source.path.name}, {len(rebuilt.frames)} frames, PSNR against the true ones: "
        f"RIFE {rebuilt.made.mean_psnr:.2f} dB, blend {rebuilt.blend.mean_psnr:.2f} dB"
    )
    rows = [_row(moment) for moment in rebuilt.moments(count)]
    with partial(path) as unfinished:
        draw_sheet(unfinished, "Every other frame dropped, and made again by RIFE", [subtitle], rows, cell=CELL)


def _row(moment: Moment) -> Row:
    made, blend = (f"{psnr(picture, moment.truth):.1f} dB" for picture in (moment.made, moment.blend))
    cells = (
        _cell(f"Frame {moment.frame - 1}, kept", moment.before),
        _cell(f"Frame {moment.frame + 1}, kept", moment.after),
        _cell(f"Plain blend, {blend}", moment.blend),
        _cell(f"Made by RIFE, {made}", moment.made, accent=True),
        _cell("The truth", moment.truth),
    )
    return Row(f"Frame {moment.frame}", "", cells, _most_different(moment.blend, moment.truth))


def _cell(heading: str, picture: Picture, *, accent: bool = False) -> Cell:
    return Cell(heading, torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))), accent)


def _most_different(first: Picture, second: Picture) -> Box:
    """Where two pictures differ most, as a box of their shape and a part of their size."""
    error = np.abs(first.astype(np.float64) - second).sum(axis=2)
    height, width = (max(side // ZOOM, 1) for side in error.shape)
    summed = np.pad(error.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    boxes = summed[height:, width:] - summed[:-height, width:] - summed[height:, :-width] + summed[:-height, :-width]
    top, left = np.unravel_index(int(boxes.argmax()), boxes.shape)
    return int(left), int(top), int(left) + width, int(top) + height
