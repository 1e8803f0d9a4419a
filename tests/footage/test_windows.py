"""Windows in a folder: which, what they show, and that they are there whole or not at all."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import vapoursynth as vs
from PIL import Image
from support import data, moving_clip, psnr, texture

from vsrife.errors import RifeError
from vsrife.footage import WindowOptions, extract_windows, open_footage, open_windows

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = pytest.mark.vpy("unique-core")
CUTS = [30, 76, 137, 187, 242]
"""The first frames of the shots of bikes.mp4 but the first, found by eye."""
SMALL = WindowOptions(width=64, height=48, scales=(1,))


@pytest.fixture
def bikes() -> Path:
    path = data("clips/bikes.mp4")
    if not hasattr(vs.core, "bs"):
        pytest.skip("vapoursynth-bestsource is not installed")
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of 20 pictures of a texture that moves."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n in range(20):
        picture = texture(96, 64, 2.0 * n, n).transpose(1, 2, 0)
        Image.fromarray((picture * 255).round().astype(np.uint8)).save(folder / f"{n}.png")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_no_window_of_real_footage_holds_a_cut(bikes: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    options = WindowOptions(width=320, height=128, scales=(1, 1 / 2))
    windows = extract_windows(bikes, tmp_path / "windows", options, lambda done, total: told.append((done, total)))
    assert told[-1] == (250, 250)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    shots = set()
    for window, entry in zip(windows, windows.windows, strict=True):
        first, last = entry["frames"][0], entry["frames"][-1]
        assert entry["frames"] == list(range(first, last + 1))
        assert not any(first < cut <= last for cut in CUTS)
        assert entry["shot"] == sum(cut <= first for cut in CUTS)
        shots.add(entry["shot"])
        assert window.pictures.shape == (last - first + 1, 128, 320, 3)
        assert window.pictures.dtype == np.uint8
        assert isinstance(window.pictures, np.memmap)
        assert 3 <= len(window.times) <= 7
        assert np.allclose(window.times, [n / 25 for n in entry["frames"]], atol=0, rtol=1e-15)
        assert window.name == f"bikes.mp4#{first}-{last}"
    assert shots == set(range(6))
    # the street hardly moves at some places, but most is there
    assert sum(len(window.times) for window in windows) > 200
    whole = [frame.rgb.permute(1, 2, 0).numpy() for frame in open_footage(bikes).frames()]
    scales = set()
    for window, entry in zip(windows, windows.windows, strict=True):
        top, left, tall, wide = entry["place"]
        scales.add(320 / wide)
        for picture, number in zip(window.pictures, entry["frames"], strict=True):
            area = whole[number][top : top + tall, left : left + wide]
            assert area.shape == (tall, wide, 3)
            if (tall, wide) == (128, 320):
                assert np.array_equal(picture, area)
            else:
                truth = np.asarray(Image.fromarray(area).resize((320, 128), Image.Resampling.BICUBIC))
                assert psnr(picture, truth, 255) > 45
    assert scales == {1, 1 / 2}


def test_the_limit_is_spread_over_the_source(bikes: Path, tmp_path: Path) -> None:
    options = WindowOptions(frames=5, width=160, height=96, limit=5, span=(0.2, 1))
    windows = extract_windows(bikes, tmp_path / "windows", options)
    firsts = [entry["frames"][0] for entry in windows.windows]
    assert [(first - 50) // 40 for first in firsts] == [0, 1, 2, 3, 4]
    assert all(len(window.times) == 5 for window in windows)
    assert all(not any(w["frames"][0] < cut <= w["frames"][-1] for cut in CUTS) for w in windows.windows)
    shots = [entry["shot"] for entry in windows.windows]
    assert shots == sorted(set(shots))


def test_a_short_source_gives_windows_of_several_places(bikes: Path, tmp_path: Path) -> None:
    one, three, full = (
        extract_windows(bikes, tmp_path / str(k), WindowOptions(width=160, height=96, span=(0, 0.1), **more))
        for k, more in enumerate(({}, {"places": 3}, {"places": 3, "limit": 4}))
    )
    frames = [entry["frames"] for entry in one.windows]
    assert [entry["frames"] for entry in three.windows] == [numbers for numbers in frames for _ in range(3)]
    assert three.windows[::3] != one.windows  # files are numbered
    assert [entry["place"] for entry in three.windows[::3]] == [entry["place"] for entry in one.windows]
    assert len({tuple(entry["place"]) for entry in three.windows}) == len(three)
    # as many as the limit, spread over the source, where it leaves no room for several
    assert [len(window.times) for window in full] == [7, 7, 7, 4]


def test_spans_do_not_share_frames(pictures: Path, tmp_path: Path) -> None:
    parts = []
    for name, span in {"train": (0, 0.6), "test": (0.6, 1)}.items():
        options = WindowOptions(width=64, height=48, span=span)
        windows = extract_windows(pictures, tmp_path / name, options)
        parts.append([number for entry in windows.windows for number in entry["frames"]])
        assert min(window.times[0] for window in windows) == min(parts[-1]) / 25
    # the last one of a span is alone where windows of 7 leave it so
    assert parts[0] == list(range(12))
    assert parts[1] == list(range(12, 19))


def test_twice_gives_the_same_bytes_and_another_seed_others(pictures: Path, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two", "three")]
    for folder, seed in zip(folders, (4, 4, 5), strict=True):
        extract_windows(pictures, folder, WindowOptions(width=32, height=32, seed=seed))
    one, two, three = map(contents, folders)
    assert one == two
    assert one["00000.npy"] != three["00000.npy"]


def test_what_is_there_is_taken_until_something_changes(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    real = open_footage
    monkeypatch.setattr("vsrife.footage.extract.open_footage", lambda *arguments: opened.append(1) or real(*arguments))
    folder = tmp_path / "windows"

    def made(options: WindowOptions = SMALL) -> bool:
        opened.clear()
        windows = extract_windows(pictures, folder, options)
        assert sum(len(window.pictures) for window in windows) == 20
        assert len(list(folder.iterdir())) == len(windows) + 1
        return bool(opened)

    assert made()
    assert not made()
    assert made(WindowOptions(width=64, height=48, scales=(1,), frames=5))
    assert made()
    whole = (folder / "00001.npy").read_bytes()
    (folder / "00001.npy").write_bytes(whole[:-1])
    with pytest.raises(RifeError, match="open_windows: folder must hold all windows of its index"):
        open_windows(folder)
    assert made()
    assert (folder / "00001.npy").read_bytes() == whole
    (folder / "00000.npy").unlink()
    assert made()
    (folder / "index.json").write_text("{")
    assert made()
    picture = pictures / "3.png"
    picture.write_bytes(picture.read_bytes() + b"\0")
    assert made()
    assert not made()


def test_a_clip_is_always_extracted(tmp_path: Path) -> None:
    for shift in (2.0, 5.0):
        clip = moving_clip(96, 64, 8, (shift, 0), vs.RGB24)
        windows = extract_windows(clip, tmp_path / "windows", SMALL)
        moved = windows[0].pictures.astype(float)
        step = int(shift)
        assert np.abs(moved[1][:, :-step] - moved[0][:, step:]).mean() < 1


def test_interrupted_there_is_nothing(pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "windows"

    def interrupt(done: int, total: int) -> None:
        if done == 15:
            assert list(folder.parent.glob("*/00000.npy")) != []
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract_windows(pictures, folder, SMALL, interrupt)
    assert [path.name for path in folder.parent.iterdir() if path.suffix != ".lock"] == []
    # and what was there before is there still
    before = extract_windows(pictures, folder, SMALL)
    kept = contents(folder)
    with pytest.raises(KeyboardInterrupt):
        extract_windows(pictures, folder, WindowOptions(width=32, height=32, frames=4), interrupt)
    assert len(before) == len(open_windows(folder))
    assert contents(folder) == kept


def test_killed_there_is_nothing_and_the_next_one_succeeds(pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "windows"
    program = """
