"""The cut detector on synthetic pictures, and on real footage whose cuts are known."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from support import planes, texture, video

from vsrife.detect.cuts import DEFAULT_THRESHOLD, cut_score, thumbnail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import vapoursynth as vs
    from numpy.typing import NDArray

    Picture = NDArray[np.float32]

pytestmark = [pytest.mark.vpy("unique-core"), pytest.mark.usefixtures("one_thread")]
SIZES = [(320, 180), (641, 359), (180, 321), (96, 96)]
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def thumbnail_of(picture: Picture, device: str = "cpu") -> torch.Tensor:
    return thumbnail(torch.from_numpy(np.ascontiguousarray(picture, np.float32))[None].to(device))


def score(first: Picture, last: Picture) -> float:
    return cut_score(thumbnail_of(first), thumbnail_of(last))


def is_cut(first: Picture, last: Picture) -> bool:
    return cuts_within([first, last]) == [1]


def cuts_within(shown: Iterable[Picture]) -> list[int]:
    """The numbers of the pictures that begin a shot."""
    return parted([thumbnail_of(picture) for picture in shown])


def parted(thumbnails: Sequence[torch.Tensor]) -> list[int]:
    """The same of thumbnails."""
    scores = [cut_score(*pair) for pair in pairwise(thumbnails)]
    return [n for n, value in enumerate(scores, 1) if value >= DEFAULT_THRESHOLD]


@cache
def wide(seed: int) -> Picture:
    """A texture, and a quarter of a picture more of it on every side."""
    return texture(480, 270, -80, -45, seed)


def scene(seed: int, width: int = 320, height: int = 180, shift_x: float = 0, shift_y: float = 0) -> Picture:
    """A texture whose details keep their share of the picture at any size, moved by shares of the picture."""
    rows = (np.linspace(45, 224, height) + 180 * shift_y).round().astype(int)
    columns = (np.linspace(80, 399, width) + 320 * shift_x).round().astype(int)
    return wide(seed)[:, rows][:, :, columns]


def noise(picture: Picture, sigma: float, seed: int) -> Picture:
    """Gaussian noise, and 8-bit steps."""
    noisy = picture + np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return (noisy.clip(0, 1) * 255).round().astype(np.float32) / 255


def barred(picture: Picture, bar: int = 22) -> Picture:
    out = picture.copy()
    out[:, :bar] = out[:, -bar:] = 0
    return out


@pytest.mark.parametrize(("width", "height"), [(320, 180), (33, 47), (16, 16), (31, 20), (641, 359)])
def test_a_thumbnail_has_the_means_over_equal_areas(width: int, height: int) -> None:
    picture = np.random.default_rng(1).random((3, height, width)).astype(np.float32)
    # every sample split into 20 × 32 parts makes cells of whole parts
    parts = picture.astype(np.float64).repeat(20, 1).reshape(3, 20, height, width).mean(2).repeat(32, 2)
    expected = parts.reshape(3, 20, 32, width).mean(3)
    assert np.abs(thumbnail_of(picture)[0].numpy() - expected).max() < 1e-5


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_other_pictures_are_cuts(width: int, height: int) -> None:
    assert cuts_within(scene(seed, width, height) for seed in range(12)) == list(range(1, 12))


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("shift", [0.02, 0.1, 0.25, -0.25])
def test_a_pan_is_no_cut(width: int, height: int, shift: float) -> None:
    for seed in range(4):
        first = scene(seed, width, height)
        assert not is_cut(first, scene(seed, width, height, shift, shift / 4))
        assert not is_cut(first, scene(seed, width, height, shift / 4, shift / 2))


CHANGES: dict[str, Callable[[Picture], Picture]] = {
    "brighter": lambda p: (p * 2.5).clip(0, 1),
    "much brighter": lambda p: (p * 2 + 0.2).clip(0, 1),
    "darker": lambda p: p * 0.2,
    "fading to white": lambda p: 0.9 + 0.1 * p,
    "burnt out": lambda p: (p * 4 + 0.1).clip(0, 1),
    "burnt out on a side": lambda p: (p * np.linspace(0.7, 4, p.shape[2], dtype=np.float32) + 0.1).clip(0, 1),
    "flatter": lambda p: 0.3 + 0.2 * p,
    "gamma": lambda p: p**2.2,
    "lit from a side": lambda p: (p * np.linspace(0.7, 3, p.shape[2], dtype=np.float32)).clip(0, 1),
    "reddened": lambda p: p * np.array([1, 0.4, 0.4], np.float32)[:, None, None],
    "grainy": lambda p: noise(p, 0.06, 1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_light_is_no_cut(change: str) -> None:
    for seed in range(6):
        first, last = scene(seed), CHANGES[change](scene(seed, shift_x=0.01))
        assert not cuts_within((first, last, first))


@pytest.mark.parametrize("steps", [2, 3, 4, 5, 8, 25])
@pytest.mark.parametrize("level", [0, 0.5, 1])
def test_fades_have_no_cut(level: float, steps: int) -> None:
    for seed in range(6):
        shot = [(scene(seed, shift_x=0.005 * n) - level) * max(0, 1 - n / steps) + level for n in range(steps + 3)]
        thumbnails = [thumbnail_of(picture) for picture in shot]
        assert not parted(thumbnails[:: 1 if seed % 2 else -1])


def test_dissolves_have_no_cut() -> None:
    for seed in range(4):
        one, other = scene(seed), scene(seed + 20)
        assert not cuts_within(one + (other - one) * np.float32(n / 10) for n in range(11))


def test_an_object_before_the_camera_is_no_cut() -> None:
    passing = scene(30)
    for seed in range(6):
        first, last = scene(seed), scene(seed)
        first[:, :, 30 * seed : 30 * seed + 100] = passing[:, :, :100]
        last[:, :, 30 * seed + 40 : 30 * seed + 140] = passing[:, :, :100]
        assert not is_cut(first, last)


@pytest.mark.parametrize("gain", [0.2, 0.1])
def test_dark_pictures(gain: float) -> None:
    dark = [noise(scene(seed) * gain, 0.006, seed) for seed in range(10)]
    assert cuts_within(dark) == list(range(1, 10))
    moved = [noise(scene(seed, shift_x=0.05) * gain, 0.006, seed + 50) for seed in range(10)]
    assert not any(is_cut(*pair) for pair in zip(dark, moved, strict=True))


def test_bars_do_not_hide_a_cut_nor_make_one() -> None:
    for seed in range(8):
        first = barred(scene(seed))
        assert is_cut(first, barred(scene(seed + 1)))
        assert not is_cut(first, barred(scene(seed, shift_x=0.1)))
        columns, other = (barred(scene(one).transpose(0, 2, 1)).transpose(0, 2, 1) for one in (seed, seed + 1))
        assert is_cut(columns, other)


@pytest.mark.parametrize("level", [0, 0.4, 0.92, 0.96, 1])
def test_between_a_picture_and_nothing_is_a_cut(level: float) -> None:
    flat = np.full((3, 180, 320), level, np.float32)
    for seed in range(4):
        assert is_cut(scene(seed), flat)
        assert is_cut(flat, scene(seed))
        assert not is_cut(level + 0.1 * (scene(seed) - level), flat)
        assert is_cut(scene(seed), noise(flat, 0.03, seed))
        assert is_cut(noise(flat, 0.03, seed), noise(scene(seed), 0.03, seed + 1))


BOXES = {
    "small": (80, 150, 6, 10),
    "a title": (84, 100, 12, 120),
    "large": (60, 90, 60, 90),
    "a corner": (0, 0, 40, 50),
}


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("level", [0, 0.5])
def test_a_white_card_is_another_shot(box: str, level: float) -> None:
    top, left, height, width = BOXES[box]
    card = np.ones((3, 180, 320), np.float32)
    card[:, top : top + height, left : left + width] = level
    shown = [card if n % 2 else scene(n // 2) for n in range(28)]
    assert len(cuts_within([*shown, scene(0)])) >= 26
    assert not is_cut(card, card * 0.8)


def bars(period: int, width: int, shift: int, size: tuple[int, int], *, upright: bool = True) -> Picture:
    columns, rows = size
    places = (np.arange(columns if upright else rows) + shift) % period < width
    picture = np.broadcast_to(places[None, :] if upright else places[:, None], (rows, columns))
    return np.broadcast_to(0.1 + 0.8 * picture, (3, rows, columns)).astype(np.float32)


@pytest.mark.parametrize("upright", [True, False])
def test_a_periodic_picture_that_moves_is_no_cut(*, upright: bool) -> None:
    """Finer than a thumbnail's cells or coarser, by less than a period and by more."""
    taken, cases = [], 0
    for size in ((320, 180), (640, 360), (1280, 720)):
        for pattern in ((16, 2), (12, 3), (24, 6), (32, 4), (40, 8), (64, 16)):
            first = thumbnail_of(bars(*pattern, 0, size, upright=upright))
            for shift in (1, 3, 5, 7, 8, 11):
                cases += 1
                if parted([first, thumbnail_of(bars(*pattern, shift, size, upright=upright))]):
                    taken.append((size, pattern, shift))
            assert parted([first, thumbnail_of(scene(3, *size))])
    assert len(taken) <= cases // 100, taken


