"""The sheet of the worst cases."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

from vsrife.evaluation import Case, Truth, Worst, evaluate, save_sheet
from vsrife.evaluation.sheet import BACKGROUND, CELL, GAP, MARGIN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor


def worst_of(moved: Callable[..., Tensor], sizes: list[tuple[int, int]], name: str = "case", count: int = 3) -> Worst:
    """Pairs that move further and further, of which the first is shown for the truth."""
    worst = Worst("first", count)
    cases = [
        Case(f"{name}{k}", moved(0, *size), moved(2 * k, *size), (Truth(Fraction(1, 2), moved(k, *size)),))
        for k, size in enumerate(sizes, 1)
    ]
    predictors = {"first": lambda first, last, time: first}
    evaluate(cases, predictors, ("psnr",), watch=lambda *shown: worst.add("set", *shown))
    return worst


def test_the_worst_come_first_and_each_case_once(moved: Callable[..., Tensor]) -> None:
    worst = worst_of(moved, [(64, 48)] * 5)
    figures = [row.psnr for row in worst.rows]
    assert worst.count == 5
    assert figures == sorted(figures)
    assert {row.name for row in worst.rows} <= {f"set, case{k}, t = 1/2" for k in range(1, 6)}
    assert "set, case1, t = 1/2" not in {row.name for row in worst.rows}
    again = Worst("first", 3)
    case = Case("one", moved(0), moved(4), tuple(Truth(Fraction(k, 4), moved(k)) for k in (1, 2, 3)))
    for truth in case.truths:
        again.add("set", case, truth, "first", case.first)
        again.add("set", case, truth, "another", case.last)
    assert [row.name for row in again.rows] == ["set, one, t = 3/4"]


@pytest.mark.parametrize(
    "sizes",
    [[(64, 48)], [(64, 48), (300, 30), (30, 300)], [(500, 400)]],
    ids=["small", "unlike", "large"],
)
def test_nothing_is_cut_off(sizes: list[tuple[int, int]], tmp_path: Path, moved: Callable[..., Tensor]) -> None:
    """The margins are empty, and within them every picture is whole."""
    path = tmp_path / "sheet.png"
    worst = worst_of(moved, sizes, name="a name that goes on and on, " * 12)
    save_sheet(path, worst)
    sheet = np.array(Image.open(path))
    assert sheet.shape[1] == 2 * MARGIN + 5 * CELL + 4 * GAP
    for edge in (sheet[: MARGIN - 2], sheet[-MARGIN + 2 :], sheet[:, : MARGIN - 1], sheet[:, -MARGIN + 2 :]):
        assert (edge == BACKGROUND).all()
    columns = range(MARGIN, sheet.shape[1] - MARGIN, CELL + GAP)
    gaps = [sheet[160:, left - GAP : left] for left in list(columns)[1:]]
    # names run across the gaps, pictures do not
    assert all((gap == BACKGROUND).all(axis=(1, 2)).mean() > 0.5 for gap in gaps)


def test_pictures_are_where_they_belong(tmp_path: Path) -> None:
    colours = [(200, 10, 10), (10, 200, 10), (10, 10, 200), (12, 12, 190)]
    first, last, made, truth = (
        torch.tensor(colour, dtype=torch.uint8)[:, None, None].expand(3, 64, 64) for colour in colours
    )
    worst = Worst("model", 1)
    worst.add("set", Case("case", first, last, ()), Truth(Fraction(1, 2), truth), "model", made)
    save_sheet(tmp_path / "sheet.png", worst)
    sheet = np.array(Image.open(tmp_path / "sheet.png"))
    row = sheet[-MARGIN - CELL // 2]
    shown = [tuple(row[MARGIN + column * (CELL + GAP) + CELL // 2].tolist()) for column in range(5)]
    assert shown == [*colours, (8, 8, 40)]


def test_other_models_stand_beside_the_first_enlarged_where_it_is_wrong(tmp_path: Path) -> None:
    grey = torch.full((3, 64, 128), 90, dtype=torch.uint8)
    made, another = grey.clone(), grey.clone()
    made[:, 40:56, 70:100] = 250
    another[0, 40:56, 70:100] = 200
    worst, case = Worst("first", 2), Case("case", grey, grey, ())
    truths = [Truth(Fraction(k, 3), grey) for k in (1, 2)]
    for model, pictures in {"blend": (grey, grey), "first": (made, another), "other": (another, made)}.items():
        for truth, picture in zip(truths, pictures, strict=True):
            worst.add("set", case, truth, model, picture)
    (row,) = (made.comparison(worst.model) for made in worst.rows)
    assert row.name == "set, case, t = 1/3"
    assert [cell.heading.split(",")[0] for cell in row.cells] == ["truth", "first", "other"]
    assert [cell.accent for cell in row.cells] == [False, True, False]
    assert all(torch.equal(cell.picture, wanted) for cell, wanted in zip(row.cells, (grey, made, another), strict=True))
    assert row.box is not None
    left, top, right, bottom = row.box
    assert (right - left, bottom - top) == (32, 16)
    assert top == 40
    assert left in (68, 69, 70)
    save_sheet(tmp_path / "sheet.png", worst)
    sheet = np.array(Image.open(tmp_path / "sheet.png"))
    enlarged = sheet[-MARGIN - CELL // 4]
    shown = [tuple(enlarged[MARGIN + column * (CELL + GAP) + CELL // 2].tolist()) for column in range(3)]
    assert shown == [(90, 90, 90), (250, 250, 250), (200, 90, 90)]
