"""Windows of anything: Vimeo90K as it is unpacked, and folders of folders."""

from __future__ import annotations

import pickle
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import vapoursynth as vs
from PIL import Image
from support import texture

from vsrife.errors import RifeError
from vsrife.footage import WindowOptions, open_vimeo, window_set

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

OPTIONS = WindowOptions(width=64, height=48, scales=(1,))


def save(path: Path, picture: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


def moving(folder: Path, length: int, *, seed: int = 7, first: int = 0) -> None:
    """Pictures of a texture that moves."""
    for n in range(length):
        picture = (texture(96, 64, 2.0 * n, 0, seed) * 255).round().astype(np.uint8)
        save(folder / f"f{first + n}.png", picture.transpose(1, 2, 0))


def vimeo(folder: Path, kind: str, length: int) -> dict[str, NDArray[np.uint8]]:
    """What Vimeo90K looks like; name → pictures."""
    rng = np.random.default_rng(length)
    lists = {"train": ["00001/0001", "00001/0003", "00002/0001"], "test": ["00001/0002"]}
    known = {}
    for split, names in lists.items():
        (folder / f"{kind}_{split}list.txt").write_text("\n".join(names) + "\n\n")
        for name in names:
            known[name] = rng.integers(0, 256, (length, 24, 40, 3), dtype=np.uint8)
            for k, picture in enumerate(known[name], 1):
                save(folder / "sequences" / name / f"im{k}.png", picture)
    return known


@pytest.mark.parametrize(("kind", "length"), [("tri", 3), ("sep", 7)])
def test_vimeo_sequences_are_read_whole(kind: str, length: int, tmp_path: Path) -> None:
    known = vimeo(tmp_path, kind, length)
    train = window_set(tmp_path, "train", OPTIONS, tmp_path / "cache")
    test = open_vimeo(tmp_path, "test")
    assert [window.name for window in train] == ["00001/0001", "00001/0003", "00002/0001"]
    assert [window.name for window in test] == ["00001/0002"]
    for window in [*train, test[-1], pickle.loads(pickle.dumps(train))[1]]:
        assert np.array_equal(window.pictures, known[window.name])
        assert window.times.tolist() == list(range(length))
        assert window.times.dtype == np.float64
    assert not (tmp_path / "cache").exists()


def test_bad_vimeo_folders_are_refused_in_one_line(tmp_path: Path) -> None:
    def refused(split: str = "train") -> str:
        with pytest.raises(RifeError) as caught:
            list(open_vimeo(tmp_path, split))
        assert "\n" not in str(caught.value)
        return str(caught.value)

    lists = "sep_testlist.txt or tri_testlist.txt"
    assert refused("test") == f"open_vimeo: folder must hold {lists}, got {tmp_path}"
    assert refused("half") == "open_vimeo: split must be train or test, got half"
    vimeo(tmp_path, "tri", 3)
    sequence = tmp_path / "sequences" / "00002" / "0001"
    save(sequence / "im2.png", np.zeros((24, 42, 3), np.uint8))
    assert refused() == f"{sequence} must hold pictures of one size, got 40x24 and 42x24"
    (sequence / "im2.png").unlink()
    missing = sequence / "im2.png"
    assert refused() == f"read_picture: path must be a picture that exists, got {missing}"
    file = tmp_path / "tri_trainlist.txt"
    file.write_text("00009/0001\n")
    assert refused() == f"open_vimeo: {file} must name folders in sequences, got 00009/0001, which is not there"
    file.write_text("\n")
    assert refused() == f"open_vimeo: {file} must name folders in sequences, got none"


def test_without_pillow_there_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vimeo(tmp_path, "tri", 3)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(RifeError) as caught:
        open_vimeo(tmp_path)[0]
    assert str(caught.value) == "read_picture: Pillow is not installed, which reads pictures; pip install pillow"


@pytest.mark.vpy("unique-core")
def test_a_folder_of_folders_is_a_sequence_each(tmp_path: Path) -> None:
    film, cache = tmp_path / "film", tmp_path / "cache"
    moving(film / "s2", 5)
    moving(film / "s10", 4, seed=8)
    moving(film / "s10", 3, seed=9, first=4)  # after a cut
    moving(film / "short", 2)
    told: list[tuple[int, int]] = []
    windows = window_set(film, "train", OPTIONS, cache, lambda done, total: told.append((done, total)))
    assert [window.name for window in windows] == ["s2#0-4", "s10#0-3", "s10#4-6"]
    assert windows[-1].name == "s10#4-6"
    assert windows[1].times.tolist() == pytest.approx([0, 0.04, 0.08, 0.12])
    assert told == sorted(told)
    assert told[-1] == (12, 12)
    assert len([path for path in cache.iterdir() if path.is_dir()]) == 2
    again = pickle.loads(pickle.dumps(window_set(film, "test", OPTIONS, cache)))
    assert [np.array_equal(a.pictures, b.pictures) for a, b in zip(windows, again, strict=True)] == [True] * 3
    half = WindowOptions(width=64, height=48, scales=(1,), span=(0.5, 1))
    assert [window.name for window in window_set(film, "train", half, cache)] == ["s10#0-3", "s10#4-6"]


@pytest.mark.vpy("unique-core")
def test_a_folder_of_pictures_and_a_script_are_a_source(tmp_path: Path) -> None:
    moving(tmp_path / "film", 7)
    cache = tmp_path / "cache"
    (tmp_path / "film.vpy").write_text(
        "import vapoursynth as vs\n"
        "clip = vs.core.std.BlankClip(width=96, height=64, length=7, color=[40, 90, 200])\n"
        "dot = vs.core.std.BlankClip(width=16, height=16, length=7, color=[255, 255, 255])\n"
        "frames = [dot[n].std.AddBorders(8 * n, 72 - 8 * n + 8, 20, 28) for n in range(7)]\n"
        "vs.core.std.Splice(frames).set_output()\n"
    )
    for source in ("film", "film.vpy"):
        windows = window_set(tmp_path / source, "train", OPTIONS, cache)
        assert [window.name for window in windows] == [f"{source}#0-6"]
    assert sorted(path.name.partition("-")[0] for path in cache.iterdir() if path.is_dir()) == ["film", "film"]
    assert dict(vs.get_outputs()) == {}


@pytest.mark.vpy("unique-core")
def test_what_is_no_source_is_refused_in_one_line(tmp_path: Path) -> None:
    def refused(path: Path) -> str:
        with pytest.raises(RifeError) as caught:
            window_set(path, "train", OPTIONS, tmp_path / "cache")
        return str(caught.value)

    folder = tmp_path / "film"
    missing = f"window_set: source must be a file or folder that exists, got {folder}"
    assert refused(folder) == missing
    moving(folder / "short", 2)
    assert refused(folder) == f"window_set: path must hold pictures, or folders with 3 or more, got {folder}"
    for n in range(5):
        save(folder / "still" / f"{n}.png", np.full((64, 96, 3), 90, np.uint8))
    assert refused(folder) == f"window_set: path must hold 3 frames of one shot that move, got {folder} without"
