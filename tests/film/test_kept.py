"""What is kept of a run that fails, what is said of it, and what a later run makes of it."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from vsrife.cli import main
from vsrife.film.progress import StoppedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.vpy("unique-core")

FIXED = ("--precision", "fp32")
ENCODED = ("--encoder", "x264", "--preset", "ultrafast", "--segment", "0.5")
SIZES = 104_000, 161_000
"""Bytes of the two segments of `LOSSLESS`, about."""
LOSSLESS = ("--encoder", "ffv1", "--duration", "1.2", "--segment", "0.5")


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Files cannot become larger, as on a disk that is full."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def make(*arguments: str | Path) -> int:
    return main(["interpolate", *map(str, arguments), *FIXED])


@pytest.mark.parametrize(
    ("limit", "more", "file", "kept"),
    [
        (SIZES[0] // 2, (), r"00000\.mkv", "nothing is kept"),
        ((SIZES[0] + SIZES[1]) // 2, (), r"00001\.mkv", "1 of 2 segments are kept; --resume goes on with them"),
        (SIZES[1] + 20_000, (), r"film\.mkv", "2 of 2 segments are kept; --resume goes on with them"),
        (SIZES[1] + 20_000, ("--preview",), r"00000\.mkv", "nothing is kept"),
    ],
)
def test_a_full_disk_is_one_line_that_says_what_is_kept(
    limit: int,
    more: tuple[str, ...],
    file: str,
    kept: str,
    steady_film: Path,
    tmp_path: Path,
    ffmpeg: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    film = tmp_path / "film.mkv"
    folder = film.with_name("film.mkv.vsrife")
    with largest_file(limit):
        status = make(steady_film, film, *LOSSLESS, *more, "--quiet")
    assert status == 1
    said = capsys.readouterr().err
    assert re.fullmatch(rf"interpolate: .*{file} cannot be written \(File too large\); {re.escape(kept)}\n", said)
    assert len(list(folder.glob("0*.json"))) == (0 if kept == "nothing is kept" else int(kept[0]))
    assert folder.exists() == (kept != "nothing is kept")
    assert [path.name for path in tmp_path.iterdir()] == [folder.name] * folder.exists()
    if folder.exists():
        assert make(steady_film, film, *LOSSLESS, "--quiet", "--resume") == 0
        assert len(ffmpeg.packets(film, "v")) == 60


def test_segments_that_were_altered_are_encoded_again(
    steady_film: Path, tmp_path: Path, ffmpeg: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object) -> None:
        raise StoppedError("the film cannot be joined")

    film, undisturbed = tmp_path / "film.mkv", tmp_path / "undisturbed.mkv"
    folder = film.with_name("film.mkv.vsrife")
    assert make(steady_film, undisturbed, *ENCODED, "--quiet") == 0
    with monkeypatch.context() as patch:
        patch.setattr("vsrife.film.run.join", stop)
        assert make(steady_film, film, *ENCODED) == 1
    assert "the film cannot be joined; 6 of 6 segments are kept; --resume goes on with them" in capsys.readouterr().err
    flipped = bytearray((folder / "00000.mkv").read_bytes())
    flipped[-20] ^= 1
    (folder / "00000.mkv").write_bytes(flipped)
    (folder / "00001.mkv").write_bytes((folder / "00001.mkv").read_bytes()[:-100])
    (folder / "00002.json").write_text("{", encoding="utf-8")
    (folder / "00003.mkv").unlink()
    record = json.loads((folder / "00004.json").read_text(encoding="utf-8"))
    (folder / "00004.json").write_text(json.dumps(record | {"digest": 0}), encoding="utf-8")
    assert make(steady_film, film, *ENCODED, "--resume") == 0
    said = capsys.readouterr().err.splitlines()
    for number, what in enumerate(["was altered after it was encoded", *["is damaged"] * 3, "was altered"]):
        assert sum(line.startswith(f"segment {number} {what}") for line in said) == 1
    assert not any(line.startswith("segment 5") for line in said)
    assert "1 of 6 segments are finished" in said
    assert ffmpeg.packets(film, "v") == ffmpeg.packets(undisturbed, "v")
