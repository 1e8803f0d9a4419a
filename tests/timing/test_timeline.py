"""The timelines against plain rational arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsrife.timing.moments import Moment, simplest_fraction
from vsrife.timing.source_times import SourceTimes
from vsrife.timing.timeline import (
    EvenTimeline,
    ListedTimeline,
    TimedTimeline,
    Timeline,
    share_between,
)

rates = st.builds(Fraction, st.integers(1, 10**9), st.integers(1, 10**9))
small_rates = st.builds(Fraction, st.integers(1, 120), st.integers(1, 24))
frame_rates = st.sampled_from(
    [Fraction(24000, 1001), Fraction(24), Fraction(60000, 1001), Fraction(60), Fraction(7, 3)]
)
durations = st.lists(
    st.sampled_from([Fraction(1, 24), Fraction(1, 30), Fraction(1, 60), Fraction(1001, 24000), Fraction(2)]),
    min_size=1,
    max_size=40,
)
milliseconds = st.lists(st.integers(1, 60), min_size=1, max_size=40)
MS = Fraction(1, 1000)


@given(frames=st.integers(1, 2**27), rate=rates, data=st.data())
def test_output_n_lies_at_n_over_rate(frames: int, rate: Fraction, data: st.DataObject) -> None:
    timeline = EvenTimeline(frames, rate)
    n = data.draw(st.integers(0, timeline.length - 1))
    moment = timeline.at(n)
    assert moment.left + moment.timestep == n / rate
    assert 0 <= moment.timestep < 1
    assert moment.left < frames


@given(frames=st.integers(1, 2**27), rate=rates)
def test_length_is_every_output_before_the_end(frames: int, rate: Fraction) -> None:
    length = EvenTimeline(frames, rate).length
    assert (length - 1) / rate < frames <= length / rate


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
    assert EvenTimeline(frames, rate).length == length


def test_an_odd_rate_far_into_a_huge_clip() -> None:
    rate = Fraction(60) / Fraction(10000000, 417083)
    timeline = EvenTimeline(2**27, rate)
    n = timeline.length - 3
    assert timeline.at(n).left == n * 500000 // 1251249
    assert timeline.at(n).timestep == Fraction(n * 500000 % 1251249, 1251249)


def test_after_the_last_output_comes_nothing_of_the_source() -> None:
    times = SourceTimes.from_durations([MS * 42, MS * 42], MS)
    timelines: list[Timeline] = [
        EvenTimeline(2, Fraction(5, 2)),
        EvenTimeline(2, Fraction(1, 3)),
        TimedTimeline(times, Fraction(24)),
        TimedTimeline(times, Fraction(1, 3)),
        ListedTimeline(2, (Fraction(1), Fraction(1, 2))),
    ]
    for timeline in timelines:
        assert timeline.at(timeline.length - 1).left < timeline.frames == 2
        assert timeline.at(timeline.length).left >= 2


@given(lengths=durations, rate=small_rates)
def test_even_outputs_last_the_clip_between_them(lengths: list[Fraction], rate: Fraction) -> None:
    timeline = EvenTimeline(len(lengths), rate, SourceTimes.from_durations(lengths))
    shown = [timeline.duration(n) for n in range(timeline.length)]
    assert all(seconds is not None and seconds > 0 for seconds in shown)
    assert sum(filter(None, shown)) == sum(lengths)


def test_even_outputs_share_their_source_frames_time() -> None:
    lengths = [Fraction(1, 24), Fraction(1, 60)]
    timeline = EvenTimeline(2, Fraction(2), SourceTimes.from_durations(lengths))
    assert [timeline.duration(n) for n in range(4)] == [Fraction(1, 48)] * 2 + [Fraction(1, 120)] * 2
    across = EvenTimeline(2, Fraction(2, 3), SourceTimes.from_durations(lengths))
    assert [across.duration(n) for n in range(2)] == [Fraction(1, 24) + Fraction(1, 120), Fraction(1, 120)]
    assert EvenTimeline(2, Fraction(2)).duration(0) is None


@given(lengths=durations, fps=frame_rates)
def test_timed_output_n_shows_the_time_n_over_fps(lengths: list[Fraction], fps: Fraction) -> None:
    timeline = TimedTimeline(SourceTimes.from_durations(lengths), fps)
    assert timeline.frames == len(lengths)
    assert (timeline.length - 1) / fps < sum(lengths) <= timeline.length / fps
    for n in range(timeline.length):
        moment = timeline.at(n)
        assert 0 <= moment.timestep < 1
        assert sum(lengths[: moment.left]) + moment.timestep * lengths[moment.left] == n / fps
        assert timeline.duration(n) == 1 / fps


@given(numbers=st.lists(st.integers(1, 5), min_size=1, max_size=30), fps=frame_rates)
def test_source_frames_that_start_with_an_output_are_shown_as_they_are(numbers: list[int], fps: Fraction) -> None:
    timeline = TimedTimeline(SourceTimes.from_durations([number / fps for number in numbers]), fps)
    whole = [timeline.at(n).left for n in range(timeline.length) if timeline.at(n).timestep == 0]
    assert whole == list(range(len(numbers)))
    assert timeline.length == sum(numbers)


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(24), Fraction(30000, 1001), Fraction(60)])
@pytest.mark.parametrize("frames", [2, 3, 4, 7, 100, 1001])
def test_a_constant_rate_rounded_to_milliseconds_is_found_again(fps: Fraction, frames: int) -> None:
    starts = [Fraction(round(n * 1000 / fps), 1000) for n in range(frames)]
    assumed_end = 2 * starts[-1] - starts[-2]
    for end in (Fraction(round(frames * 1000 / fps), 1000), assumed_end):
        timeline = TimedTimeline(SourceTimes([int(time * 1000) for time in (*starts, end)], 1000, MS), fps)
        assert timeline.length == frames
        assert [timeline.at(n) for n in range(frames)] == [Moment(n, Fraction(0)) for n in range(frames)]


@given(lengths=milliseconds, fps=frame_rates)
def test_rounded_times_leave_out_an_end_of_rounding_alone(lengths: list[int], fps: Fraction) -> None:
    end = sum(lengths) * MS
    length = TimedTimeline(SourceTimes.from_durations([MS * ms for ms in lengths], MS), fps).length
    assert length >= 1
    assert length == 1 or (length - 1) / fps < end - MS * 3 / 2
    assert length / fps >= end - MS * 3 / 2


@given(lengths=durations, rate=small_rates, data=st.data())
def test_between_is_by_time_where_the_times_are_known(
    lengths: list[Fraction], rate: Fraction, data: st.DataObject
) -> None:
    lengths = [*lengths, Fraction(1, 50)]
    times = SourceTimes.from_durations(lengths)
    left = data.draw(st.integers(0, len(lengths) - 2))
    first, last = data.draw(st.integers(0, left)), data.draw(st.integers(left + 1, len(lengths) - 1))
    moment = Moment(left, data.draw(st.fractions(0, 1, max_denominator=10**4).filter(lambda t: t < 1)))
    passed = sum(lengths[first:left]) + moment.timestep * lengths[left]
    by_time = passed / sum(lengths[first:last])
    by_number = (left + moment.timestep - first) / (last - first)
    assert share_between(EvenTimeline(len(lengths), rate, times), moment, first, last) == by_time
    assert share_between(TimedTimeline(times, rate), moment, first, last) == by_time
    assert share_between(EvenTimeline(len(lengths), rate), moment, first, last) == by_number
    assert share_between(ListedTimeline(len(lengths), ()), moment, first, last) == by_number


@given(data=st.data(), frames=st.integers(1, 100))
def test_listed_outputs_lie_where_the_list_says(data: st.DataObject, frames: int) -> None:
    position = st.fractions(0, frames, max_denominator=1000).filter(lambda p: p < frames)
    positions = data.draw(st.lists(position, max_size=20))
    timeline = ListedTimeline(frames, tuple(positions))
    assert timeline.length == len(positions)
    for n, wanted in enumerate(positions):
        moment = timeline.at(n)
        assert moment.left + moment.timestep == wanted
        assert 0 <= moment.timestep < 1
    assert timeline.duration(0) is None
    assert ListedTimeline(frames, tuple(positions), Fraction(24)).duration(0) == Fraction(1, 24)


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
