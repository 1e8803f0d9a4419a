"""Published sets, each laid out in a folder as it is unpacked."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from skimage.color import rgb2yuv, yuv2rgb

from vsrife.errors import RifeError
from vsrife.evaluation import Case, Choice, find_suite, parse_size, parse_span

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    Write = Callable[..., Tensor]

HALF = [Fraction(1, 2)]
OFFSET = np.array([0, 127.5, 127.5])
"""Of chroma, in the published scripts."""


def triplet(folder: Path, names: tuple[str, str, str], write: Write, seed: int = 7) -> list[Tensor]:
    return [write(folder / name, step, seed=seed) for step, name in enumerate(names)]


def cases(path: Path, name: str | None = None, **choice: object) -> list[Case]:
    return list(find_suite(path, name, Choice(**choice)).cases())


def same(case: Case, pictures: list[Tensor]) -> bool:
    held = [case.first, *(truth.picture for truth in case.truths), case.last]
    return len(held) == len(pictures) and all(map(torch.equal, held, pictures))


@pytest.mark.parametrize(
    ("names", "title", "reported"),
    [
        (("frame10.png", "frame10i11.png", "frame11.png"), "Middlebury OTHER", ("ie_paper",)),
        (("frame_00.png", "frame_01_gt.png", "frame_02.png"), "UCF101", ("ssim_paper",)),
        (("frame1.png", "frame2.png", "frame3.png"), "ATD-12K", ("ssim_paper",)),
        (("frame1.jpg", "frame2.jpg", "frame3.jpg"), "ATD-12K", ("ssim_paper",)),
    ],
)
def test_folders_of_triplets(
    names: tuple[str, str, str], title: str, reported: tuple[str, ...], tmp_path: Path, write: Write
) -> None:
    written = {scene: triplet(tmp_path / scene, names, write, seed) for seed, scene in enumerate(("10", "2", "a"))}
    (tmp_path / "unfinished").mkdir()
    write(tmp_path / "unfinished" / names[0])
    suite = find_suite(tmp_path)
    found = list(suite.cases())
    assert (suite.name, suite.length, suite.reported, suite.moving) == (title, 3, reported, False)
    assert [case.name for case in found] == ["2", "10", "a"]
    assert all([truth.time for truth in case.truths] == HALF for case in found)
    if names[0].endswith("png"):
        assert all(same(case, written[case.name]) for case in found)


def test_middlebury_as_it_is_published(tmp_path: Path, write: Write) -> None:
    for scene in ("Army", "Venus"):
        write(tmp_path / "other-data" / scene / "frame10.png", 0)
        write(tmp_path / "other-data" / scene / "frame11.png", 2)
    write(tmp_path / "other-gt-interp" / "Venus" / "frame10i11.png", 1)
    suite = find_suite(tmp_path)
    assert suite.name == "Middlebury OTHER"
    assert [case.name for case in suite.cases()] == ["Venus"]


@pytest.mark.parametrize("place", ["sequences", "target"])
def test_vimeo90k_goes_by_its_list(place: str, tmp_path: Path, write: Write) -> None:
    names = ["00001/0389", "00002/0001"]
    for name in (*names, "00001/0001"):
        triplet(tmp_path / place / name, ("im1.png", "im2.png", "im3.png"), write)
    (tmp_path / "tri_testlist.txt").write_text("\n".join([*names, "", ""]), encoding="utf-8")
    suite = find_suite(tmp_path)
    assert (suite.name, suite.reported) == ("Vimeo90K", ("ssim_paper",))
    assert [case.name for case in suite.cases()] == names


@pytest.mark.parametrize(("factor", "pairs"), [(None, 1), (6, 1), (3, 2), (2, 3)])
def test_septuplets(factor: int | None, pairs: int, tmp_path: Path, write: Write) -> None:
    pictures = [write(tmp_path / f"sequences/00001/0266/im{k}.png", k) for k in range(1, 8)]
    (tmp_path / "sep_testlist.txt").write_text("00001/0266\n", encoding="utf-8")
    found = cases(tmp_path, factor=factor)
    between = 6 // pairs
    assert len(found) == pairs
    assert len({case.name for case in found}) == pairs
    for number, case in enumerate(found):
        assert [truth.time for truth in case.truths] == [Fraction(k, between) for k in range(1, between)]
        assert same(case, pictures[number * between : (number + 1) * between + 1])


@pytest.mark.parametrize("inner", ["", "eval_modes/"])
def test_snu_film_has_four_levels(inner: str, tmp_path: Path, write: Write) -> None:
    (tmp_path / inner).mkdir(exist_ok=True)
    for step, level in enumerate(("easy", "medium", "hard", "extreme"), 1):
        numbers = [10, 10 + step, 10 + 2 * step]
        lines = []
        for scene in ("GOPRO_test/GOPR0384_11_00", "YouTube_test/0000"):
            for number in numbers:
                write(tmp_path / f"test/{scene}/{number:06d}.png", number)
            lines.append(" ".join(f"data/SNU-FILM/test/{scene}/{number:06d}.png" for number in numbers))
        (tmp_path / f"{inner}test-{level}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = cases(tmp_path)
    assert [case.group for case in found] == [level for level in ("easy", "medium", "hard", "extreme") for _ in "ab"]
    assert len({case.name for case in found}) == 8
    hard = cases(tmp_path / f"{inner}test-hard.txt")
    assert [case.name for case in hard] == ["hard/GOPR0384_11_00/000013", "hard/0000/000013"]
    (tmp_path / f"{inner}test-hard.txt").write_text("one.png two.png\n", encoding="utf-8")
    with pytest.raises(RifeError, match=r"find_suite: test-hard\.txt must name three pictures in a line, got one"):
        cases(tmp_path)


@pytest.mark.parametrize("above", ["", "Type1", "test/Type1"])
@pytest.mark.parametrize(("factor", "step"), [(None, 4), (2, 16), (16, 2)])
def test_x4k_is_interpolated_eightfold(above: str, factor: int | None, step: int, tmp_path: Path, write: Write) -> None:
    folder = tmp_path / above / "TEST01_003_f0433"
    pictures = [write(folder / f"{k:04d}.png", k, width=32, height=32) for k in range(33)]
    (case,) = cases(tmp_path, factor=factor)
    assert case.name == "TEST01_003_f0433"
    assert same(case, pictures[::step])
    assert [truth.time for truth in case.truths] == [Fraction(k, 32) for k in range(step, 32, step)]


def test_hd_clips_are_decoded_as_the_scripts_do(tmp_path: Path, moved: Callable[..., Tensor]) -> None:
    width, height = 32, 16
    planes = []
    for folder, name, frames in (("HD720p_GT", "parkrun_32x16_50", 7), ("HD544p_GT", "Sintel_32x16_25fps", 5)):
        (tmp_path / folder).mkdir()
        raw = b""
        for number in range(frames):
            yuv = rgb2yuv(moved(number, width, height).permute(1, 2, 0).numpy())
            samples = (255 * yuv + OFFSET).clip(0, 255).astype(np.uint8)
            planes.append([samples[..., 0], samples[::2, ::2, 1], samples[::2, ::2, 2]])
            raw += b"".join(np.ascontiguousarray(plane).tobytes() for plane in planes[-1])
        (tmp_path / folder / f"{name}.yuv").write_bytes(raw)
    found = cases(tmp_path, factor=4)
    assert [(case.name, case.clip, case.group) for case in found] == [
        ("parkrun_32x16_50/0", "parkrun_32x16_50", "16p"),
        ("Sintel_32x16_25fps/0", "Sintel_32x16_25fps", "16p"),
    ]
    assert len(cases(tmp_path)) == 2 + 3
    # flat chroma needs no filter, so that what is left is arithmetic
    flat = np.full((height // 2, width // 2), 140, np.uint8)
    (tmp_path / "flat_32x16.yuv").write_bytes((planes[0][0].tobytes() + flat.tobytes() * 2) * 3)
    first = next(case for case in cases(tmp_path) if case.clip == "flat_32x16").first
    whole = np.full((height, width), 140, np.uint8)
    expected = yuv2rgb(np.stack([planes[0][0], whole, whole], -1) / 255 - OFFSET / 255).clip(0, 1) * 255
    assert np.abs(first.permute(1, 2, 0).numpy() - expected).max() < 1


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("HD1080p_GT/BlueSky.yuv", (1920, 1080)),
        ("HD1080p_GT/sunflower_1080p25.yuv", (1920, 1080)),
        ("HD720p_GT/shields_1280x720_60.yuv", (1280, 720)),
        ("a/Sintel_Alley2_1280x544.yuv", (1280, 544)),
        ("a/clip_176x144_25fps.yuv", (176, 144)),
    ],
)
def test_sizes_in_names(name: str, size: tuple[int, int], tmp_path: Path) -> None:
    from vsrife.evaluation.yuv import yuv_size

    assert yuv_size(tmp_path / name) == size


def test_which_cases_are_taken(tmp_path: Path, write: Write) -> None:
    for scene in range(8):
        triplet(tmp_path / str(scene), ("frame1.png", "frame2.png", "frame3.png"), write)
    second = parse_span("0.5:1")
    assert [case.name for case in cases(tmp_path, span=second)] == ["4", "5", "6", "7"]
    assert [case.name for case in cases(tmp_path, span=parse_span(":0.5"), every=2)] == ["0", "2"]
    assert [case.name for case in cases(tmp_path, every=3, limit=2)] == ["0", "3"]
    assert find_suite(tmp_path, choice=Choice(limit=5)).length == 5


def test_pictures_are_shrunk_to_fit(tmp_path: Path, write: Write) -> None:
    triplet(tmp_path / "a", ("frame1.png", "frame2.png", "frame3.png"), write)
    for text, shape in (("32", (24, 32)), ("64x24", (24, 32)), ("640x480", (48, 64)), ("50", (38, 50))):
        (case,) = cases(tmp_path, size=parse_size(text))
        assert {tuple(x.shape) for x in (case.first, case.last, case.truths[0].picture)} == {(3, *shape)}


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"factor": 4}, "find_suite: factor must be 2 for ATD-12K, got 4"),
        ({"span": (Fraction(1, 10), Fraction(2, 10))}, "find_suite: span must leave cases of "),
        ({"span": (Fraction(1), Fraction(1))}, "Choice: span must be two rising shares from 0 to 1, got 1:1"),
        ({"every": 0}, "Choice: every must be at least 1, got 0"),
        ({"limit": 0}, "Choice: limit must be at least 1, got 0"),
        ({"factor": 33}, "Choice: factor must be 2 to 32, got 33"),
        ({"size": (8, None)}, "Choice: size must be sides of 16 to 16384, got 8"),
    ],
)
def test_a_choice_that_cannot_be_made(choice: dict[str, object], message: str, tmp_path: Path, write: Write) -> None:
    triplet(tmp_path / "a", ("frame1.png", "frame2.png", "frame3.png"), write)
    with pytest.raises(RifeError) as raised:
        cases(tmp_path, **choice)
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def test_what_is_no_suite_is_one_line(tmp_path: Path, write: Write) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "sizes/a/frame1.png")
    write(tmp_path / "sizes/a/frame2.png", 1, width=32)
    write(tmp_path / "sizes/a/frame3.png", 2)
    write(tmp_path / "damaged/a/frame1.png")
    write(tmp_path / "damaged/a/frame2.png")
    (tmp_path / "damaged/a/frame3.png").write_bytes(b"no picture")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/clip.yuv").write_bytes(bytes(100))
    (tmp_path / "short").mkdir()
    (tmp_path / "short/clip_32x32.yuv").write_bytes(bytes(2 * 1536))
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone/tri_testlist.txt").write_text("00001/0001\n", encoding="utf-8")
    for path, name, message in (
        ("nothing", None, "find_suite: path must be a file or folder that exists, got "),
        ("empty", None, "find_suite: path must be a clip, a folder of frames or a known test set, got "),
        ("empty", "ucf", "find_suite: suite must be one of vimeo90k, "),
        ("empty", "ucf101", f"find_suite: {tmp_path / 'empty'} must hold folders with frame_00, frame_01_gt and "),
        ("sizes", None, "pictures of a must have one size, got 32x48 and 64x48"),
        ("damaged", None, "read_picture: path must be a picture"),
        ("raw", None, "find_suite: a raw clip's name must say its size, as clip_1280x720.yuv does, got clip.yuv"),
        ("short", None, "find_suite: clip_32x32.yuv must have at least 3 frames, got 2"),
        ("gone", None, "read_picture: path must be a picture"),
    ):
        with pytest.raises(RifeError) as raised:
            cases(tmp_path / path, name)
        assert str(raised.value).startswith(message)
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["x", "1", "1/0:", "a:b", "0:1:2", "-1:1", "1e-9:1"])
def test_spans_that_are_none(text: str) -> None:
    with pytest.raises(RifeError, match="parse_span: span must be two shares such as "):
        parse_span(text)


def test_spans_and_sizes() -> None:
    assert parse_span("1/3:2/3") == (Fraction(1, 3), Fraction(2, 3))
    assert parse_span(":") == (0, 1)
    assert parse_size("640x360") == (640, 360)
    assert parse_size("640") == (640, None)
    with pytest.raises(RifeError, match="parse_size: size must be WIDTH or WIDTHxHEIGHT, got 640x"):
        parse_size("640x")


def test_neighbouring_spans_share_no_frame() -> None:
    for length in (7, 10, 250):
        halves = [Choice(parse_span(text)).within(length) for text in ("0:0.5", "0.5:1")]
        assert [*halves[0], *halves[1]] == list(range(length))
