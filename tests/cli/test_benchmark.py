"""The command `vsrife benchmark`. Nothing here looks at the clock."""

from __future__ import annotations

import json
from itertools import count, repeat
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vsrife.cli import main
from vsrife.cli.benchmark import Spread, back_and_forth, machine, moving_planes, timed, versions

if TYPE_CHECKING:
    from pathlib import Path


def test_spread_is_median_and_quartiles() -> None:
    assert Spread.of([4, 1, 3, 2, 5]) == Spread(3, 2, 4, 5)
    assert Spread.of([1, 2]) == Spread(1.5, 1.25, 1.75, 2)
    assert Spread.of([1 / 3]) == Spread(0.333, 0.333, 0.333, 1)
    assert Spread.of([1.25, 2.25, 9.04]).text() == "2.2 (1.8–5.6)"
    with pytest.raises(ValueError, match="must not be empty"):
        Spread.of([])


def test_timed_goes_on_for_the_frames_or_the_seconds() -> None:
    ticks = count(0, 0.25)
    assert timed(repeat(None), 4, lambda: next(ticks)) == [0, 0.25, 0.5, 0.75, 1]
    slow = count(0, 100)
    assert timed(repeat(None), None, lambda: next(slow)) == [0, 100, 200, 300, 400]
    quick = count(0, 0.25)
    assert timed(repeat(None), None, lambda: next(quick)) == [n / 4 for n in range(9)]


def test_pictures_move_on_and_back() -> None:
    assert [back_and_forth(n, 4) for n in range(8)] == [0, 1, 2, 3, 2, 1, 0, 1]
    first, second = moving_planes(64, 32, 2)
    assert [plane.shape for plane in first] == [(32, 64), (16, 32), (16, 32)]
    assert np.abs(first[0][2:, 6:].astype(int) - second[0][:-2, :-6]).max() <= 1


def test_what_is_told_of_the_machine() -> None:
    here = machine()
    assert here["cpu"]
    assert here["cores"] >= 1
    assert versions(["torch", "not-a-package-at-all"])["not-a-package-at-all"] is None


def test_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "figures.json"
    sizes = ["64x64", "96x64"]
    options = ["--sizes", *sizes, "--frames", "2", "--rounds", "1", "--device", "cpu", "--json", str(target)]
    assert main(["benchmark", *options, "--precision", "fp32"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in out[3:5]] == sizes
    record = json.loads(target.read_text(encoding="utf-8"))
    assert [row["size"] for row in record["sizes"]] == sizes
    assert record["precision"] == "float32"
    assert record["machine"]["device"] == "cpu"
    figures = [row[key] for row in record["sizes"] for key in ("engine_made_fps", "filter_made_fps")]
    figures += [record["import_torch_seconds"], record["first_made_frame_seconds"]]
    assert all(figure["count"] == 1 and figure["median"] > 0 for figure in figures)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sizes", "640"], "benchmark: a size must be WIDTHxHEIGHT, even numbers of 16 to 16384, got 640"),
        (["--sizes", "65x64"], "benchmark: a size must be WIDTHxHEIGHT, even numbers of 16 to 16384, got 65x64"),
        (["--rounds", "0"], "benchmark: rounds must be 1 to 10000, got 0"),
        (["--frames", "-1"], "benchmark: frames must be 1 to 10000, got -1"),
        (["--device", "tpu"], "benchmark: device must be one of "),
        (["--precision", "fp8"], "benchmark: precision must be one of "),
        (["--model", "9.9"], "benchmark: model "),
        (["--json", "no/such/folder/figures.json"], "benchmark: json must lie in a folder that exists, got "),
    ],
)
def test_errors_are_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", *arguments]) == 1
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith(message)
    assert error.count("\n") == 1


def test_a_filter_that_does_not_run_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "broken.vpy"
    script.write_text("raise SystemExit('no plugin here')", encoding="utf-8")
    monkeypatch.setattr("vsrife.cli.benchmark.SCRIPT", script)
    assert main(["benchmark", "--sizes", "64x64", "--frames", "1", "--rounds", "1", "--device", "cpu"]) == 1
    assert capsys.readouterr().err == "benchmark: the filter does not run: ended with status 1: no plugin here\n"
