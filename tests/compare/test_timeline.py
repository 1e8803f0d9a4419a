"""The timeline, read as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageColor

from vsrife.compare import Survey, save_timeline
from vsrife.compare.timeline import DPI, GREEN, LOWER, ORANGE, SIZE, VERMILION, binned

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

LENGTH = 200


def made_up(marks: dict[str, list[int]], times: NDArray[np.float64] | None = None) -> Survey:
    cut, repeat = (np.isin(np.arange(LENGTH), marks.get(name, [])) for name in ("cut", "repeat"))
    motion = 5 + 4 * np.sin(np.arange(LENGTH) / 9)
    motion[cut] = np.nan
    return Survey(0, np.arange(LENGTH) / 25 if times is None else times, cut, repeat, motion, 2 * motion)


def drawn(path: Path, survey: Survey, name: str = "film.mkv", moments: dict[str, float] | None = None) -> Image.Image:
    save_timeline(path, name, survey, moments or {})
    with Image.open(path) as file:
        assert file.format == "PNG"
        return file.convert("RGB")


def columns(picture: Image.Image, colour: str) -> list[float]:
    """Middles of what has a colour, in the plot; the legend lies below that."""
    pixels = np.array(picture)[: -picture.height // 8]
    found = (pixels == ImageColor.getrgb(colour)).all(2).any(0)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], found, [0])).astype(int))).reshape(-1, 2)
    return ((edges[:, 0] + edges[:, 1] - 1) / 2).tolist()


def test_cuts_lie_where_they_are_in_time(tmp_path: Path) -> None:
    cuts = [20, 50, 110, 180]
    picture = drawn(tmp_path / "t.png", made_up({"cut": cuts}))
    assert picture.size == (round(SIZE[0] * DPI), round(SIZE[1] * DPI))
    places = columns(picture, VERMILION)
    assert len(places) == 4
    shares = (np.array(places) - places[0]) / (places[-1] - places[0])
    assert shares == pytest.approx((np.array(cuts) - 20) / 160, abs=0.002)
    assert columns(picture, ORANGE) == []


def test_repeats_and_stills_are_told_apart(tmp_path: Path) -> None:
    repeats = [11, 31, 51, *range(100, 140)]
    picture = drawn(tmp_path / "t.png", made_up({"repeat": repeats}))
    assert len(columns(picture, ORANGE)) == 3
    assert len(columns(picture, GREEN)) == 1
    assert columns(picture, VERMILION) == []


def test_gaps_of_a_variable_rate_have_a_panel(tmp_path: Path) -> None:
    times = np.arange(LENGTH) / 25 + (np.arange(LENGTH) > 90) * 0.5
    picture = drawn(tmp_path / "t.png", made_up({}, times))
    assert picture.height == pytest.approx((SIZE[1] + LOWER) * DPI, abs=1)


@pytest.mark.parametrize("name", ["$a_b$ {x}.mkv", "n" * 300, "ä.mkv"])
def test_any_name_and_moments_are_drawn_within_the_picture(name: str, tmp_path: Path) -> None:
    picture = drawn(tmp_path / "t.png", made_up({}), name, {"A": 0.0, "B": 0.01, "C": 7.99})
    pixels = np.array(picture)
    edges = pixels[:3], pixels[-3:], pixels[:, :3], pixels[:, -3:]
    assert all((edge == 255).all() for edge in edges)


def test_still_and_short_clips_are_drawn(tmp_path: Path) -> None:
    two = Survey(0, np.array([0.0, 0.04]), np.array([False, True]), np.zeros(2, bool), *np.full((2, 2), np.nan))
    assert drawn(tmp_path / "t.png", two).size[0] == round(SIZE[0] * DPI)


def test_long_clips_keep_their_peaks() -> None:
    values = np.zeros(100_003)
    values[70_000], values[-1] = 50, 30
    values[:150] = np.nan
    few = binned(values, np.nanmax, 1000)
    assert len(few) <= 1000
    assert few[70_000 // 101] == 50
    assert few[-1] == 30
    assert np.isnan(few[0])
    assert binned(values[:500], np.nanmax, 1000) is not None
    assert len(binned(values[:500], np.nanmax, 1000)) == 500
