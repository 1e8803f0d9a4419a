"""What a look over a clip finds, of clips of which everything is known."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from support import moving_clip, video

from vsrife.compare import FlowFinder, survey
from vsrife.errors import RifeError
from vsrife.footage import open_footage
from vsrife.training.scenes import Layer, Scene, random_texture

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from vsrife.compare import Survey
    from vsrife.evaluation import EnginePredictor

RATE = 25
FIRST = "abcdeeffggghhhhhi"
"""On ones, then on twos, on threes, and one for as long as a moving picture is held at most."""
SECOND = "ab" + 6 * "c" + "d"
"""Comes to rest and goes on."""
STEP, BACK = 5.0, 8.0


@pytest.fixture
def finder(predictor: EnginePredictor) -> FlowFinder:
    return FlowFinder(predictor.engine)


@pytest.fixture
def seen(known: Callable, picture: Callable[..., Tensor], finder: FlowFinder) -> Survey:
    pictures = [picture(STEP * ord(letter)) for letter in FIRST]
    pictures += [picture(-BACK * ord(letter), 0, 23) for letter in SECOND]
    footage = known(pictures, [Fraction(n, RATE) for n in range(len(pictures))])
    return survey(footage, range(footage.length), finder)


def test_cuts_repeats_and_stills_are_exactly_those(seen: Survey) -> None:
    shown = FIRST + SECOND
    again = [n for n in range(1, len(shown)) if n != len(FIRST) and shown[n] == shown[n - 1]]
    rest = list(range(len(FIRST) + 3, len(FIRST) + 8))
    assert np.flatnonzero(seen.cut).tolist() == [len(FIRST)]
    assert np.flatnonzero(seen.repeat).tolist() == again
    assert np.flatnonzero(seen.still).tolist() == rest
    assert np.flatnonzero(seen.repeated).tolist() == [n for n in again if n not in rest]


def test_motion_is_the_known_one(seen: Survey) -> None:
    unknown = np.zeros(len(seen), bool)
    unknown[[0, len(FIRST)]] = True
    assert (np.isnan(seen.middle) == unknown).all()
    assert (np.isnan(seen.high) == unknown).all()
    assert (seen.middle[seen.repeat] == 0).all()
    moved = ~unknown & ~seen.repeat
    first = np.arange(len(seen)) < len(FIRST)
    assert seen.middle[moved & first] == pytest.approx(STEP, rel=0.1)
    assert seen.middle[moved & ~first] == pytest.approx(BACK, rel=0.1)
    assert seen.high[moved & first] == pytest.approx(STEP, rel=0.15)


def test_the_fast_part_is_told_from_the_rest(known: Callable, finder: FlowFinder) -> None:
    """A disc that covers 30 % of the picture moves 9 px, what lies behind it 2."""
    rng = np.random.default_rng(5)
    width, height = 256, 160
    behind = Layer(random_texture(rng), velocity=(2, 0))
    disc = Layer(random_texture(rng), 62, centre=(110, 80), velocity=(0, 9))
    scene = Scene(width, height, (behind, disc))
    pictures = [(scene.picture(t) * 255).round().to(torch.uint8) for t in (0, 1)]
    lengths = scene.flow(0, 1).square().sum(0).sqrt()
    assert sorted(set(lengths.round().flatten().tolist())) == [2, 9]
    found = survey(known(pictures, [Fraction(0), Fraction(1, RATE)]), range(2), finder)
    assert found.middle[1] == pytest.approx(2, abs=0.3)
    assert found.high[1] == pytest.approx(9, abs=0.9)


def test_a_fade_is_no_motion(known: Callable, finder: FlowFinder) -> None:
    """A plain field with a card in its middle comes out of black, in which a network sees the field move wildly."""
    shades = torch.full((3, 180, 320), 255.0)
    shades[:, 70:110, 110:210] = torch.tensor([20.0, 90.0, 180.0])[:, None, None]
    pictures = [(shades * share).round().to(torch.uint8) for share in (0, 0.12, 0.25, 0.4)]
    found = survey(known(pictures, [Fraction(n, RATE) for n in range(4)]), range(4), finder)
    assert found.middle[1] == found.high[1] == 0
    assert found.middle[2:].max() < 2
    wild = [finder(*pair).square().sum(0).sqrt().max() for pair in pairwise(pictures)]
    assert max(wild) > 20


@pytest.mark.vpy("unique-core")
def test_motion_is_in_pixels_of_the_source(finder: FlowFinder) -> None:
    footage = open_footage(moving_clip(640, 360, 3, (8.0, 6.0)))
    assert survey(footage, range(3), finder).middle[1:] == pytest.approx(10, rel=0.06)


@pytest.mark.vpy("unique-core")
def test_a_part_of_real_footage(finder: FlowFinder) -> None:
    done = []
    found = survey(open_footage(video("bikes.mp4")), range(130, 142), finder, done.append)
    assert np.flatnonzero(found.cut).tolist() == [7]
    assert found.first == 130
    assert found.times == pytest.approx(np.arange(130, 142) / 25)
    assert done == list(range(1, 13))
    assert not found.uneven


def test_variable_rates_are_told_from_rounded_timestamps(
    known: Callable, picture: Callable[..., Tensor], finder: FlowFinder
) -> None:
    pictures = [picture(0)] * 10
    even = [Fraction(n * 1001, 24000) for n in range(10)]
    rounded = [Fraction(round(1000 * time), 1000) for time in even]
    gap = [time + Fraction(1, 5) * (n > 5) for n, time in enumerate(even)]
    found = [survey(known(pictures, times), range(10), finder) for times in (even, rounded, gap)]
    assert [each.uneven for each in found] == [False, False, True]
    assert found[2].durations[5] == pytest.approx(1001 / 24000 + 0.2)
    assert found[0].seconds == pytest.approx(10 * 1001 / 24000)
    assert found[2].seconds == pytest.approx(10 * 1001 / 24000 + 0.2)


def test_too_few_frames_are_one_line(known: Callable, picture: Callable[..., Tensor], finder: FlowFinder) -> None:
    footage = known([picture(0)] * 3, [Fraction(n) for n in range(3)])
    with pytest.raises(RifeError, match=r"^span must leave 2 frames of known, got 1$"):
        survey(footage, range(1, 2), finder)
