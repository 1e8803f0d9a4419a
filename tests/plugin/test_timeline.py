"""The timeline against plain rational arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsrife.plugin.timeline import Timeline, simplest_fraction

rates = st.builds(Fraction, st.integers(1, 10**9), st.integers(1, 10**9))


@given(frames=st.integers(1, 2**27), rate=rates, data=st.data())
def test_output_n_lies_at_n_over_rate(frames: int, rate: Fraction, data: st.DataObject) -> None:
    timeline = Timeline(frames, rate)
    n = data.draw(st.integers(0, timeline.length - 1))
    moment = timeline.at(n)
    assert moment.left + moment.timestep == n / rate
    assert 0 <= moment.timestep < 1
    assert moment.left < frames


@given(frames=st.integers(1, 2**27), rate=rates)
def test_length_is_every_output_before_the_end(frames: int, rate: Fraction) -> None:
    length = Timeline(frames, rate).length
    assert (length - 1) / rate < frames <= length / rate


@given(frames=st.integers(1, 1000), rate=rates, data=st.data())
def test_sources_are_the_neighbours_and_the_tail_is_held(frames: int, rate: Fraction, data: st.DataObject) -> None:
    timeline = Timeline(frames, rate)
    moment = timeline.at(data.draw(st.integers(0, timeline.length - 1)))
    sources = timeline.sources(moment)
    assert all(0 <= source < frames for source in sources)
    if moment.timestep == 0 or moment.left == frames - 1:
        assert sources == (moment.left,)
    else:
        assert sources == (moment.left, moment.left + 1)


@pytest.mark.parametrize(
    ("frames", "rate", "length"),
    [
        (1, Fraction(2), 2),
        (250, Fraction(2), 500),
        (100, Fraction(5, 4), 125),
        (101, Fraction(12, 5), 243),
        (7, Fraction(1001, 400), 18),
        (10, Fraction(1, 3), 4),
        (2**27, Fraction(60 * 417083, 10000000), math.ceil(2**27 * 60 * 417083 / 10000000)),
    ],
)
def test_known_lengths(frames: int, rate: Fraction, length: int) -> None:
    assert Timeline(frames, rate).length == length


def test_an_odd_rate_far_into_a_huge_clip() -> None:
    rate = Fraction(60) / Fraction(10000000, 417083)
    timeline = Timeline(2**27, rate)
    n = timeline.length - 3
    assert timeline.at(n).left == n * 500000 // 1251249
    assert timeline.at(n).timestep == Fraction(n * 500000 % 1251249, 1251249)


@given(st.builds(Fraction, st.integers(1, 10**6), st.integers(1, 10**6)))
def test_a_double_stands_for_its_simplest_fraction(fraction: Fraction) -> None:
    assert simplest_fraction(float(fraction)) == fraction


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_the_simplest_fraction_rounds_back(x: float) -> None:
    assert math.isclose(float(simplest_fraction(x)), x, rel_tol=2**-52)


@given(st.floats(min_value=1e-3, max_value=1e3), st.integers(1, 300))
def test_no_fraction_of_smaller_denominator_rounds_to_the_same(x: float, denominator: int) -> None:
    found = simplest_fraction(x)
    if denominator < found.denominator:
        assert round(x * denominator) / denominator != x
