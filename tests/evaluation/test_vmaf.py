"""VMAF, where an ffmpeg with libvmaf is here."""

from __future__ import annotations

import math
import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from vsrife.errors import RifeError
from vsrife.evaluation import Case, Truth, Vmaf, evaluate, find_ffmpeg
from vsrife.evaluation.vmaf import limited_luma

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


@pytest.fixture(scope="module")
def ffmpeg() -> Path:
    found = find_ffmpeg()
    if found is None:
        pytest.skip("no ffmpeg with libvmaf is here")
    return found


@pytest.fixture
def pictures(moved: Callable[..., Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Made and true ones, of unlike quality."""
    noise = torch.Generator().manual_seed(1)
    pairs = []
    for seed, strength in ((1, 4), (2, 12), (3, 30)):
        truth = moved(0, 128, 96, seed)
        made = truth + strength * torch.randn(truth.shape, generator=noise)
        pairs.append((made.round().clamp(0, 255).to(torch.uint8), truth))
    return pairs


def scores(ffmpeg: Path, pairs: list[tuple[Tensor, Tensor]], *, moving: bool) -> list[float]:
    with Vmaf(ffmpeg, moving=moving) as vmaf:
        for made, truth in pairs:
            vmaf.add("model", made, truth)
        return vmaf.scores("model")


def test_single_pictures_do_not_depend_on_their_order(ffmpeg: Path, pictures: list[tuple[Tensor, Tensor]]) -> None:
    plain = scores(ffmpeg, pictures, moving=False)
    assert plain == sorted(plain, reverse=True)
    assert all(0 <= score <= 100 for score in plain)
    assert scores(ffmpeg, pictures[::-1], moving=False) == plain[::-1]
    alone = [scores(ffmpeg, [pair], moving=False)[0] for pair in pictures]
    assert alone == plain


def test_stills_are_scored_as_a_standing_picture_is(ffmpeg: Path, pictures: list[tuple[Tensor, Tensor]]) -> None:
    """A picture shown twice has no motion by VMAF's own measure."""
    twice = [pair for pair in pictures for _ in range(2)]
    assert scores(ffmpeg, twice, moving=True)[::2] == scores(ffmpeg, pictures, moving=False)


def test_motion_counts_in_clips(ffmpeg: Path, pictures: list[tuple[Tensor, Tensor]]) -> None:
    assert scores(ffmpeg, pictures, moving=True) != scores(ffmpeg, pictures, moving=False)


def test_every_model_and_size_has_its_own_stream(ffmpeg: Path, pictures: list[tuple[Tensor, Tensor]]) -> None:
    large = [(made.repeat(1, 1, 2), truth.repeat(1, 1, 2)) for made, truth in pictures]
    mixed = [pictures[0], large[0], pictures[1], large[1]]
    with Vmaf(ffmpeg, moving=False) as vmaf:
        for made, truth in mixed:
            vmaf.add("good", truth, truth)
            vmaf.add("poor", made, truth)
        poor, good = vmaf.scores("poor"), vmaf.scores("good")
    assert poor[::2] == scores(ffmpeg, pictures[:2], moving=False)
    assert poor[1::2] == scores(ffmpeg, large[:2], moving=False)
    assert all(score > 95 for score in good)


def test_small_pictures_have_no_score(ffmpeg: Path, pictures: list[tuple[Tensor, Tensor]]) -> None:
    made, truth = pictures[0]
    found = scores(ffmpeg, [(made[:, :63], truth[:, :63]), pictures[0], (made[:, :65, :65], truth[:, :65, :65])],
                   moving=False)  # fmt: skip
    assert [math.isnan(score) for score in found] == [True, False, False]


def test_in_a_report(ffmpeg: Path, pictures: list[tuple[Tensor, Tensor]]) -> None:
    cases = [Case(str(n), made, truth, (Truth(Fraction(1, 2), truth),)) for n, (made, truth) in enumerate(pictures)]
    with Vmaf(ffmpeg, moving=False) as vmaf:
        report = evaluate(cases, {"first": lambda first, last, time: first}, ("psnr", "vmaf"), vmaf=vmaf)
    assert [s.figures["vmaf"] for s in report.scores if s.model == "first"] == scores(ffmpeg, pictures, moving=False)


def test_nothing_is_left_behind(
    ffmpeg: Path, pictures: list[tuple[Tensor, Tensor]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Vmaf(ffmpeg, moving=True) as vmaf:  # left before its scores are asked for
        vmaf.add("model", *pictures[0])
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())


def test_luma_is_bt709_in_limited_range() -> None:
    corners = torch.tensor([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]], dtype=torch.uint8)
    assert limited_luma(corners.T[..., None])[:, 0].tolist() == [16, 235, 63, 173, 32]


def test_an_ffmpeg_that_has_none_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for given in (Path(sys.executable), tmp_path / "ffmpeg"):
        with pytest.raises(RifeError, match="find_ffmpeg: ffmpeg must be a program that has libvmaf, got "):
            find_ffmpeg(given)
    monkeypatch.setattr("vsrife.evaluation.vmaf._candidates", lambda: [sys.executable])
    assert find_ffmpeg() is None


def test_an_ffmpeg_that_fails_is_one_line(pictures: list[tuple[Tensor, Tensor]]) -> None:
    with pytest.raises(RifeError, match=r"^ffmpeg cannot measure VMAF: ") as raised:
        scores(Path(sys.executable), pictures, moving=True)
    assert "\n" not in str(raised.value)
