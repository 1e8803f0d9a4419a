"""What a script's floating-point rate means."""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsrife.timing.rates import INT32_MAX, USUAL, meant_ratio, usual_rate_near

NTSC = Fraction(1000, 1001)
SOURCES = [*map(Fraction, (12, 15, 24, 25, 30, 48, 50, 60)), 24 * NTSC, 30 * NTSC, 60 * NTSC]
TARGETS = [*map(Fraction, (72, 75, 90, 100, 120, 144, 165, 240)), 120 * NTSC]
PAIRS = [(source, target) for source in SOURCES for target in (source, *TARGETS)]


def single(number: float) -> float:
    """A number rounded to single precision."""
    rounded: float = struct.unpack("f", struct.pack("f", number))[0]
    return rounded


def quotients(source: float, target: float) -> list[float]:
    """The ways in which scripts divide one rate by another."""
    in_single = single(single(target) / single(source))
    return [target / source, target * (1 / source), 1 / (source / target), in_single, single(target / source)]


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=str)
def test_a_quotient_of_two_rates_gives_the_rate_exactly(source: Fraction, target: Fraction) -> None:
    sources = [float(source), round(float(source), 3), round(float(source), 2)]
    targets = [float(target), round(float(target), 3), round(float(target), 2)]
    for number in (number for pair in product(sources, targets) for number in quotients(*pair)):
        assert meant_ratio(number, source) * source == target, number


@given(st.sampled_from(SOURCES), st.integers(1, 200), st.integers(1, 60))
def test_a_quotient_of_small_numbers_is_their_fraction(fps: Fraction, num: int, den: int) -> None:
    meant = Fraction(num, den)
    for number in (num / den, num * (1 / den), (num / 10) / (den / 10)):
        assert meant_ratio(number, Fraction(0)) == meant
        assert meant_ratio(number, fps) == meant or meant_ratio(number, fps) * fps in USUAL


@given(st.floats(min_value=1e-3, max_value=1e3), st.sampled_from([Fraction(0), *SOURCES]))
def test_the_ratio_is_the_number_but_for_roundings(number: float, fps: Fraction) -> None:
    ratio = meant_ratio(number, fps)
    if ratio * fps in USUAL:  # either rate may have been rounded to two places
        allowed = 0.01 / min(float(fps), float(ratio * fps))
    else:
        allowed = 2**-20 if single(number) == number else 2**-49
    assert math.isclose(float(ratio), number, rel_tol=allowed)


def test_a_dyadic_number_is_what_it_says() -> None:
    for number in (2.5, 2.0625, 16777216.0, 1 / 1024):
        assert meant_ratio(number, Fraction(24000, 1001)) == Fraction(number)


@given(st.floats(min_value=0, exclude_min=True, allow_infinity=False))
def test_every_number_has_a_ratio(number: float) -> None:
    ratio = meant_ratio(number, Fraction(24))
    assert Fraction(number) / 2 <= ratio <= Fraction(number) * 2


def test_a_rounded_rate_names_the_usual_one() -> None:
    assert usual_rate_near(Fraction(5994, 100)) == Fraction(60000, 1001)
    assert usual_rate_near(Fraction("59.94006")) == Fraction(60000, 1001)
    assert usual_rate_near(Fraction("23.98")) == Fraction(24000, 1001)
    assert usual_rate_near(Fraction(60000, 1001)) is None
    assert usual_rate_near(Fraction("59.95")) is None
    assert all(max(rate.numerator, rate.denominator) <= INT32_MAX for rate in USUAL)
