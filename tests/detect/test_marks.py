"""What marks of scene changes state, against shots that are known: as they were written, and after an edit."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vsrife.detect import cut_between, has_marks

if TYPE_CHECKING:
    from collections.abc import Callable

Frame = tuple[int, int, dict[str, Any]]
"""Shot, position, properties."""
NEXT, PREV = "_SceneChangeNext", "_SceneChangePrev"


@pytest.mark.parametrize(
    ("after", "before", "stated"),
    [
        (None, None, None),
        (None, 0, None),
        (None, 1, True),
        (0, None, None),
        (0, 0, False),
        (0, 1, True),
        (1, None, True),
        (1, 0, True),
        (1, 1, True),
    ],
)
def test_the_two_marks_of_a_pair(after: int | None, before: int | None, stated: bool | None) -> None:
    left = {} if after is None else {NEXT: after}
    right = {} if before is None else {PREV: before}
    assert cut_between(left, right) is stated
    assert has_marks(left, right) is bool(left or right)
    # where frames were left out between the two, each tells of a neighbour that is not here
    assert cut_between(left, right, neighbours=False) is (True if 1 in (after, before) else None)
    # and where times run backwards, a 1 on both sides alone is proof
    backwards = left | {"_AbsoluteTime": 2.0}, right | {"_AbsoluteTime": 1.0}
    assert cut_between(*backwards) is (True if (after, before) == (1, 1) else None)


def test_marks_of_the_far_sides_do_not_count() -> None:
    assert cut_between({PREV: 1}, {NEXT: 1}) is None
    assert not has_marks({PREV: 1}, {NEXT: 1})
    assert cut_between({PREV: 1, NEXT: 0}, {PREV: 0, NEXT: 0}) is False
    assert cut_between({PREV: 0, NEXT: 0}, {PREV: 0, NEXT: 1}) is False


def both_sides(first: bool, last: bool) -> dict[str, int]:
    return {PREV: int(first), NEXT: int(last)}


SCHEMES: dict[str, Callable[[bool, bool], dict[str, int]]] = {
    "both sides": both_sides,
    "first frames, 0 elsewhere": lambda first, last: {PREV: int(first)},
    "first frames alone": lambda first, last: {PREV: 1} if first else {},
    "last frames, 0 elsewhere": lambda first, last: {NEXT: int(last)},
}
"""Whether a frame is the first of its shot, and whether the last, to its marks; the film's ends are no cuts."""
SHOTS = st.lists(st.integers(1, 5), min_size=2, max_size=5)


def film(
    lengths: list[int], scheme: Callable[[bool, bool], dict[str, int]], start: int = 0, *, timed: bool = True
) -> list[Frame]:
    """Shots of so many frames, numbered from `start`, as a source filter and a detector leave them."""
    shots = [start + shot for shot, length in enumerate(lengths) for _ in range(length)]
    frames = []
    for n, shot in enumerate(shots):
        first, last = n > 0 and shots[n - 1] != shot, n + 1 < len(shots) and shots[n + 1] != shot
        times = {"_AbsoluteTime": n * 1001 / 24000, "_DurationNum": 1001, "_DurationDen": 24000} if timed else {}
        frames.append((shot, n, scheme(first, last) | times))
    return frames


def stated(frames: list[Frame]) -> list[tuple[bool, bool | None]]:
    """For each pair, whether there is a cut and what its marks say."""
    return [(a[0] != b[0], cut_between(a[2], b[2])) for a, b in pairwise(frames)]


@given(lengths=SHOTS, timed=st.booleans())
def test_marks_on_both_sides_decide_every_pair(lengths: list[int], timed: bool) -> None:
    """Except where a shot of two frames looks like a cut that is played backwards."""
    frames = film(lengths, both_sides, timed=timed)
    for (cut, said), (left, right) in zip(stated(frames), pairwise(frames), strict=True):
        assert said is cut or (said is None and left[2][PREV] and right[2][NEXT])


@pytest.mark.parametrize("scheme", list(SCHEMES)[1:])
@given(lengths=SHOTS)
def test_marks_on_one_side_state_cuts_and_nothing_else(scheme: str, lengths: list[int]) -> None:
    assert all(said is (True if cut else None) for cut, said in stated(film(lengths, SCHEMES[scheme])))


@pytest.mark.parametrize("scheme", SCHEMES)
@given(lengths=SHOTS)
def test_a_reversed_film_with_times_is_no_worse_than_an_unmarked_one(scheme: str, lengths: list[int]) -> None:
    """No cut is denied, and none is stated but within a shot of two frames, which looks like one from both sides."""
    frames = film(lengths, SCHEMES[scheme])[::-1]
    for (cut, said), (shot, *_) in zip(stated(frames), frames, strict=False):
        assert said is not False if cut else said is not True or lengths[shot] == 2


@given(lengths=SHOTS)
def test_no_cut_of_a_reversed_film_without_times_is_denied(lengths: list[int]) -> None:
    """The marks of a cut point to the wrong neighbours, where they state one more."""
    frames = film(lengths, both_sides, timed=False)[::-1]
    for (cut, said), (left, right) in zip(stated(frames), pairwise(frames), strict=True):
        assert said is not False if cut else said is bool(left[2][NEXT] or right[2][PREV])


@pytest.mark.parametrize("scheme", SCHEMES)
@given(lengths=SHOTS, others=SHOTS, trims=st.tuples(*[st.integers(0, 4)] * 2))
def test_no_splice_is_denied_where_frames_have_times(
    scheme: str, lengths: list[int], others: list[int], trims: tuple[int, int]
) -> None:
    """Of two films, or of two parts of one, each cut to any length."""
    one, other = film(lengths, SCHEMES[scheme]), film(others, SCHEMES[scheme], 10)
    cut = max(1, len(one) - trims[0])
    begin = min(trims[1], len(other) - 1)
    assume(begin != cut)  # else the times follow each other by chance
    for spliced in (one[:cut] + other[begin:], one[:cut] + one[cut + 1 + trims[1] :]):
        assert all(said is not False for is_cut, said in stated(spliced) if is_cut)
    backwards = one[:cut] + one[: len(one) - trims[1]][::-1]
    assert all(said is not False for is_cut, said in stated(backwards) if is_cut)


@pytest.mark.parametrize("scheme", list(SCHEMES)[1:])
@given(lengths=SHOTS, others=SHOTS, trims=st.tuples(*[st.integers(0, 4)] * 2))
def test_nor_where_marks_are_on_one_side(
    scheme: str, lengths: list[int], others: list[int], trims: tuple[int, int]
) -> None:
    one = film(lengths, SCHEMES[scheme], timed=False)
    for marks in (SCHEMES[scheme], lambda first, last: {}):
        other = film(others, marks, 10, timed=False)
        spliced = one[: max(1, len(one) - trims[0])] + other[min(trims[1], len(other) - 1) :]
        assert all(said is not False for _, said in stated(spliced))


@pytest.mark.parametrize("rate", [0.5, 1, 1.001, 2])
def test_times_of_a_film_that_is_played_slower_or_a_little_faster_follow_each_other(rate: float) -> None:
    """The frames' durations are changed, their times are not."""
    plain = {PREV: 0, NEXT: 0, "_DurationNum": round(1e6 / rate), "_DurationDen": 25_000_000}
    following = plain | {"_AbsoluteTime": 10 + 1 / 25}
    assert cut_between(plain | {"_AbsoluteTime": 10.0}, following) is (False if rate < 2 else None)
    assert cut_between(plain, following) is False
