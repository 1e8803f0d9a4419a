"""Source times against sums of plain fractions."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsrife.errors import RifeError
from vsrife.timing.moments import Moment
from vsrife.timing.source_times import SourceTimes, unit_of

ZERO = Fraction(0)
MS = Fraction(1, 1000)
seconds = st.sampled_from([Fraction(1, 24), Fraction(1, 30), Fraction(1, 60), Fraction(1001, 24000)]) | st.builds(
    Fraction, st.integers(1, 10**6), st.integers(1, 10**6)
)
clips = st.lists(seconds, min_size=1, max_size=30)


def expected_moment(lengths: list[Fraction], time: Fraction) -> Moment:
    """By walking from the start."""
    if time < 0:
        return Moment(0, ZERO)
    for k, length in enumerate(lengths):
        if time < length:
            return Moment(k, time / length)
        time -= length
    return Moment(len(lengths), ZERO)


@given(clips)
def test_starts_are_the_sums_of_the_durations_before(lengths: list[Fraction]) -> None:
    times = SourceTimes.from_durations(lengths)
    assert times.frames == len(lengths)
    assert [times.start(k) for k in range(len(lengths) + 1)] == [sum(lengths[:k]) for k in range(len(lengths) + 1)]
    assert times.unit is None


@given(lengths=clips, time=st.fractions(-1, 40, max_denominator=10**6))
def test_a_time_is_found_as_by_walking(lengths: list[Fraction], time: Fraction) -> None:
    assert SourceTimes.from_durations(lengths).find(time) == expected_moment(lengths, time)


@given(clips)
def test_starts_are_found_on_their_frames(lengths: list[Fraction]) -> None:
    times = SourceTimes.from_durations(lengths)
    assert [times.find(times.start(k)) for k in range(times.frames + 1)] == [
        Moment(k, ZERO) for k in range(times.frames + 1)
    ]


@given(lengths=clips, data=st.data())
def test_finding_and_timing_undo_each_other(lengths: list[Fraction], data: st.DataObject) -> None:
    times = SourceTimes.from_durations(lengths)
    position = data.draw(st.fractions(0, len(lengths), max_denominator=10**6))
    moment = times.find(times.time(position))
    assert moment.left + moment.timestep == position


@given(clips)
def test_time_is_held_at_the_ends(lengths: list[Fraction]) -> None:
    times = SourceTimes.from_durations(lengths)
    assert times.time(Fraction(-1, 3)) == 0
    assert times.time(len(lengths) + Fraction(1, 3)) == sum(lengths)


@given(
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=30).map(lambda all_ms: [MS * ms for ms in all_ms]),
    time=st.fractions(0, 1, max_denominator=10**5),
)
def test_a_time_the_rounding_cannot_tell_from_a_start_is_it(lengths: list[Fraction], time: Fraction) -> None:
    starts = [sum(lengths[:k], ZERO) for k in range(len(lengths))]
    moment = SourceTimes.from_durations(lengths, MS).find(time)
    nearest = min(starts, key=lambda start: abs(start - time))
    if time < sum(lengths) and abs(nearest - time) <= MS / 2:
        assert moment == Moment(starts.index(nearest), ZERO)
    else:
        assert moment == expected_moment(lengths, time)


def test_just_before_a_start_and_just_before_the_end() -> None:
    times = SourceTimes.from_durations([MS * 42, MS * 41], MS)
    assert times.find(Fraction(1, 24)) == Moment(1, ZERO)
    assert times.find(MS * 83 / 2) == Moment(1, ZERO)
    assert times.find(MS * 41) == Moment(0, Fraction(41, 42))
    assert times.find(MS / 2) == Moment(0, ZERO)
    last = times.find(MS * 83 - MS / 4)
    assert last == Moment(1, 1 - Fraction(1, 164))
    assert SourceTimes.from_durations([MS * 42, MS * 41]).find(Fraction(1, 24)) == Moment(0, Fraction(125, 126))


@pytest.mark.parametrize("bad", [Fraction(0), Fraction(-1, 24)])
def test_a_frame_that_lasts_no_time_is_named(bad: Fraction) -> None:
    message = f"every source frame must last longer than 0 s, got {bad} s for frame 2"
    with pytest.raises(RifeError) as caught:
        SourceTimes.from_durations([MS, MS, bad, MS, bad])
    assert str(caught.value) == message
    with pytest.raises(RifeError) as caught:
        SourceTimes([0, 24, 48, int(48 + bad * 24), 72], 24)
    assert str(caught.value) == message


def test_absurd_denominators_are_refused() -> None:
    primes = [p for p in range(10**6, 10**6 + 6000) if all(p % q for q in range(2, 1001))]
    with pytest.raises(RifeError, match="common denominator of at most 4096 bits, got"):
        SourceTimes.from_durations([Fraction(1, p) for p in primes])


@pytest.mark.parametrize(
    ("lengths", "unit"),
    [
        ([Fraction(42, 1000), Fraction(41, 1000)], MS),
        ([Fraction(1, 25), Fraction(1, 50)], MS),
        ([Fraction(1, 25), Fraction(1, 25)], None),
        ([Fraction(1, 24), Fraction(1, 25)], None),
        ([Fraction(1001, 24000), Fraction(1001, 30000)], None),
        ([Fraction(42, 1000)], None),
    ],
)
def test_milliseconds_are_recognised(lengths: list[Fraction], unit: Fraction | None) -> None:
    assert unit_of(lengths) == unit


def test_half_a_million_frames_far_in() -> None:
    lengths = [Fraction(1, 24), Fraction(1, 30), Fraction(1, 60), Fraction(1001, 24000)] * 125_000
    times = SourceTimes.from_durations(lengths)
    whole = 124_999 * sum(lengths[:4])
    assert times.start(499_996) == whole
    assert times.find(whole + Fraction(1, 48)) == Moment(499_996, Fraction(1, 2))
