"""The arithmetic of `benchmarks/compare.py`, its table and its picture; and one candidate through all of it."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compare import cases, entry, parsed
from measure import CandidateError, MissingError, Run, environment, prepare, psnr, run
from peers.candidates import ALL, CANDIDATES, Candidate
from peers.job import Job
from support import ROOT
from table import heading, replaced, table

from vsrife.cli.figures import rate

RECORD = Path(__file__).with_name("record.json")


def job(folder: Path, path: str = "network", factor: Fraction = Fraction(2), pairs: int = 6) -> Job:
    return Job(str(folder), 64, 48, pairs, factor.numerator, factor.denominator, path)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder with a tiny clip and what belongs to it."""
    folder = tmp_path_factory.mktemp("compared")
    env = environment(folder)
    prepare(job(folder), None, env)
    prepare(job(folder, factor=Fraction(5, 2)), None, env)
    return folder, env


def test_rate_is_the_slope_after_the_warm_up() -> None:
    assert rate([10.0, 14.0, 14.5, 15.0, 15.5], 2) == pytest.approx(2)
    assert rate([0.0, 2.0], 1) == pytest.approx(0.5)
    pairs = [0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0]
    assert rate(pairs, 1) == pytest.approx(2, rel=0.02)
    assert rate([5.0, *pairs[1:]], 2) == pytest.approx(2, rel=0.1)
    for warm in (0, 2):
        with pytest.raises(ValueError, match="warm must be 1 to 1"):
            rate([0.0, 2.0], warm)


def test_our_frames_are_the_same_in_every_run() -> None:
    runs = [Run(10.0, 1.0, psnr, 100, None, {}) for psnr in (58.9, 58.9, 57.2)]
    assert entry(runs[:2], ours=True)["psnr_to_published_fp32"] == 58.9
    assert entry(runs, ours=True) == {"error": "the runs' frames differ: 57.20 to 58.90 dB"}
    assert entry(runs, ours=False)["psnr_to_published_fp32"] == 57.2


def test_psnr() -> None:
    black = np.zeros(12, np.uint8)
    assert psnr(black, black, 255) == 120
    assert psnr(black, black + np.uint8(51), 255) == pytest.approx(20 * np.log10(5), abs=0.01)


def test_times_of_made_frames(tmp_path: Path) -> None:
    assert [*job(tmp_path, pairs=2).times()] == [(0, Fraction(1, 2)), (1, Fraction(1, 2))]
    film = job(tmp_path, factor=Fraction(5, 2), pairs=2)
    assert [*film.times()] == [(0, Fraction(2, 5)), (0, Fraction(4, 5)), (1, Fraction(1, 5)), (1, Fraction(3, 5))]
    assert [film.is_made(n) for n in range(6)] == [False, True, True, True, True, False]
    assert film.padded == (64, 64)
    assert Job.read(film.written()) == film


def test_every_candidate_names_its_own_module_and_paths() -> None:
    for key, one in CANDIDATES.items():
        assert key == one.key
        assert (ROOT / "benchmarks" / "peers" / f"{one.module}.py").is_file()
        assert set(one.paths) <= set(ALL)
    assert any(one.ours for one in CANDIDATES.values())


def test_table() -> None:
    lines = table(json.loads(RECORD.read_text(encoding="utf-8"))).splitlines()
    assert lines[2:] == [
        "| **network alone, RGBS in memory, 640×360, doubled** | | | | |",
        "| theirs | 8.50 (8.25–8.75) | ≥ 100 dB | 375 MiB, card 99 MiB | 0.8 s |",
        "| **ours** | **5.25** (5.00–5.50) | 75.5 dB | 824 MiB | 2.0 s |",
        "| another | not run: another is not installed | | | |",
        "| broken | failed: it made / nothing | | | |",
        "| **vspipe, RGB floats in and out, 640×360, 24 → 60** | | | | |",
        "| another | not run: another is not installed | | | |",
        "",
        "2026-11-22, Some CPU (avx2), 4 cores, 16 GiB, Linux x86_64, Python 3.12.1; torch 2.15.0, openvino 2026.4; "
        "revision 0123456789ab; moving texture; medians of 3 rounds, quartiles in parentheses. "
        "Other programs used 0.6 cores meanwhile.",
    ]


