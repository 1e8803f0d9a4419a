"""The report of a run: curves, pictures, and the card of its model."""

from __future__ import annotations

import csv
import os
from typing import TYPE_CHECKING, Any

import torch

from vsrife.engine.overlay import flow_colours
from vsrife.errors import RifeError
from vsrife.files import atomic_write
from vsrife.training.module import estimate_batch, interpolate_batch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vsrife.networks import IFNet
    from vsrife.networks.paper import PaperIFNet
    from vsrife.training.data import Triplet
    from vsrife.training.options import TrainOptions

__all__ = ["Curve", "card", "save_sheet"]

FULL_FLOW = 24
"""Pixels of motion drawn in full colour."""
GAP = 8


class Curve:
    """Rows in a CSV file and, where wanted, in TensorBoard's. Every row is on disk once it is added.

    Args:
        path: the file. Rows of an earlier run after `step` are dropped, because a resumed run repeats those steps.
        names: of the columns after `step`.
        step: number of steps done.
        board: whether to write TensorBoard's files beside it.

    Attributes:
        rows: the earlier run's rows, as text.

    Raises:
        RifeError: TensorBoard is wanted and not installed.
    """

    def __init__(self, path: Path, names: tuple[str, ...], step: int, *, board: bool = False) -> None:
        self.rows: list[list[str]] = []
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                rows = list(csv.reader(file))[1:]
            self.rows = [row for row in rows if row and row[0].isdigit() and int(row[0]) <= step]
        with atomic_write(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("step", *names), *self.rows])
        self._names = names
        self._file = path.open("a", newline="", encoding="utf-8")
        self._board = _board(path.with_suffix("")) if board else None

    def add(self, step: int, values: tuple[float, ...]) -> None:
        """Append a row."""
        csv.writer(self._file).writerow((step, *values))
        self._file.flush()
        os.fsync(self._file.fileno())
        if self._board:
            for name, value in zip(self._names, values, strict=True):
                self._board.add_scalar(name, value, step)

    def close(self) -> None:
        self._file.close()
        if self._board:
            self._board.close()


@torch.no_grad()
def save_sheet(
    path: Path, network: IFNet | PaperIFNet, batch: Triplet, kind: str = "direct", step: str = "published"
) -> None:
    """Draw triplets, a row each: first, interpolated, true and last picture, the flow from first to last, the mask.

    Args:
        path: of the PNG.
        network: on any device.
        batch: pictures in 0..1 on the network's device.
        kind: of the flow, see `TrainOptions.flow`.
        step: the picture step, see `TrainOptions.picture_step`.

    Raises:
        RifeError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise RifeError('sheets of pictures need Pillow; pip install ".[train]"') from error
    estimate = estimate_batch(network, batch, kind)
    flow = flow_colours((estimate.flow[:, 2:] - estimate.flow[:, :2]) / FULL_FLOW)
    mask = estimate.mask.sigmoid().expand_as(batch.img0)
    columns = batch.img0, interpolate_batch(network, batch, kind, step), batch.truth, batch.img1, flow, mask
    framed = [torch.nn.functional.pad(column, (0, GAP, 0, GAP), value=0.08) for column in columns]
    rows = [torch.cat([column[n] for column in framed], 2) for n in range(len(mask))]
    sheet = (torch.cat(rows, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    with atomic_write(path) as partial:
        Image.fromarray(sheet).save(partial)


def card(options: TrainOptions, facts: Mapping[str, str], curve: list[tuple[int, float]]) -> str:
    """A model's card, in Markdown.

    Args:
        options: of the run.
        facts: name → value, for the first table.
        curve: steps and validation PSNR in dB.
    """
    lines = ["# A model trained with vsrife", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in facts.items()]
    if curve:
        (_, before), (_, last) = curve[0], curve[-1]
        lines += [f"| validation PSNR | {before:.3f} dB before, {last:.3f} dB after ({last - before:+.3f}) |"]
    lines += ["", "## Options", "", "| | |", "|---|---|"]
    for name, value in vars(options).items():
        if value not in (None, ()):
            lines.append(f"| {name} | {' '.join(map(str, value)) if isinstance(value, tuple) else value} |")
    lines += ["", "## Validation", "", "| steps | PSNR |", "|---|---|"]
    lines += [f"| {step} | {value:.3f} dB |" for step, value in curve]
    return "\n".join(lines) + "\n"


def _board(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise RifeError("tensorboard is not installed; pip install tensorboard") from error
    return SummaryWriter(str(folder))
