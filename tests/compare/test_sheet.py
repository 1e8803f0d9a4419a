"""The sheet of moments."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

from vsrife.compare.moments import Place
from vsrife.compare.sheet import CELL, Shown, clock, moment_row, save_moments
from vsrife.evaluation.sheet import BACKGROUND, GAP, MARGIN, error_map

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

WIDTH, HEIGHT = 160, 96


@pytest.fixture
def moment(picture: Callable[..., Tensor]) -> Shown:
    first, truth, last = (picture(4 * k) for k in range(3))
    blend = ((first.int() + last.int()) // 2).byte()
    flow = torch.tensor([8.0, 0.0])[:, None, None].expand(2, HEIGHT, WIDTH)
    return Shown("A", "largest motion", Place(6, 8), 0.28, first, last, blend, truth.clone(), truth, flow)


def test_the_error_is_nothing_where_the_truth_is_met(moment: Shown) -> None:
    made = moment.made.clone()
    assert not error_map(made, moment.truth).any()
    made[:, 5, 7] = moment.truth[:, 5, 7] ^ 1
    error = error_map(made, moment.truth)
    assert error[:, 5, 7].tolist() == [4, 4, 4]
    assert error.count_nonzero() == 3
    assert error_map(torch.zeros(3, 2, 2, dtype=torch.uint8), torch.full((3, 2, 2), 255).byte()).unique() == 255


def test_headings_say_what_is_below(moment: Shown) -> None:
    row = moment_row(moment, truths=True)
    headings = [cell.heading for cell in row.cells]
    assert headings[:2] == ["frame 6", "frame 8"]
    assert headings[2].startswith("blend, ")
    assert headings[3:6] == ["made, met exactly", "frame 7, the truth", "error of made, 4 times"]
    assert headings[6] == "motion, full colour 8 px"
    assert row.name == "A   0:00.28   largest motion"
    assert torch.equal(row.cells[4].picture, moment.truth)
    assert not row.cells[5].picture.any()
    assert row.cells[6].picture[:, 3, 3].tolist() == [255, 0, 0]
    untrue = replace(moment, truth=None)
    assert [cell.heading for cell in moment_row(untrue, truths=False).cells][2:4] == ["blend", "made"]
    assert len(moment_row(untrue, truths=False).cells) == 5
    assert len(moment_row(untrue, truths=True).cells) == 7


@pytest.mark.parametrize(("x", "y"), [(0, 0), (110, 70), (50, 30)])
def test_what_is_enlarged_is_where_it_is_wrong(x: int, y: int, moment: Shown) -> None:
    made = moment.truth.clone()
    made[:, y : y + 20, x : x + 30] ^= 255
    left, top, right, bottom = moment_row(replace(moment, blend=moment.truth, made=made), truths=True).box
    assert (right - left, bottom - top) == (WIDTH // 4, HEIGHT // 4)
    assert 0 <= left <= x < x + 30 <= right <= WIDTH
    assert 0 <= top <= y < y + 20 <= bottom <= HEIGHT


@pytest.mark.parametrize(("truths", "columns"), [(True, 7), (False, 5)])
def test_the_file_is_a_png_of_the_size_that_the_rows_have(
    truths: bool, columns: int, moment: Shown, tmp_path: Path
) -> None:
    rows = [moment if truths else replace(moment, truth=None), replace(moment, letter="B", truth=None)]
    save_moments(tmp_path / "sheet.png", "a title", ["a line", "and another"], rows)
    with Image.open(tmp_path / "sheet.png") as file:
        assert file.format == "PNG"
        sheet = np.array(file)
    tall = CELL * HEIGHT // WIDTH
    assert sheet.shape[1] == 2 * MARGIN + columns * CELL + (columns - 1) * GAP
    assert sheet.shape[0] > 2 * (2 * tall + GAP)
    for edge in (sheet[: MARGIN - 2], sheet[-MARGIN + 2 :], sheet[:, : MARGIN - 1], sheet[:, -MARGIN + 3 :]):
        assert (edge == BACKGROUND).all()
    # the enlarged parts of the last row
    flow = sheet[-MARGIN - tall // 2, -MARGIN - CELL // 2]
    assert flow.tolist() == [255, 0, 0]


def test_times_are_minutes_and_seconds() -> None:
    assert [clock(second) for second in (0, 59.4, 59.6, 61, 3725)] == ["0:00", "0:59", "1:00", "1:01", "62:05"]
    assert [clock(second, 2) for second in (0.28, 59.994, 59.996)] == ["0:00.28", "0:59.99", "1:00.00"]