@pytest.mark.parametrize("size", [(320, 180), (640, 360), (1280, 720)])
@pytest.mark.parametrize("block", [8, 16, 32])
@pytest.mark.parametrize(("period", "width"), [(16, 2), (24, 6), (40, 8)])
def test_a_fence_before_a_restless_picture_is_no_cut(
    period: int, width: int, block: int, size: tuple[int, int]
) -> None:
    columns, rows = size
    noisy = np.random.default_rng(block).uniform(0, 1, (3, rows // block + 1, columns // block + 4))
    wall = noisy.repeat(block, 1).repeat(block, 2)[:, :rows].astype(np.float32)

    def picture(fence: int, background: int) -> Picture:
        behind = wall[..., background : background + columns]
        return np.where(bars(period, width, fence, size) > 0.5, np.float32(0.05), behind)

    first = thumbnail_of(picture(0, 0))
    for shift in (2, 7, 13):
        for moved in ((shift, 0), (0, shift), (shift, shift)):
            assert not parted([first, thumbnail_of(picture(*moved))])
    assert parted([first, thumbnail_of(scene(3, columns, rows))])


def test_flat_pictures_are_no_cut() -> None:
    flat = [np.ones((3, 180, 320), np.float32) * np.array(c, np.float32)[:, None, None] for c in ((0, 0, 0), (1, 1, 1))]
    flat += [np.ones_like(flat[0]) * np.array(c, np.float32)[:, None, None] for c in ((0.5, 0.5, 0.5), (0.8, 0.1, 0.2))]
    assert not any(is_cut(one, other) for one in flat for other in flat)
    assert not any(is_cut(one, noise(other, 0.01, 1)) for one in flat for other in flat)


@pytest.mark.parametrize(("width", "height"), [(16, 16), (17, 33), (2000, 16), (320, 180)])
def test_the_smallest_and_the_oddest(width: int, height: int) -> None:
    rng = np.random.default_rng(2)
    one, other = rng.random((2, 3, height, width)).astype(np.float32)
    assert thumbnail_of(one).shape == (1, 3, 20, 32)
    assert score(one, one) == score(np.zeros_like(one), np.zeros_like(one)) == 0
    assert 0 <= score(one, other) <= 1
    assert score(one, one * np.float32(0.9)) < DEFAULT_THRESHOLD


@pytest.mark.parametrize("device", DEVICES)
def test_a_score_depends_on_the_two_thumbnails_alone(device: str) -> None:
    thumbnails = [thumbnail_of(scene(seed, shift_x=x), device) for seed in range(3) for x in (0, 0.1)]
    again = {}
    for _ in range(2):
        for a, one in enumerate(thumbnails):
            for b, other in enumerate(thumbnails):
                value = cut_score(one.clone(), other.clone())
                assert again.setdefault((a, b), value) == value
                assert value == pytest.approx(again.get((b, a), value), abs=1e-4)
                assert value == pytest.approx(cut_score(one.cpu(), other.cpu()), abs=1e-3)
                assert (value >= DEFAULT_THRESHOLD) == (a // 2 != b // 2)


def cuts(clip: vs.VideoNode, step: int = 1) -> list[int]:
    """First frames of new shots, numbered as in the clip that is thinned out."""
    import vapoursynth as vs

    matrix = vs.MATRIX_BT709 if clip.width >= 1280 else vs.MATRIX_ST170_M
    size = {"width": 320, "height": 320 * clip.height // clip.width} if clip.width > 640 else {}
    rgb = clip.resize.Bilinear(format=vs.RGBS, matrix_in=matrix, **size)[::step]
    thumbnails = [thumbnail_of(np.stack(planes(frame)).clip(0, 1)) for frame in rgb.frames(close=True)]
    return parted(thumbnails)


def test_the_cuts_of_a_film_and_no_others() -> None:
    assert cuts(video("bikes.mp4")) == [30, 76, 137, 187, 242]


def test_the_cut_between_two_night_pictures() -> None:
    assert cuts(video("cityCC0.mpg")) == [116]


def test_a_bird_that_leaps_at_the_camera_is_no_cut() -> None:
    assert cuts(video("cockatoo.mp4")) == []


def test_a_face_in_a_car_has_no_cut() -> None:
    assert cuts(video("carphone_pristine.mp4"), step=2) == []
