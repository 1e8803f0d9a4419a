"""Runs against a search through whole lists, and the frames that are judged for them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from vsrife.detect.runs import Run, gap_around, run_around

if TYPE_CHECKING:
    from random import Random

clips = st.lists(st.sampled_from([True, True, False]), max_size=40).map(lambda tail: [False, *tail])
"""Whether frame j repeats j − 1; frame 0 is new."""


def expected(k: int, repeat: list[bool], limit: int) -> Run:
    """The run where every frame is judged: new pictures cut the clip into runs, the last of which has no end."""
    new = [j for j, again in enumerate(repeat) if not again]
    for first, last in pairwise(new):
        if first <= k < last <= first + limit:
            return Run(first, last)
    return Run(k, k + 1)


def resolve(k: int, repeat: list[bool], limit: int, known: dict[int, bool]) -> tuple[Run, list[int]]:
    """The run, with frames judged one by one as it asks for them, and their numbers; `known` grows."""
    asked: list[int] = []
    while isinstance(answer := run_around(k, len(repeat), limit, known.get), int):
        assert 1 <= answer < len(repeat)
        assert answer not in known
        asked.append(answer)
        known[answer] = repeat[answer]
    return answer, asked


@given(clips, st.integers(1, 12), st.data())
def test_the_answer_is_that_of_whole_lists(repeat: list[bool], limit: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, len(repeat) - 1))
    answer, asked = resolve(k, repeat, limit, {})
    assert answer == expected(k, repeat, limit)
    assert all(k - limit < j <= k + limit for j in asked)


@given(clips, st.integers(1, 12), st.randoms())
def test_frames_judged_before_change_nothing(repeat: list[bool], limit: int, random: Random) -> None:
    """All positions in any order, with the frames judged for earlier ones."""
    known: dict[int, bool] = {}
    positions = list(range(len(repeat)))
    random.shuffle(positions)
    for k in positions:
        assert resolve(k, repeat, limit, known)[0] == expected(k, repeat, limit)


@given(clips, st.integers(1, 12))
def test_a_run_is_the_same_all_along(repeat: list[bool], limit: int) -> None:
    answers = [resolve(k, repeat, limit, {})[0] for k in range(len(repeat))]
    for k, run in enumerate(answers):
        assert run.first <= k < run.last
        assert all(answers[other] == run for other in range(run.first, min(run.last, len(repeat))))


@given(clips, st.integers(1, 12), st.data())
def test_backwards_first_and_nearest_first(repeat: list[bool], limit: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, len(repeat) - 1))
    asked = resolve(k, repeat, limit, {})[1]
    back, ahead = [j for j in asked if j <= k], [j for j in asked if j > k]
    assert asked == [*range(k, k - len(back), -1), *range(k + 1, k + 1 + len(ahead))]


@given(clips.filter(lambda repeat: len(repeat) <= 7), st.integers(1, 4), st.data())
def test_nothing_is_asked_that_cannot_matter(repeat: list[bool], limit: int, data: st.DataObject) -> None:
    """Before every question, two ways to go on have different answers."""
    k = data.draw(st.integers(0, len(repeat) - 1))
    asked = resolve(k, repeat, limit, {})[1]
    for count, j in enumerate(asked):
        if j == len(repeat) - 1 == k + 1:
            continue  # a lone frame before the clip's last: those two are fetched in any case
        fixed = set(asked[:count])
        rest = [i for i in range(1, len(repeat)) if i not in fixed]
        answers = set()
        for bits in range(1 << len(rest)):
            whole = list(repeat)
            for position, i in enumerate(rest):
                whole[i] = bool(bits >> position & 1)
            answers.add(expected(k, whole, limit))
        assert len(answers) > 1


def test_on_twos_and_threes() -> None:
    repeat = [False, True, False, True, True, False, True, False]
    runs = [run_around(k, 8, 4, repeat.__getitem__) for k in range(8)]
    assert runs == [Run(0, 2)] * 2 + [Run(2, 5)] * 3 + [Run(5, 7)] * 2 + [Run(7, 8)]


def test_the_tail_and_a_still_shot_stand_alone() -> None:
    repeat = [False, True, True, True, False, True, True]
    assert [run_around(k, 7, 3, repeat.__getitem__) for k in range(7)] == [Run(k, k + 1) for k in range(7)]
    assert run_around(1, 7, 4, repeat.__getitem__) == Run(0, 4)


def test_far_into_a_huge_still_clip_little_is_asked() -> None:
    asked: list[int] = []

    def still(j: int) -> bool:
        asked.append(j)
        return True

    assert run_around(2**26, 2**27, 5, still) == Run(2**26, 2**26 + 1)
    assert len(asked) <= 6


@given(st.lists(st.booleans(), min_size=1, max_size=24), st.integers(1, 6), st.data())
def test_a_gap_is_that_of_whole_lists(bad: list[bool], limit: int, data: st.DataObject) -> None:
    """Against the good frames' numbers; frames are judged as they are asked for, near the position alone."""
    n = data.draw(st.integers(0, len(bad) - 1))
    good = [-1, *(k for k, is_bad in enumerate(bad) if not is_bad), len(bad)]
    expected = next((Run(a, b) for a, b in pairwise(good) if a < n < b and b - a - 1 <= limit), None)
    if all(bad):
        expected = None
    known: dict[int, bool] = {}
    while isinstance(answer := gap_around(n, len(bad), limit, known.get), list):
        assert answer
        assert not known.keys() & set(answer)
        known |= {k: bad[k] for k in answer}
    assert answer == expected
    assert all(abs(k - n) <= limit + 1 for k in known)
