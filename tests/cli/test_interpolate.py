"""What the command line is taken to mean, and what is said of what it cannot mean."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from vsrife.cli import main
from vsrife.cli.interpolate import ProgressBar, _rate, _time

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.vpy("unique-core")


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("60", Fraction(60)),
        ("59.94", Fraction(60000, 1001)),
        ("23.976", Fraction(24000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        ("119.88", Fraction(120000, 1001)),
        ("60000/1001", Fraction(60000, 1001)),
        ("12.5", Fraction(25, 2)),
        ("50.0", Fraction(50)),
        ("4.0", Fraction(4)),
        ("2.001", Fraction(2001, 1000)),
        ("0.004", Fraction(1, 250)),
        ("14.99", Fraction(15000, 1001)),
    ],
)
def test_rates(text: str, rate: Fraction) -> None:
    assert _rate("fps", text) == rate


def test_numbers_and_times() -> None:
    assert _rate("multi", "2.5") == Fraction(5, 2)
    assert _rate("multi", "5/3") == Fraction(5, 3)
    assert _rate("multi", "59.94") == Fraction(5994, 100)
    assert _time("start", "1:02:03.5") == Fraction(37235, 10)
    assert _time("start", "2:03") == 123
    assert _time("start", "90:00") == 5400
    assert _time("start", "7.25") == Fraction(29, 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["film.mkv"], "output must be given, got only the source"),
        (["film.mkv", ""], "output must have a file's name, got ."),
        (["none.mkv", "o.mkv"], "source must be a film, got {folder}/none.mkv (no such file)"),
        ([".", "o.mkv"], "source must be a film, got {folder} (a folder)"),
        (
            ["film.mkv", "o.mkv"],
            "source must be a film, got {folder}/film.mkv (Invalid data found when processing input)",
        ),
        (["film.mkv", "none/o.mkv"], "output must be in a folder that exists, got {folder}/none/o.mkv"),
        (["film.mkv", "film.mkv"], "output must be another file than the source, got {folder}/film.mkv"),
        (["film.mkv", "other.mkv"], "output must be new, got {folder}/other.mkv; --overwrite replaces it"),
        (["film.mkv", "o.avi"], "output must end in .mkv, .mp4, .m4v, .mov, .webm, got o.avi"),
        (["film.mkv", "o.mkv", "--fps=-3"], "fps must be a number above 0 or a fraction, got -3"),
        (["film.mkv", "o.mkv", "--fps", "0"], "fps must be above 0, got 0"),
        (
            ["film.mkv", "o.mkv", "--start", "0:99"],
            "start must be below 60 after a colon, got 0:99",
        ),
        (
            ["film.mkv", "o.mkv", "--start", "1:60:00"],
            "start must be below 60 after a colon, got 1:60:00",
        ),
        (["film.mkv", "o.mkv", "--multi", "1/0"], "multi must be a number above 0 or a fraction, got 1/0"),
        (["film.mkv", "o.mkv", "--multi", "2", "--fps", "60"], "multi and fps must not both be given"),
        (["film.mkv", "o.mkv", "--start", "x"], "start must be seconds or hours:minutes:seconds, got x"),
        (["film.mkv", "o.mkv", "--duration", "0"], "duration must be above 0, got 0"),
        (["film.mkv", "o.mkv", "--set", "scale"], "set must be NAME=VALUE, got scale"),
        (["film.mkv", "o.mkv", "--scale", "3"], "scale must be 0.25, 0.5, 1, 2 or 4, got 3"),
        (["film.mkv", "o.mkv", "--encoder-option", "=1"], "encoder-option must be NAME=VALUE, got =1"),
    ],
)
def test_nonsense_is_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "film.mkv").write_text("no film", encoding="utf-8")
    (tmp_path / "other.mkv").write_text("there already", encoding="utf-8")
    assert main(["interpolate", *arguments]) == 1
    assert capsys.readouterr().err == f"interpolate: {message.format(folder=tmp_path)}\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mkv", "other.mkv"]


def test_someone_elses_folder_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "o.mkv.vsrife").mkdir()
    mine = tmp_path / "o.mkv.vsrife" / "letters.txt"
    mine.write_text("dear", encoding="utf-8")
    assert main(["interpolate", "film.mkv", "o.mkv", "--overwrite"]) == 1
    assert "o.mkv.vsrife must be a folder of segments alone, got something else" in capsys.readouterr().err
    assert mine.read_text(encoding="utf-8") == "dear"


def test_without_a_terminal_it_says_now_and_then_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    monkeypatch.setattr("vsrife.cli.interpolate.time.monotonic", lambda: now[0])
    reporter = ProgressBar(quiet=False)
    reporter.stage("making frames", 1000, 100)
    for second in range(1, 151):
        now[0] += 1
        reporter.watch(100 + 2 * second, 1000)
    reporter.close()
    assert capsys.readouterr().err.splitlines() == [
        "making frames: 220 of 1000 frames, 2.00 frames/s, 06:30 left",
        "making frames: 340 of 1000 frames, 2.00 frames/s, 05:30 left",
    ]
    quiet = ProgressBar(quiet=True)
    quiet.stage("making frames", 400)
    now[0] += 100
    quiet.watch(1, 400)
    assert capsys.readouterr().err == ""
