"""Frame properties: what is read from them and what is written."""

from __future__ import annotations

from fractions import Fraction

import pytest

from vsrife.plugin.properties import colour, cut_between, duration, guessed_matrix


@pytest.mark.parametrize(
    ("properties", "is_rgb", "full"),
    [
        ({}, False, False),
        ({}, True, True),
        ({"_Range": 1}, False, True),
        ({"_Range": 0}, True, False),
        ({"_ColorRange": 0}, False, True),
        ({"_ColorRange": 1}, True, False),
        ({"_Range": 0, "_ColorRange": 0}, False, False),
    ],
)
def test_range(properties: dict[str, int], is_rgb: bool, full: bool) -> None:
    assert colour(properties, is_rgb=is_rgb, width=64, height=64, matrix=None).full_range is full


@pytest.mark.parametrize(
    ("said", "override", "size", "matrix"),
    [
        (1, None, (720, 576), 1),
        (6, None, (1920, 1080), 6),
        (9, None, (64, 64), 9),
        (None, None, (1280, 720), 1),
        (2, None, (720, 576), 6),
        (2, None, (1024, 600), 1),
        (0, None, (720, 480), 6),
        (6, 9, (720, 480), 9),
    ],
)
def test_matrix(said: int | None, override: int | None, size: tuple[int, int], matrix: int) -> None:
    properties = {} if said is None else {"_Matrix": said}
    assert colour(properties, is_rgb=False, width=size[0], height=size[1], matrix=override).matrix == matrix
    if said is None and override is None:
        assert guessed_matrix(*size) == matrix


def test_chroma_location_defaults_to_left() -> None:
    assert colour({}, is_rgb=False, width=64, height=64, matrix=None).chroma_location == 0
    assert colour({"_ChromaLocation": 2}, is_rgb=False, width=64, height=64, matrix=None).chroma_location == 2
    assert colour({"_ChromaLocation": 77}, is_rgb=False, width=64, height=64, matrix=None).chroma_location == 0


def test_either_side_of_a_cut_says_so() -> None:
    assert cut_between({"_SceneChangeNext": 1}, {})
    assert cut_between({}, {"_SceneChangePrev": 1})
    assert not cut_between({"_SceneChangePrev": 1}, {"_SceneChangeNext": 1})
    assert not cut_between({"_SceneChangeNext": 0}, {})


def test_durations_are_exact() -> None:
    ntsc = {"_DurationNum": 1001, "_DurationDen": 24000}
    assert duration(ntsc, Fraction(1001, 400), Fraction(60)) == {"_DurationNum": 1, "_DurationDen": 60}
    assert duration(ntsc, Fraction(3), Fraction(0)) == {"_DurationNum": 1001, "_DurationDen": 72000}
    assert duration({}, Fraction(2), Fraction(0)) == {}
    assert duration({"_DurationNum": 0, "_DurationDen": 0}, Fraction(2), Fraction(0)) == {}
