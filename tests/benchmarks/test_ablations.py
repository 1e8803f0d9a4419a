"""`benchmarks/ablations.py`: what it learns from, what it measures, its tables; and an arm through all of it."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import ablations
import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.vpy("unique-core")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Few, small scenes, written; gives a folder of frames that stands for a film."""
    sizes = {"TEXTURES": 2, "SCENES": 3, "SCENES_MEASURED": 2, "SIDE": 40, "SIDE_MEASURED": 64}
    for name, value in sizes.items():
        monkeypatch.setattr(ablations, name, value)
    ablations.textures.cache_clear()
    monkeypatch.setenv("ABLATION_CACHE", str(tmp_path))
    monkeypatch.setattr(ablations, "ProcessPoolExecutor", ablations.ThreadPoolExecutor)
    ablations.write_scenes(tmp_path / ablations.SET, 1)
    film = tmp_path / "film"
    film.mkdir()
    for number in range(24):
        picture = ablations.scene(7, 96, 0).picture(number / 12)
        rgb = (picture * 255).round().byte().permute(1, 2, 0).numpy()
        Image.fromarray(rgb).save(film / f"{number:03d}.png")
    yield film
    ablations.textures.cache_clear()


def test_what_is_learnt_from_is_what_the_scene_shows_at_that_time(small: Path, tmp_path: Path) -> None:
    written = ablations.Rendered(np.load(tmp_path / ablations.SET, mmap_mode="r"))
    assert len(written) == 3
    rng = np.random.default_rng(0)
    times = set()
    for _ in range(40):
        pictures, t = written.draw(1, rng, any_time=True)
        times.add(t)
        for picture, time in zip(pictures, (0, t, 1), strict=True):
            truth = ablations.scene(1, 40, 0).picture(time).permute(1, 2, 0).numpy()
            assert np.abs(picture / 255 - truth).max() <= 0.5 / 255 + 1e-6
    assert times == set(ablations.TIMES)
    assert written.draw(1, rng, any_time=False)[1] == 0.5


def test_the_blend_is_measured_as_arithmetic_says(small: Path) -> None:
    found = ablations.measure(ablations.BLEND, [str(small)], 2, 0)
    wanted = []
    for number in range(2):
        drawn = ablations.scene(number, 64, 1)
        first, last, truth = (drawn.picture(t).double().numpy() for t in (0, 1, 0.25))
        rounded = [np.round(255 * p) for p in (0.75 * first + 0.25 * last, truth)]
        wanted.append(-10 * math.log10(float(np.square((rounded[0] - rounded[1]) / 255).mean())))
    assert found["scenes"]["0.25"] == pytest.approx(np.mean(wanted), abs=0.01)
    assert math.isfinite(found["films"])


@pytest.mark.parametrize("arm", ["one block", "motion at ½ scaled to t, without distillation"])
def test_an_arm_is_another_with_another_seed_and_the_same_with_the_same(small: Path, arm: str) -> None:
    first, again, other = (ablations.measure(arm, [str(small)], 2, seed) for seed in (0, 0, 1))
    assert set(first["scenes"]) == {str(t) for t in ablations.TIMES}
    assert first == again != other


def result(value: float) -> dict[str, Any]:
    return {"scenes": {str(t): value + 8 * t for t in ablations.TIMES}, "films": value}


def test_tables_hold_means_and_spreads() -> None:
    whole, other = ablations.WHOLE, "one block"
    record = {whole: {"0": result(20), "1": result(22)}, other: {"0": result(19), "1": result(22), "2": result(30)}}
    record[ablations.BLEND] = {"0": result(18)}
    assert ablations.table(record).splitlines()[2:] == [
        f"| {whole} | 25.00 ± 1.41 | 21.00 ± 1.41 | 25.00 ± 1.41 |  |",
        f"| {other} | 27.67 ± 5.69 | 23.67 ± 5.69 | 27.67 ± 5.69 | -0.50 ± 0.71 |",
        f"| {ablations.BLEND} | 22.00 | 18.00 | 22.00 |  |",
    ]
    rows = ablations.by_time(record).splitlines()
    assert rows[2].startswith(f"| {whole} | 22.00 | 23.00 | 24.00 | 25.00 ")
    assert [row.count("|") for row in rows] == [9] * 5


def test_a_run_goes_on_with_as_many_steps_only(tmp_path: Path) -> None:
    path = tmp_path / "known.json"
    assert ablations.load_record(path, 5) == {arm: {} for arm in ablations.ARMS}
    path.write_text(json.dumps({"steps": 5, "arms": {"one block": {"0": result(3)}}}), encoding="utf-8")
    assert ablations.load_record(path, 5)["one block"] == {"0": result(3)}
    with pytest.raises(SystemExit, match="is of 5 steps, not of 6"):
        ablations.load_record(path, 6)
