"""Clips: frames dropped and made again."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
import torch
from support import data

from vsrife.errors import RifeError
from vsrife.evaluation import Case, Choice, evaluate, find_suite

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

pytestmark = pytest.mark.vpy("unique-core")


def cases(path: Path, **choice: object) -> list[Case]:
    return list(find_suite(path, choice=Choice(**choice)).cases())


@pytest.fixture
def folder(tmp_path: Path, write: Callable[..., Tensor]) -> tuple[Path, list[Tensor]]:
    """Eleven frames of a moving texture, and what they are."""
    return tmp_path, [write(tmp_path / f"frame{k}.png", k) for k in range(11)]


@pytest.mark.parametrize("factor", [2, 3, 4, 8])
def test_every_case_is_of_the_clips_own_frames(factor: int, folder: tuple[Path, list[Tensor]]) -> None:
    path, pictures = folder
    suite = find_suite(path, choice=Choice(factor=factor))
    found = list(suite.cases())
    assert suite.moving
    assert suite.length == len(found) == 10 // factor
    for number, case in enumerate(found):
        start = number * factor
        held = [case.first, *(truth.picture for truth in case.truths), case.last]
        assert all(map(torch.equal, held, pictures[start : start + factor + 1]))
        assert [truth.time for truth in case.truths] == [Fraction(k, factor) for k in range(1, factor)]
        assert case.name == f"{start}-{start + factor}"


def test_one_who_knows_the_clip_is_right(folder: tuple[Path, list[Tensor]]) -> None:
    path, pictures = folder

    def knows(first: Tensor, last: Tensor, time: Fraction) -> Tensor:
        numbers = [next(n for n, picture in enumerate(pictures) if torch.equal(picture, x)) for x in (first, last)]
        exact = numbers[0] + time * (numbers[1] - numbers[0])
        assert exact.denominator == 1
        return pictures[int(exact)]

    report = evaluate(cases(path, factor=4), {"knows": knows}, ("psnr", "ssim", "ie", "sharpness"))
    assert len(report.scores) == 2 * 2 * 3
    figures = [score.figures for score in report.scores if score.model == "knows"]
    assert figures == [{"psnr": math.inf, "ssim": 1, "ie": 0, "sharpness": 1}] * 6
    assert [report.mean("knows", name) for name in report.metrics] == [100, 1, 0, 1]
    assert report.mean("blend", "psnr") < 40


def test_which_part_of_a_clip(folder: tuple[Path, list[Tensor]]) -> None:
    path, _ = folder
    half = (Fraction(1, 2), Fraction(1))
    assert [case.name for case in cases(path, span=half)] == ["5-7", "7-9"]
    assert [case.name for case in cases(path, every=2)] == ["0-2", "4-6", "8-10"]
    assert not find_suite(path, choice=Choice(every=2)).moving
    assert [case.name for case in cases(path, every=2, limit=2)] == ["0-2", "4-6"]
    assert {case.first.shape for case in cases(path, size=(32, None))} == {(3, 24, 32)}
    with pytest.raises(RifeError, match="find_suite: span must leave 9 frames of "):
        cases(path, span=half, factor=8)


def test_cuts_and_repeats_are_left_out(tmp_path: Path, write: Callable[..., Tensor]) -> None:
    shots = [(k, 7) for k in (0, 1, 2, 3, 4, 4, 5, 6)] + [(k, 99) for k in range(5)]
    for number, (step, seed) in enumerate(shots):
        write(tmp_path / f"{number}.png", step, width=128, height=96, seed=seed)
    assert [case.name for case in cases(tmp_path)] == ["0-2", "2-4", "8-10", "10-12"]
    assert [case.name for case in cases(tmp_path, repeats=True)] == ["0-2", "2-4", "4-6", "8-10", "10-12"]


SCRIPT = """
import vapoursynth as vs
clip = vs.core.std.BlankClip(format=vs.RGB24, width=64, height=48, length=9, fpsnum={rate}, color=[0, 0, 0])
clip = vs.core.std.FrameEval(clip, lambda n: vs.core.std.BlankClip(clip, color=[20 * n, 90, 5 * n]))
lasts = {lasts}
def last(n, f):
    out = f.copy()
    out.props["_DurationNum"], out.props["_DurationDen"] = lasts[n % len(lasts)], 1000
    return out
vs.core.std.ModifyFrame(clip, clip, last).set_output()
"""


@pytest.mark.parametrize(
    ("rate", "lasts", "times"),
    [
        (25, [40], [Fraction(1, 2)] * 4),
        (60, [17, 16, 17], [Fraction(1, 2)] * 4),
        (25, [10, 30], [Fraction(1, 4)] * 4),
        (25, [10, 30, 40], [Fraction(1, 4), Fraction(4, 5), Fraction(3, 7), Fraction(1, 4)]),
    ],
)
def test_a_script_with_its_times(rate: int, lasts: list[int], times: list[Fraction], tmp_path: Path) -> None:
    """What milliseconds round is taken to be even; a variable frame rate is not."""
    script = tmp_path / "clip.vpy"
    script.write_text(SCRIPT.format(rate=rate, lasts=lasts), encoding="utf-8")
    found = cases(script, repeats=True)
    assert [truth.time for case in found for truth in case.truths] == times


def test_a_real_clip_is_cut_where_its_cuts_are() -> None:
    path = data("clips/bikes.mp4")
    names = [case.name for case in cases(path, factor=4, size=(160, None), span=(Fraction(1, 10), Fraction(4, 10)))]
    assert names == [f"{start}-{start + 4}" for start in range(25, 97, 4) if start not in (29, 73)]


def test_what_is_no_clip_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"nothing")
    with pytest.raises(RifeError, match="find_suite: source must be a video, got ") as raised:
        cases(tmp_path / "clip.mp4")
    assert "\n" not in str(raised.value)
