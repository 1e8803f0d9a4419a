"""Which places of a clip are made again, and which are shown."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vsrife.compare import Survey, compare, figures, pictures, summary
from vsrife.compare.moments import Place, case_of, chosen, rebuilt_places, spread
from vsrife.errors import RifeError
from vsrife.evaluation import Choice
from vsrife.evaluation.metrics import psnr

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from vsrife.evaluation import EnginePredictor

LENGTH, FIRST = 48, 100


def made_up(cuts: tuple[int, ...] = (), repeats: tuple[int, ...] = (), peak: int | None = None) -> Survey:
    """Motion of 1, 2, 3 px in turn, and more at the peak; frames are numbered from 100."""
    motion = 1.0 + np.arange(LENGTH) % 3
    cut, repeat = (np.isin(np.arange(LENGTH), marks) for marks in (cuts, repeats))
    if peak is not None:
        motion[peak] = 40
    motion[cut] = np.nan
    motion[repeat] = 0
    motion[0] = np.nan
    times = (FIRST + np.arange(LENGTH)) / 24
    return Survey(FIRST, times, cut, repeat, motion / 2, motion)


def test_every_other_frame_is_made_again_within_shots() -> None:
    whole = [(n, n + 2) for n in range(FIRST, FIRST + LENGTH - 2, 2)]
    assert [(place.first, place.last) for place in rebuilt_places(made_up())] == whole
    assert [place.truth for place in rebuilt_places(made_up())] == [first + 1 for first, _ in whole]
    # frame 105 begins a shot, 110 shows 109 again
    left = [pair for pair in whole if pair not in ((104, 106), (108, 110))]
    assert [(place.first, place.last) for place in rebuilt_places(made_up((5,), (10,)))] == left


def test_places_are_spread_over_the_clip() -> None:
    places = [Place(n, n + 2) for n in range(0, 2000, 2)]
    picked = spread(places, 10)
    assert [place.first for place in picked] == [2 * (50 + 100 * k) for k in range(10)]
    assert spread(places[:7], 10) == places[:7]
    assert spread([], 10) == []


def test_moments_are_what_they_are_called() -> None:
    survey = made_up(peak=30)
    places = rebuilt_places(survey)
    worst = Place(FIRST + 10, FIRST + 12)
    found = chosen(survey, places, {place: 30.0 - (place == worst) for place in places})
    named = {what: place for place, what in found.items()}
    assert list(found) == sorted(found, key=lambda place: place.first)
    assert named["furthest from the truth"] == worst
    assert named["largest motion"] == Place(FIRST + 28, FIRST + 30)
    sums = [float(np.nansum(survey.high[[p.first - FIRST + 1, p.last - FIRST]])) for p in places]
    typical = places.index(named["typical motion"])
    assert sums[typical] == np.median(sums)
    gaps = np.diff([place.first for place in found])
    assert (gaps >= LENGTH // 12).all()


def test_the_same_moment_is_shown_once() -> None:
    survey = made_up(peak=30)
    places = rebuilt_places(survey)
    fast = Place(FIRST + 28, FIRST + 30)
    found = chosen(survey, places, {place: 30.0 - (place == fast) for place in places})
    assert found[fast] == "largest motion, furthest from the truth"
    assert sorted(found.values()) == ["large motion", "largest motion, furthest from the truth", "typical motion"]


def test_more_of_the_worst_are_shown_and_all_apart() -> None:
    survey = made_up(peak=30)
    places = rebuilt_places(survey)
    psnr = {place: 20.0 + n for n, place in enumerate(places)}
    few, more = chosen(survey, places, psnr), chosen(survey, places, psnr, worst=4)
    assert set(few) < set(more)
    far = [place for place, what in more.items() if what == "far from the truth"]
    assert len(far) == 3
    assert (np.diff([place.first for place in more]) >= LENGTH // 12).all()
    nearer = [psnr[place] for place in places if place not in more]
    assert min(psnr[place] for place in far) < np.median(nearer)
    assert chosen(survey, places, psnr, [(FIRST + 20) / 24], worst=4) == chosen(
        survey, places, psnr, [(FIRST + 20) / 24]
    )


@pytest.mark.parametrize(
    ("frame", "place"),
    [
        (20, (19, 21)),
        (30, (30, 31)),  # 30 begins a shot
        (29, (28, 29)),  # which 29 is the last of
        (40, (40, 41)),  # 40 shows 39 again
    ],
)
def test_a_moment_that_is_asked_for_is_shown_with_its_truth_where_it_has_one(
    frame: int, place: tuple[int, int]
) -> None:
    survey = made_up((30,), (40,))
    found = chosen(survey, rebuilt_places(survey), {}, [(FIRST + frame) / 24])
    assert found == {Place(FIRST + place[0], FIRST + place[1]): "as asked for"}


def test_without_a_truth_pairs_are_shown() -> None:
    survey = made_up(tuple(range(1, LENGTH, 2)))
    assert rebuilt_places(survey) == []
    found = chosen(survey, [], {})
    assert found
    assert all(place.truth is None and survey.joined(place.first, place.last) for place in found)


def test_the_truth_has_its_own_time(known: Callable, picture: Callable[..., Tensor]) -> None:
    shown = [picture(n) for n in range(3)]
    for times, share in (([0, 1, 4], Fraction(1, 4)), ([0, 2, 4], Fraction(1, 2))):
        survey = Survey(0, np.array(times, float), *np.zeros((2, 3), bool), *np.ones((2, 3)))
        case = case_of(known(shown, [Fraction(t) for t in times]), survey, Place(0, 2), Fraction(1))
        assert case.truths[0].time == share
        assert case.truths[0].picture is shown[1]


def test_a_clip_of_known_motion_is_made_again(
    known: Callable, picture: Callable[..., Tensor], predictor: EnginePredictor
) -> None:
    footage = known([picture(3.0 * n) for n in range(9)], [Fraction(n, 25) for n in range(9)])
    told: list[tuple[int, int]] = []
    found = compare(footage, predictor, Choice(), on_rebuild=lambda *done: told.append(done))
    assert told == [(k, 4) for k in range(1, 5)]
    assert found.report.pictures == 4
    shown = pictures(footage, found, predictor, Fraction(1))
    assert [each.letter for each in shown] == list("ABC")[: len(shown)]
    worst = next(each for each in shown if "furthest" in each.what)
    values = [score.figures["psnr"] for score in found.report.scores if score.model == "made"]
    assert float(psnr(worst.made, worst.truth)) == min(values)
    assert float(psnr(worst.made, worst.truth)) > float(psnr(worst.blend, worst.truth)) + 5
    assert worst.truth is footage.pictures[worst.place.truth]
    assert worst.second == pytest.approx(worst.place.truth / 25)
    assert f"made {np.mean(values):.2f} dB" in figures(found.report)
    lines = summary(footage, found).splitlines()
    assert lines[0] == "known: 160x96, 9 frames, 0:00.4, 25 frames a second"
    assert lines[1:3] == ["no cuts", "repeated frames 0.0 %, frames of pictures at rest 0.0 %"]
    with pytest.raises(RifeError, match=r"^compare: at must be seconds of the part, 0 to 0.36, got 1$"):
        compare(footage, predictor, Choice(), [1])
