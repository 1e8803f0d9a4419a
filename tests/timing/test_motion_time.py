"""The time at which motion is estimated."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsrife.timing.motion_time import NEAR_END, find_motion_time, motion_time
from vsrife.timing.timeline import EvenTimeline, ListedTimeline

times = st.fractions(0, 1, max_denominator=1000)


@pytest.mark.parametrize(
    ("time", "others", "expected"),
    [
        ("1/2", (), "1/2"),
        ("1/6", (), "1/6"),
        ("5/6", ("1/2",), "5/6"),
        ("1/10", (), "1/2"),
        ("1/10", ("2/10", "4/10", "6/10"), "4/10"),
        ("9/10", ("1/20",), "1/2"),
        ("999/1000", ("3996/10000",), "3996/10000"),
    ],
)
def test_a_frame_near_an_end_takes_the_motion_of_the_middlemost_one(
    time: str, others: tuple[str, ...], expected: str
) -> None:
    assert motion_time(Fraction(time), tuple(map(Fraction, others))).time == Fraction(expected)


@given(time=times, others=st.lists(times, max_size=8))
def test_it_is_never_near_an_end_and_costs_no_estimate_but_at_the_middle(
    time: Fraction, others: list[Fraction]
) -> None:
    found = motion_time(time, tuple(others)).time
    assert NEAR_END <= found <= 1 - NEAR_END
    assert found in (time, *others) or found == Fraction(1, 2)


@given(num=st.integers(1, 400), den=st.integers(1, 40), pair=st.integers(0, 5))
def test_frames_of_an_interval_near_the_ends_agree_on_it(num: int, den: int, pair: int) -> None:
    """So that an interval needs at most one estimate more than it has frames."""
    timeline = EvenTimeline(7, Fraction(num, den))
    begin = math.ceil(pair * timeline.rate)
    around = range(max(begin - 1, 0), min(begin + 40, timeline.length))
    inside = [n for n in around if timeline.at(n).left == pair]
    middle = len(inside) // 2
    inside = inside if len(inside) < 20 else [*inside[:6], *inside[middle - 4 : middle + 4], *inside[-6:]]
    found = {n: find_motion_time(timeline, n, timeline.at(n).timestep, pair, pair + 1) for n in inside}
    near = {found[n].time for n in inside if found[n].time != timeline.at(n).timestep}
    assert len(near) <= 1
    shared = {found[n].time for n in inside if found[n].is_shared}
    assert shared == near


def test_frames_of_another_interval_do_not_count() -> None:
    timeline = ListedTimeline(4, tuple(map(Fraction, ("0.5", "1.05", "1.4", "2.5"))))
    assert find_motion_time(timeline, 1, Fraction("0.05"), 1, 2).time == Fraction("0.4")


def test_a_run_of_repeated_frames_is_one_interval() -> None:
    """Frames 0 to 2 repeat: outputs between 0 and 3 lie at thirds of their times."""
    timeline = EvenTimeline(9, Fraction(2))
    assert find_motion_time(timeline, 1, Fraction(1, 6), 0, 3).time == Fraction(1, 6)
    assert find_motion_time(EvenTimeline(9, Fraction(4)), 1, Fraction(1, 12), 0, 3).time == Fraction(1, 2)


def test_more_frames_than_are_looked_at_share_the_middle() -> None:
    timeline = EvenTimeline(3, Fraction(5000))
    assert {find_motion_time(timeline, n, timeline.at(n).timestep, 0, 1).time for n in (1, 400, 4900)} == {
        Fraction(1, 2)
    }