def test_plot(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from plot import columns, draw, grid

    record = json.loads(RECORD.read_text(encoding="utf-8"))
    first = record["cases"][0]
    assert grid(columns([record])) == [[first]]
    draw([record], tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="must hold a doubled case"):
        draw([record | {"cases": []}], tmp_path / "none.png")
    # whole scripts of two machines, and of one of them with and without AVX-512
    here = first | {"path": "yuv420p8"}
    limited, larger = here | {"instructions": "avx2"}, here | {"size": "1280x720"}
    machines = [record | {"cases": [first, here, limited]}, record | {"cases": [here, larger]}]
    assert grid(columns(machines)) == [[here, limited, here], [None, None, larger]]
    draw(machines, tmp_path / "both.png")


def test_with_and_without_avx512() -> None:
    """What runs a second time, with whom; nothing on a CPU that has AVX2 alone."""
    found = {flag: cases(parsed([]), ["avx2", flag]) for flag in ("avx512f", "fma")}
    assert not any(case.instructions for case in found["fma"])
    limited = [case for case in found["avx512f"] if case.instructions]
    assert found["avx512f"] == found["fma"] + limited
    assert {(case.path, case.size) for case in limited} == {
        (path, size) for path in ("network", "yuv420p8") for size in ("640x360", "1280x720", "1920x1080")
    }
    for case in limited:
        keys = {one.key for one in CANDIDATES.values() if case.takes(one, named=False)}
        assert keys == {"vsrife-fp32", "openvino-fp32", "openvino-fp32-2"}
    usual = {one.key for one in CANDIDATES.values() if not one.card and found["fma"][0].takes(one, named=False)}
    assert "openvino-fp32-2" not in usual
    assert {"vsrife", "openvino-2", "ncnn", "ccvfi"} <= usual
    assert heading({"path": "yuv420p8", "size": "8x6", "rate": "2x", "instructions": "avx2"}).endswith(
        ", 8×6, doubled, AVX-512 not used"
    )


@pytest.mark.parametrize("path", ALL)
@pytest.mark.parametrize("factor", [Fraction(2), Fraction(5, 2)])
def test_ours(path: str, factor: Fraction, prepared: tuple[Path, dict[str, str]]) -> None:
    """The picture is the published form's: planes keep their order, frames their times."""
    folder, env = prepared
    done = run(CANDIDATES["vsrife-fp32"], job(folder, path, factor), 2, 1, env)
    assert done.psnr >= (40 if path == "yuv420p8" else 70)
    assert done.fps > 0
    assert done.start > 0
    assert done.peak_mib is None or done.peak_mib > 10


@pytest.mark.parametrize("path", ALL)
@pytest.mark.parametrize("key", ["openvino", "openvino-fp32", "onnxruntime", "ncnn", "ccvfi", "vsrife57-fp32"])
def test_peers_that_are_here(key: str, path: str, prepared: tuple[Path, dict[str, str]]) -> None:
    folder, env = prepared
    if path not in CANDIDATES[key].paths:
        pytest.skip("it has no filter here")
    try:
        done = run(CANDIDATES[key], job(folder, path, Fraction(5, 2)), 2, 1, env)
    except MissingError as error:
        pytest.skip(str(error))
    assert done.psnr >= 35


@pytest.mark.parametrize("path", ["network", "yuv420p8"])
def test_failures_are_told(path: str, prepared: tuple[Path, dict[str, str]]) -> None:
    folder, env = prepared
    with pytest.raises(CandidateError, match=r"peers\.nobody"):
        run(Candidate("nobody", "nobody", "nobody"), job(folder, path), 2, 1, env)
    with pytest.raises(CandidateError, match=r"made 6 frames where 9 were asked for"):
        run(CANDIDATES["vsrife-fp32"], job(folder, path), 8, 1, env)


def test_the_command(tmp_path: Path) -> None:
    target = tmp_path / "record.json"
    options = ["--sizes", "64x48", "--candidates", "vsrife", "vsrife57-cuda", "--rounds", "2", "--frames", "2"]
    command = [sys.executable, str(ROOT / "benchmarks" / "compare.py"), *options, "--json", str(target)]
    done = subprocess.run([*command, "--paths", "network"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("| | made frames a second |")
    record: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
    case, *limited = record["cases"]
    assert [each["instructions"] for each in limited] in ([], ["avx2"])
    assert (case["path"], case["size"], case["rate"], case["frames"], case["rounds"]) == (
        "network",
        "64x48",
        "2x",
        2,
        2,
    )
    assert case["candidates"]["vsrife"]["made_fps"]["count"] == 2
    assert {"cpu", "cores", "flags", "date"} <= set(record["machine"])


def test_the_documentation_shows_what_was_measured() -> None:
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    record = json.loads((ROOT / "benchmarks" / "results" / "speed-cpu.json").read_text(encoding="utf-8"))
    assert replaced(page, "speed-cpu.json", table(record, "yuv420p8")) == page
    assert len(table(record).splitlines()) > len(table(record, "yuv420p8").splitlines())
    assert replaced(page, "speed-cpu.json", "") != page
    with pytest.raises(ValueError, match=r"must have a place for the table of none\.json"):
        replaced(page, "none.json", "")