import os, signal, sys
from pathlib import Path
from vsrife.footage import WindowOptions, extract_windows

def kill(done, total):
    if done == 15:
        os.kill(os.getpid(), signal.SIGKILL)

options = WindowOptions(width=64, height=48, scales=(1,))
extract_windows(Path(sys.argv[1]), Path(sys.argv[2]), options, kill)
"""
    if not hasattr(signal, "SIGKILL"):
        pytest.skip("no such signal here")
    done = subprocess.run([sys.executable, "-c", program, pictures, folder], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not folder.exists()
    extract_windows(pictures, folder, SMALL)
    assert {path.name for path in tmp_path.iterdir()} == {"pictures", "windows", ".windows.lock"}


def test_a_folder_of_something_else_is_left_alone(pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "windows"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    (folder / "index.json").write_text("{}")
    with pytest.raises(RifeError) as caught:
        extract_windows(pictures, folder, SMALL)
    assert str(caught.value) == f"extract_windows: folder must be new, empty or hold windows alone, got {folder}"
    assert (folder / "thesis.txt").read_text() == "years of work"
    (folder / "thesis.txt").unlink()
    (folder / "index.json").rename(folder / "mine.npy")
    with pytest.raises(RifeError, match="folder must be new"):
        extract_windows(pictures, folder, SMALL)
    inside = folder / "mine.npy" / "windows"
    with pytest.raises(RifeError) as caught:
        extract_windows(pictures, inside, SMALL)
    assert str(caught.value).startswith(f"extract_windows: folder must be one that can be written, got {inside} (")


def still(width: int, height: int, length: int = 8) -> NDArray[np.uint8]:
    picture = (texture(width, height, 0, 0) * 255).round().astype(np.uint8)
    return np.repeat(picture[None], length, 0)


def clip_of_rgb(frames: NDArray[np.uint8]) -> vs.VideoNode:
    """T×3×H×W as RGB24."""
    blank = vs.core.std.BlankClip(
        format=vs.RGB24, width=frames.shape[3], height=frames.shape[2], length=len(frames), keep=True
    )

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        for plane in range(3):
            np.copyto(np.asarray(out[plane]), frames[n, plane])
        return out

    return vs.core.std.ModifyFrame(blank, blank, fill)


def test_windows_in_which_nothing_moves_are_left_out(tmp_path: Path) -> None:
    frames = still(320, 180, 9 * 7)
    ball = (texture(40, 40, 5, 5, 11) * 255).astype(np.uint8)
    for n, frame in enumerate(frames):
        frame[:, 70:110, 20 + n : 60 + n] = ball
    windows = extract_windows(clip_of_rgb(frames), tmp_path / "one", WindowOptions(width=96, height=64, scales=(1,)))
    assert 4 <= len(windows) <= 9
    for entry in windows.windows:
        top, left, tall, wide = entry["place"]
        first, last = entry["frames"][0], entry["frames"][-1]
        assert top < 110
        assert top + tall > 70
        assert left < 60 + last
        assert left + wide > 20 + first
    assert len(extract_windows(clip_of_rgb(still(320, 180)), tmp_path / "none", SMALL)) == 0


def test_windows_are_no_larger_than_the_source(tmp_path: Path) -> None:
    clip = moving_clip(131, 75, 8, (2.0, 1.0), vs.RGB24)
    windows = extract_windows(clip, tmp_path / "windows")
    assert [window.pictures.shape[1:] for window in windows] == [(74, 130, 3)]


def test_windows_are_read_without_torch_and_vapoursynth(pictures: Path, tmp_path: Path) -> None:
    windows = extract_windows(pictures, tmp_path / "windows", SMALL)
    copied = pickle.loads(pickle.dumps(windows))
    assert [window.name for window in copied] == [window.name for window in windows]
    assert np.array_equal(copied[-1].pictures, windows[len(windows) - 1].pictures)
    with pytest.raises(IndexError):
        windows[len(windows)]
    program = """
import sys
from pathlib import Path
from vsrife.footage import open_windows
print(open_windows(Path(sys.argv[1]))[1].pictures.sum(), *({"torch", "vapoursynth", "PIL"} & set(sys.modules)))
"""
    command = [sys.executable, "-c", program, str(tmp_path / "windows")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(windows[1].pictures.sum())


def test_bad_options_are_refused_in_one_line() -> None:
    for arguments, message in (
        ({"frames": 2}, "frames must be at least 3, got 2"),
        ({"limit": 0}, "limit must be at least 1, got 0"),
        ({"places": 0}, "places must be at least 1, got 0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"width": 63}, "width must be even and at least 2, got 63"),
        ({"scales": (1, 0)}, "scales must be above 0 and at most 1, at least one, got (1, 0)"),
        ({"scales": ()}, "scales must be above 0 and at most 1, at least one, got ()"),
        ({"span": (0.5, 0.5)}, "span must be two rising shares from 0 to 1, got (0.5, 0.5)"),
    ):
        with pytest.raises(RifeError) as caught:
            WindowOptions(**arguments)
        assert str(caught.value) == f"WindowOptions: {message}"
