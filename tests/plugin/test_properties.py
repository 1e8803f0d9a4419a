"""Frame properties: what is read from them and what is written."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsrife.colour import guessed_matrix
from vsrife.engine import Colour, PictureFormat
from vsrife.frame_properties import own_duration
from vsrife.plugin.formats import FrameReader
from vsrife.plugin.properties import duration, superfluous_flags
from vsrife.timing.durations import span
from vsrife.timing.timeline import EvenTimeline


def colour(
    properties: dict[str, int], *, is_rgb: bool = False, size: tuple[int, int] = (64, 64), matrix: int | None = None
) -> Colour:
    """The colour of a frame with these properties."""
    form = PictureFormat("rgb" if is_rgb else "yuv", 8, False, 0, 0, *size)
    return FrameReader(form, matrix).colour(properties)


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
    assert colour(properties, is_rgb=is_rgb).full_range is full


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
    assert colour(properties, size=size, matrix=override).matrix == matrix
    if said is None and override is None:
        assert guessed_matrix(*size) == matrix


def test_chroma_location_defaults_to_left() -> None:
    assert colour({}).chroma_location == 0
    assert colour({"_ChromaLocation": 2}).chroma_location == 2
    assert colour({"_ChromaLocation": 77}).chroma_location == 0


def test_durations_are_exact() -> None:
    assert own_duration({"_DurationNum": 1001, "_DurationDen": 24000}) == Fraction(1001, 24000)
    assert own_duration({}) is None
    assert own_duration({"_DurationNum": 0, "_DurationDen": 0}) is None
    assert own_duration({"_DurationNum": -1, "_DurationDen": 24}) is None
    assert duration(Fraction(1001, 72000)) == {"_DurationNum": 1001, "_DurationDen": 72000}
    assert duration(None) == {}
    assert duration(Fraction(1, 2**63)) == {}


LENGTHS = st.lists(st.sampled_from([Fraction(1, 24), Fraction(1, 30), Fraction(1001, 60000)]), min_size=3, max_size=9)


@given(lengths=LENGTHS, rate=st.fractions(Fraction(1, 3), 4, max_denominator=12), n=st.integers(0, 20))
def test_a_span_is_the_sum_of_the_pieces_it_covers(lengths: list[Fraction], rate: Fraction, n: int) -> None:
    position = n / rate % len(lengths)
    piece = Fraction(1, rate.numerator)  # no frame begins within one
    pieces = [position + k * piece for k in range(rate.denominator)]
    known = {k: seconds for k, seconds in enumerate(lengths) if k >= int(position)}
    summed = sum(piece * known.get(int(at), lengths[int(position)]) for at in pieces)
    assert span(position, 1 / rate, known) == summed


def test_a_cut_in_nearest_mode_moves_with_the_frame_that_is_shown() -> None:
    timeline = EvenTimeline(4, Fraction(4))
    shown = [(n, 1 if n < 6 else 2) for n in range(4, 12)]  # the pair 1, 2 is a cut; from its half on 2 is shown
    flags = {n: superfluous_flags(n, k, timeline, nearest=True) for n, k in shown}
    last = [n for n, k in shown if k == 1 and "_SceneChangeNext" not in flags[n]]
    first = [n for n, k in shown if k == 2 and "_SceneChangePrev" not in flags[n]]
    assert (last, first) == ([5], [6])
