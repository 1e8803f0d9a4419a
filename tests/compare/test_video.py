"""Source, blend and interpolated frames side by side."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import vapoursynth as vs
from support import moving_clip, planes

from vsrife.compare import Survey, VideoOptions, best_stretch, side_by_side
from vsrife.compare.video import GAP, NARROW, STRIP

QUICK = {"device": "cpu", "precision": "fp32"}


def made_up(length: int, rate: Fraction = Fraction(24), cuts: tuple[int, ...] = (), fast: range = range(0)) -> Survey:
    numbers = np.arange(length)
    motion = 1.0 + 9 * np.isin(numbers, fast)
    cut = np.isin(numbers, cuts)
    return Survey(0, numbers / float(rate), cut, np.zeros(length, bool), motion, motion)


@pytest.mark.parametrize(
    ("rate", "multi", "played", "slower"),
    [
        (Fraction(24), 2, Fraction(48), 1),
        (Fraction(25), 4, Fraction(50), 2),
        (Fraction(24000, 1001), 2, Fraction(48000, 1001), 1),
        (Fraction(30000, 1001), 2, Fraction(60000, 1001), 1),
        (Fraction(60), 2, Fraction(60), 2),
        (Fraction(24), 3, Fraction(36), 2),
        (Fraction(120), 2, Fraction(60), 4),
        (Fraction(24), 5, Fraction(60), 2),
    ],
)
def test_it_is_played_as_screens_can_show(rate: Fraction, multi: int, played: Fraction, slower: int) -> None:
    options = VideoOptions(multi)
    assert options.rate(made_up(9, rate)) == played
    assert options.slower(made_up(9, rate)) == slower


def test_the_stretch_is_where_most_moves_without_a_cut() -> None:
    options = VideoOptions(seconds=1)
    survey = made_up(240, fast=range(100, 130))
    frames = best_stretch(survey, options)
    assert len(frames) == 24
    assert set(frames) <= set(range(99, 131))
    frames = best_stretch(made_up(240, fast=range(100, 160), cuts=(118,)), options)
    assert 118 not in list(frames)[1:]
    assert best_stretch(survey, options, 9.9) == range(216, 240)
    assert best_stretch(survey, options, 5) == range(108, 132)
    assert best_stretch(made_up(10), options) == range(10)


@pytest.mark.vpy("unique-core")
@pytest.mark.parametrize("multi", [2, 3])
def test_panels_are_held_blended_and_made(multi: int) -> None:
    wide, tall = NARROW + 48, (NARROW + 48) * 48 // 64
    clip = moving_clip(64, 48, 6, (6.0, 0.0), vs.YUV420P8)
    between = moving_clip(64, 48, 6 * multi, (6.0 / multi, 0.0), vs.YUV420P8).resize.Bicubic(wide, tall)
    video = side_by_side(clip, made_up(6), range(1, 5), VideoOptions(multi, arguments=QUICK))
    assert (video.width, video.height) == (3 * wide + 2 * GAP, tall + STRIP)
    assert video.num_frames == 4 * multi
    assert video.fps == {2: 48, 3: 36}[multi]
    assert video.format.id == vs.YUV420P8
    frames = [planes(frame)[0][STRIP:].astype(float) for frame in video.frames(close=True)]
    panels = [[frame[:, left : left + wide] for left in (0, wide + GAP, 2 * (wide + GAP))] for frame in frames]
    truth = planes(clip[2].resize.Bicubic(wide, tall).get_frame(0))[0]
    assert all(np.array_equal(panel, truth) for panel in panels[multi])
    for step in range(1, multi):
        held, blend, made = panels[multi + step]
        assert np.array_equal(held, truth)
        mixed = truth * (1 - step / multi) + panels[2 * multi][0] * (step / multi)
        assert np.abs(blend - mixed).max() <= 1
        # frame 1 is the first; away from the border, where what comes into view is not known
        known = planes(between.get_frame(2 * multi + step))[0].astype(float)
        errors = [np.abs(panel - known)[:, wide // 6 : -wide // 6].mean() for panel in (held, blend, made)]
        assert errors[2] < 0.6 * errors[1] < 0.6 * errors[0]


@pytest.mark.vpy("unique-core")
@pytest.mark.parametrize("form", [vs.GRAY8, vs.RGB24, vs.YUV444P16, vs.YUV422P10])
def test_any_format_is_shown_in_the_videos(form: int) -> None:
    clip = moving_clip(64, 48, 3, form=form)
    if form == vs.YUV422P10:
        clip = clip.std.RemoveFrameProps("_Matrix")
    video = side_by_side(clip, made_up(3), range(3), VideoOptions(arguments=QUICK))
    frame = video.get_frame(0)
    assert frame.format.id == vs.YUV420P8
    assert frame.props["_Matrix"] == vs.MATRIX_BT709
    assert np.asarray(frame[0])[STRIP + 5 :, :100].std() > 5
