"""The command `vsrife compare`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from PIL import Image
from support import texture

from vsrife.cli import main

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.vpy("unique-core")
QUICK = ["--device", "cpu", "--precision", "fp32"]
LENGTH = 9


@pytest.fixture
def frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of pictures of a texture that moves 4 px a frame, the fifth shown twice; work goes on elsewhere."""
    folder = tmp_path / "film"
    folder.mkdir()
    for number in range(LENGTH):
        picture = texture(80, 64, 4 * (number - (number > 4)), 0)
        pixels = (picture * 255).round().astype(np.uint8).transpose(1, 2, 0)
        Image.fromarray(pixels).save(folder / f"{number:03d}.png")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return folder


def test_files_and_summary(frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(frames), *QUICK, "--multi", "3"]) == 0
    out, error = capsys.readouterr()
    assert error == ""
    lines = out.splitlines()
    assert lines[0] == "film: 80x64, 9 frames, 0:00.4, 25 frames a second"
    assert lines[1] == "no cuts"
    assert lines[2] == "repeated frames 11.1 %, frames of pictures at rest 0.0 %"
    assert lines[3].startswith("motion in pixels a frame: median 3.")
    assert lines[4].startswith("3 frames dropped and made again: blend ")
    names = ["film-compare/film-sheet.png", "film-compare/film-timeline.png", "film-compare/film.mp4"]
    assert [line.split()[-1] for line in lines[5:]] == names
    here = tmp_path / "here"
    assert sorted(str(path.relative_to(here)) for path in here.rglob("*.*")) == names
    for name in names[:2]:
        with Image.open(here / name) as picture:
            picture.load()
            assert picture.format == "PNG"
    with av.open(here / names[2]) as file:
        stream = file.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.average_rate == Fraction(75, 2)
        shown = [frame.to_ndarray(format="gray") for frame in file.decode(stream)]
    assert len(shown) == 3 * LENGTH
    assert shown[0].shape == (400 * 64 // 80 + 44, 3 * 400 + 16)


def test_a_part_at_chosen_moments_and_without_a_video(frames: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = frames.parent / "elsewhere"
    chosen = ["--span", "0:0.5", "--size", "40", "--at", "0.04", "0.12", "--no-video", "--out", str(out)]
    assert main(["compare", str(frames), *QUICK, *chosen]) == 0
    assert capsys.readouterr().out.startswith("film: 80x64, 4 frames, 0:00.2, ")
    assert sorted(path.name for path in out.iterdir()) == ["film-sheet.png", "film-timeline.png"]


def test_a_page(frames: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(frames), *QUICK, "--no-video", "--html", "page.html"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[-1] == "page:     page.html"
    figures = re.fullmatch(
        r"3 frames dropped and made again: blend (.+) dB.*; published (.+) dB.*; made (.+) dB.*", out[4]
    )
    assert figures
    text = (frames.parent / "here/page.html").read_text(encoding="utf-8")
    found = re.search(r'id="data">(.*?)</script>', text, re.S)
    assert found
    data = json.loads(found[1])
    assert data["lines"] == out[:4]
    assert [row[1] for row in data["figures"][1:]] == [each.split()[0] for each in figures.groups()]
    assert [row[0] for row in data["figures"][1:]] == ["blend", "published", "vsrife"]
    assert data["moments"]
    assert all(
        {"blend", "published", "vsrife"} <= {picture["kind"] for picture in moment["pictures"]}
        for moment in data["moments"]
    )


def test_a_page_of_the_published_form_has_it_once(frames: Path) -> None:
    chosen = ["--no-video", "--html", "page.html", "--picture", "published", "--at", "0.04"]
    assert main(["compare", str(frames), *QUICK, *chosen]) == 0
    text = (frames.parent / "here/page.html").read_text(encoding="utf-8")
    assert '"kind": "vsrife"' in text
    assert '"kind": "published"' not in text


@pytest.mark.parametrize("part", ["save_moments", "save_timeline"])
def test_nothing_half_written_is_left(
    part: str, frames: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, *_: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"vsrife.compare.{part}", full)
    assert main(["compare", str(frames), *QUICK, "--no-video"]) == 1
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("compare: ")
    assert "No space left on device" in error
    assert error.count("\n") == 1
    left = [path.name for path in (frames.parent / "here/film-compare").iterdir()]
    assert left == (["film-sheet.png"] if part == "save_timeline" else [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--multi", "1"], "compare: multi must be 2 to 16, got 1"),
        (["--seconds", "0"], "compare: seconds must be above 0 and at most 600, got 0"),
        (["--seconds", "nan"], "compare: seconds must be above 0 and at most 600, got nan"),
        (["--at", "-1"], "compare: at must be seconds from the clip's start on, got -1"),
        (["--at", *map(str, range(27))], "compare: at must be at most 26 moments, got 27"),
        (["--at", "nan"], "compare: at must be seconds from the clip's start on, got nan"),
        (["--span", "1:0"], "compare: span must be two rising shares from 0 to 1, got 1:0"),
        (["--span", "0:0.2"], "compare: span must leave 2 frames of film, got 1"),
        (["--size", "5"], "compare: size must be sides of 16 to 16384, got 5"),
        (["--scale", "3"], "compare: scale must be 0.25, 0.5, 1, 2 or 4, got 3"),
        (["--model", "9.9"], "compare: model must be one of "),
        (["--model-path", "nope.pkl"], "compare: model_path must be a file or ncnn's folder that exists, got nope.pkl"),
        (["--device", "tpu"], "compare: device must be one of "),
        (
            ["--out", "no/such/folder"],
            "compare: out must be a folder, or a new one in a folder that exists, got no/such",
        ),
        (["--out", __file__], "compare: out must be a folder, got the file "),
        (
            ["--html", "no/such/page.html"],
            "compare: html must be a file in a folder that exists, got no/such/page.html",
        ),
        (["--html", "."], "compare: html must be a file in a folder that exists, got ."),
    ],
)
def test_errors_are_one_line(
    arguments: list[str], message: str, frames: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(frames), *arguments]) == 1
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith(message)
    assert error.count("\n") == 1
    assert list((frames.parent / "here").iterdir()) == []


def test_a_missing_or_broken_clip_is_one_line(frames: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = frames.parent / "broken.mp4"
    broken.write_bytes(b"nothing")
    for path in (frames.parent / "missing.mp4", broken):
        assert main(["compare", str(path), *QUICK]) == 1
        error = capsys.readouterr().err
        assert error.startswith("compare: source must be a ")
        assert error.count("\n") == 1


def test_what_is_not_installed_is_named(
    frames: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("vsrife.cli.compare.find_spec", lambda name: None if name == "matplotlib" else object())
    assert main(["compare", str(frames)]) == 1
    message = 'compare: matplotlib must be installed; pip install ".[video]"\n'
    assert capsys.readouterr().err == message


def test_the_command_line_imports_no_torch() -> None:
    code = "import sys; from vsrife.cli import main\ntry: main(['compare', '--help'])\nexcept SystemExit: pass\n"
    code += "print([name for name in ('torch', 'vapoursynth', 'matplotlib', 'PIL', 'av') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
