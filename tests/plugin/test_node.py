"""The filter as a script sees it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vapoursynth as vs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import clip_of, digest, logged, moving_clip, peak, planes, psnr, texture
from tolerances import BY_RGB_DB, STILL, STILL_DB

from vsrife.plugin.renderer import PictureRenderer

pytestmark = pytest.mark.vpy("unique-core")


def test_frames_on_the_source_are_the_source() -> None:
    clip = moving_clip(form=vs.YUV420P10)
    made = vs.core.rife.RIFE(clip, multi=3)
    for n in range(clip.num_frames):
        for ours, theirs in zip(planes(made.get_frame(3 * n)), planes(clip.get_frame(n)), strict=True):
            assert np.array_equal(ours, theirs)


def test_the_frame_between_is_near_the_truth() -> None:
    clip = moving_clip(length=2, step=(6.0, 2.0))
    made = planes(vs.core.rife.RIFE(clip, multi=4).get_frame(1))
    truth = texture(128, 96, 1.5, 0.5)
    nearest = texture(128, 96, 0, 0)
    inside = np.s_[:, 12:-12, 12:-12]
    ours = psnr(np.stack(made)[inside], truth[inside], 1)
    assert ours > 38
    assert ours > psnr(nearest[inside], truth[inside], 1) + 10


def test_rate_length_and_properties() -> None:
    clip = moving_clip(length=4).std.AssumeFPS(fpsnum=24000, fpsden=1001)
    made = vs.core.rife.RIFE(clip, fps_num=60, fps_den=1)
    assert made.fps == 60
    assert made.num_frames == 11
    for n, frame in enumerate(made.frames()):
        at = Fraction(frame.props["RifeTimeNum"], frame.props["RifeTimeDen"])
        assert frame.props["RifeLeft"] + at == n * Fraction(400, 1001)
        assert Fraction(frame.props["_DurationNum"], frame.props["_DurationDen"]) == Fraction(1, 60)
        assert frame.props["RifeMade"] == int(at != 0 and frame.props["RifeLeft"] < 3)


def test_the_tail_holds_the_last_frame() -> None:
    clip = moving_clip(length=2)
    made = vs.core.rife.RIFE(clip, multi=4)
    last = planes(clip.get_frame(1))
    for n in range(4, 8):
        frame = made.get_frame(n)
        assert all(np.array_equal(a, b) for a, b in zip(planes(frame), last, strict=True))
        assert frame.props["RifeMade"] == 0


def test_a_single_frame() -> None:
    clip = moving_clip(length=1)
    made = vs.core.rife.RIFE(clip, multi=2)
    assert made.num_frames == 2
    assert all(np.array_equal(a, b) for a, b in zip(planes(made.get_frame(1)), planes(clip.get_frame(0)), strict=True))


def test_below_one_drops_frames() -> None:
    clip = moving_clip(length=5)
    made = vs.core.rife.RIFE(clip, multi=0.5)
    assert made.num_frames == 3
    assert made.fps == clip.fps / 2
    assert all(np.array_equal(a, b) for a, b in zip(planes(made.get_frame(1)), planes(clip.get_frame(2)), strict=True))


def test_a_huge_clip_needs_no_list() -> None:
    clip = vs.core.std.BlankClip(width=64, height=64, length=2**27, keep=True).std.AssumeFPS(
        fpsnum=10000000, fpsden=417083
    )
    made = vs.core.rife.RIFE(clip, fps_num=60, fps_den=1)
    assert made.num_frames == -(-(2**27) * 1251249 // 500000)
    n = made.num_frames - 1234567
    frame = made.get_frame(n)
    assert frame.props["RifeLeft"] == n * 500000 // 1251249
    assert Fraction(frame.props["RifeTimeNum"], frame.props["RifeTimeDen"]) == Fraction(n * 500000 % 1251249, 1251249)


def test_an_unknown_frame_rate_can_be_multiplied() -> None:
    blank = vs.core.std.BlankClip(width=64, height=64, length=3)
    unknown = vs.core.std.Splice([blank[0].std.AssumeFPS(fpsnum=7), blank[1:].std.AssumeFPS(fpsnum=24)])
    assert unknown.fps == 0
    made = vs.core.rife.RIFE(unknown, multi=2)
    assert made.fps == 0
    seconds = [Fraction(f.props["_DurationNum"], f.props["_DurationDen"]) for f in made.frames()]
    assert seconds == [Fraction(1, 14)] * 2 + [Fraction(1, 48)] * 4


@pytest.mark.parametrize("side", ["_SceneChangeNext", "_SceneChangePrev"])
def test_a_marked_cut_is_held(side: str) -> None:
    plain = moving_clip(length=4)
    at_cut = plain.std.SetFrameProps(**{side: 1})
    marked = 1 if side == "_SceneChangeNext" else 2
    clip = vs.core.std.FrameEval(plain, lambda n: at_cut if n == marked else plain, clip_src=[plain, at_cut])
    held = vs.core.rife.RIFE(clip, multi=3)
    shown = planes(clip.get_frame(1))
    for n in (4, 5):
        frame = held.get_frame(n)
        assert all(np.array_equal(a, b) for a, b in zip(planes(frame), shown, strict=True))
        assert frame.props["RifeMade"] == 0
    assert held.get_frame(1).props["RifeMade"] == 1
    assert vs.core.rife.RIFE(clip, multi=3, sc=0).get_frame(4).props["RifeMade"] == 1


def test_a_cut_is_marked_once() -> None:
    plain = moving_clip(length=4)
    clip = vs.core.std.FrameEval(
        plain,
        lambda n: plain.std.SetFrameProps(_SceneChangeNext=int(n == 1), _SceneChangePrev=int(n == 2)),
        clip_src=plain,
    )
    made = vs.core.rife.RIFE(clip, multi=3)
    assert [n for n in range(12) if made.get_frame(n).props["_SceneChangeNext"]] == [5]
    assert [n for n in range(12) if made.get_frame(n).props["_SceneChangePrev"]] == [6]


def test_still_and_other_properties_pass() -> None:
    clip = moving_clip(length=2, form=vs.YUV420P8).std.SetFrameProps(_ChromaLocation=1, note="kept")
    props = vs.core.rife.RIFE(clip, multi=2).get_frame(1).props
    assert props["note"] == "kept"
    assert props["_ChromaLocation"] == 1
    assert props["_Matrix"] == 1


FORMATS = [
    vs.GRAY8, vs.GRAY16, vs.GRAYH, vs.GRAYS, vs.RGB24, vs.RGB30, vs.RGB48, vs.RGBH, vs.RGBS,
    vs.YUV444P8, vs.YUV422P8, vs.YUV420P8, vs.YUV440P8, vs.YUV411P8, vs.YUV410P8, vs.YUV420P9, vs.YUV420P10,
    vs.YUV422P12, vs.YUV420P14, vs.YUV444P16, vs.YUV420P16, vs.YUV420PH, vs.YUV444PS,
]  # fmt: skip


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: vs.PresetVideoFormat(form).name)
def test_every_format_comes_back_as_it_was_and_near_the_truth(form: int) -> None:
    clip = moving_clip(length=3, form=form, width=128, height=96)
    truth = clip.get_frame(1)
    pair = clip[0] + clip[2]
    frame = vs.core.rife.RIFE(pair, multi=2).get_frame(1)
    assert frame.format.id == clip.format.id
    for index, (ours, theirs) in enumerate(zip(planes(frame), planes(truth), strict=True)):
        rim = 12 >> (clip.format.subsampling_w if index else 0)
        inside = np.s_[rim:-rim, rim:-rim]
        assert psnr(ours[inside], theirs[inside], peak(clip.format)) > 33


@pytest.mark.parametrize("size", [(16, 16), (17, 19), (16, 300), (131, 33)])
def test_small_and_odd_sizes(size: tuple[int, int]) -> None:
    clip = moving_clip(*size, length=2, form=vs.RGB24, step=(4, 0))
    frame = vs.core.rife.RIFE(clip, multi=2, sc=0).get_frame(1)
    assert (frame.width, frame.height) == size
    seen = np.s_[..., 4:-4]  # in both frames
    truth = texture(*size, 2, 0)[seen] * 255
    blend = sum(np.stack(planes(clip.get_frame(n))).astype(np.float64) for n in range(2)) / 2
    assert psnr(np.stack(planes(frame))[seen], truth, 255) > 50 > psnr(blend[seen], truth, 255) + 6


STILL_FORMATS = [vs.YUV420P8, vs.YUV420P10, vs.YUV444P16, vs.RGB24, vs.GRAYS, vs.RGBH]


@pytest.mark.parametrize("form", STILL_FORMATS, ids=lambda form: vs.PresetVideoFormat(form).name)
def test_a_still_comes_back(form: int) -> None:
    clip = moving_clip(160, 128, length=2, step=(0, 0), form=form)
    source = planes(clip.get_frame(0))
    top = peak(clip.format)
    for t in (1, 2, 3, 4):
        for ours, theirs in zip(planes(vs.core.rife.RIFE(clip, multi=5).get_frame(t)), source, strict=True):
            assert psnr(ours, theirs, top) >= STILL_DB
            assert np.abs(ours.astype(np.float64) - theirs.astype(np.float64)).max() <= STILL * top


def test_values_outside_the_range_survive_in_float() -> None:
    frames = [texture(96, 64, 2.0 * n, 0) * 3 - 1 for n in range(2)]
    made = planes(vs.core.rife.RIFE(clip_of(frames), multi=2).get_frame(1))
    assert np.stack(made).max() > 1.5
    assert np.stack(made).min() < -0.5


def test_nan_stays_where_it_is() -> None:
    frames = [texture(128, 96, 0, 0) for _ in range(2)]
    frames[0][:, 40:42, 60:62] = np.nan
    made = np.stack(planes(vs.core.rife.RIFE(clip_of(frames), multi=2).get_frame(1)))
    broken = np.argwhere(~np.isfinite(made))
    assert broken[:, 1].min() >= 36
    assert broken[:, 1].max() <= 45
    assert broken[:, 2].min() >= 56
    assert broken[:, 2].max() <= 65


def test_yuv_agrees_with_the_rgb_route() -> None:
    clip = moving_clip(192, 128, length=2, form=vs.YUV420P8)
    direct = vs.core.rife.RIFE(clip, multi=2).get_frame(1)
    through = vs.core.rife.RIFE(clip.resize.Bicubic(format=vs.RGBS), multi=2)
    through = through.resize.Bicubic(format=vs.YUV420P8, matrix=vs.MATRIX_BT709).get_frame(1)
    for ours, theirs in zip(planes(direct), planes(through), strict=True):
        assert psnr(ours, theirs, 255) >= BY_RGB_DB["made up"]


def test_access_order_and_threads_do_not_matter() -> None:
    clip = moving_clip(length=6, form=vs.YUV420P8)
    vs.core.num_threads = 1
    straight = [digest(frame) for frame in vs.core.rife.RIFE(clip, multi=2.5).frames()]
    rng = random.Random(5)
    for threads in (1, 8):
        vs.core.num_threads = threads
        made = vs.core.rife.RIFE(clip, multi=2.5)
        order = [*range(len(straight))[::-1], *rng.sample(range(len(straight)), len(straight)), 0, 0]
        pending = [(n, made.get_frame_async(n)) for n in order]
        for n, future in pending:
            with future.result() as frame:
                assert digest(frame) == straight[n], f"frame {n} with {threads} threads"
        assert digest(made.get_frame(len(straight) - 1)) == straight[-1]


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.lists(st.integers(0, 9), min_size=1, max_size=6), rate=st.sampled_from([2, 5 / 2, 3]))
def test_every_history_gives_the_same_frame(order: list[int], rate: float) -> None:
    clip = moving_clip(64, 64, length=5)
    worn, fresh = vs.core.rife.RIFE(clip, multi=rate), vs.core.rife.RIFE(clip, multi=rate)
    for n in order:
        worn.get_frame(n).close()
    assert digest(worn.get_frame(order[0])) == digest(fresh.get_frame(order[0]))


def test_two_filters_share_one_network_which_outlives_them_for_a_while() -> None:
    from vsrife import clear_cache
    from vsrife.engine.engine import _engines

    clear_cache()
    clip = moving_clip(length=2)
    first, second = vs.core.rife.RIFE(clip), vs.core.rife.RIFE(clip, multi=3)
    assert len(_engines) == 1
    del first, second
    assert len(_engines) == 1
    clear_cache()
    assert len(_engines) == 0


def test_filters_made_for_each_frame_load_the_network_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from vsrife import clear_cache
    from vsrife.engine import engine

    clear_cache()
    loads: list[object] = []
    load = engine.load_network
    monkeypatch.setattr(engine, "load_network", lambda *given, **named: loads.append(given) or load(*given, **named))
    clip = moving_clip(64, 64, length=21)

    def replaced(n: int) -> vs.VideoNode:
        """Every odd frame made anew from its neighbours, as Hybrid's filldrops does."""
        if n % 2 == 0:
            return clip
        middle = vs.core.rife.RIFE(clip[n - 1] + clip[n + 1], model="nano", device="cpu")[1]
        return middle.std.AssumeFPS(clip).std.Loop(clip.num_frames)

    node = vs.core.std.FrameEval(clip, replaced)
    made: list[Any] = []
    lines = logged(lambda: made.extend(frame.props["RifeMade"] for frame in list(node.frames())[1::2]))
    assert made == [1] * 10
    assert len(loads) == 1
    assert len(lines) == 1
    assert lines[0].startswith("RIFE: model nano")


def test_a_failing_source_fails_the_frame_alone() -> None:
    clip = moving_clip(length=4)

    def fail(n: int) -> vs.VideoNode:
        if n == 2:
            raise ValueError("no such frame")
        return clip

    made = vs.core.rife.RIFE(vs.core.std.FrameEval(clip, fail, clip_src=clip), multi=2)
    with pytest.raises(vs.Error, match="no such frame"):
        made.get_frame(3)
    assert made.get_frame(1).props["RifeMade"] == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: vs.core.std.BlankClip(width=64, height=64, format=vs.GRAY32),
            r"RIFE: clip must have at most 16 bits .*got Gray32",
        ),
        (lambda: vs.core.std.BlankClip(width=15, height=64), "RIFE: clip must be at least 16x16, got 15x64"),
        (
            lambda: vs.core.std.Splice(
                [vs.core.std.BlankClip(width=64, height=64), vs.core.std.BlankClip(width=32, height=64)], mismatch=True
            ),
            "RIFE: clip must have one format and size throughout",
        ),
        (
            lambda: vs.core.std.Splice(
                [vs.core.std.BlankClip(format=form, width=64, height=64) for form in (vs.YUV420P8, vs.YUV420P10)],
                mismatch=True,
            ),
            "RIFE: clip must have one format and size throughout",
        ),
    ],
)
def test_clips_that_cannot_be(make: object, message: str) -> None:
    with pytest.raises(vs.Error, match="^" + message):
        vs.core.rife.RIFE(make())


@pytest.mark.parametrize("rate", [(10**18 + 1, 10**16), (2**62 + 1, 2**57), (2**63 - 1, 1)])
def test_rates_beyond_64_bits_are_refused_at_once(rate: tuple[int, int]) -> None:
    clip = moving_clip(length=2).std.AssumeFPS(fpsnum=30000, fpsden=1001)
    with pytest.raises(vs.Error, match=r"^RIFE: fps_num/fps_den must give .*"):
        vs.core.rife.RIFE(clip, fps_num=rate[0], fps_den=rate[1])


BAD_PLANS = [
    {"frames": [0.5, 1.5]}, {"frames": "x"}, {"frames": []}, {}, None, {"frames": list(range(257))},
    {"frames": [0, 1], "clips": [0, 1]}, {"frames": [0, 1], "clips": [0]}, {"frames": [0], "clips": [-1]},
]  # fmt: skip


@pytest.mark.parametrize("plan", BAD_PLANS, ids=str)
def test_a_nonsense_plan_is_an_error(plan: object) -> None:
    clip = moving_clip(length=2)
    node = vs.core.rife.Node(clip, lambda n: plan, lambda **k: {}, 2, 24, 1)
    with pytest.raises(vs.Error, match="plan asked for no frame or for too many"):
        node.get_frame(0)


def test_nonsense_from_render_does_not_end_the_process() -> None:
    clip = moving_clip(length=2)
    blank = vs.core.std.BlankClip(clip)
    for answer in (
        {"x": blank, "y": lambda: None, "kept": 3},
        {"passthrough": "x"},
        {"passthrough": 99},
        {"passthrough": blank},
        {"like": "x"},
    ):
        node = vs.core.rife.Node(
            clip, lambda n: {"frames": [0, 1], "write": 1}, lambda answer=answer, **k: answer, 2, 24, 1
        )
        props = node.get_frame(0).props
        assert not props.keys() & {"x", "y", "passthrough", "like", "write"}
        assert props.get("kept") == answer.get("kept")
    variable = vs.core.std.Splice([clip, vs.core.std.BlankClip(clip, width=64)], mismatch=True)
    with pytest.raises(vs.Error, match="Node: clip must have one format and size throughout"):
        vs.core.rife.Node(variable, lambda n: {"frames": [0, 1]}, lambda **k: {}, 2, 24, 1)


def calls_of(clip: vs.VideoNode, plan: dict[str, object]) -> tuple[dict[str, object], int]:
    """Properties of a node's frame 0 whose plan is this, and how often render was called for it."""
    calls: list[object] = []

    def render(**given: object) -> dict[str, object]:
        calls.append(given)
        return {"passthrough": 0, "Rendered": 1}

    node = vs.core.rife.Node(clip, lambda n: plan, render, 1, 24, 1)
    with node.get_frame(0) as frame, clip.get_frame(0) as source:
        assert (np.asarray(frame[0]) == np.asarray(source[0])).all()
        return dict(frame.props), len(calls)


@pytest.mark.parametrize(
    ("state", "passed"),
    [
        ({}, True),
        ({"A": 7, "B": 0}, True),
        ({"A": 7}, True),
        ({"A": 8}, False),
        ({"B": 0.5}, False),
        ({"B": "0"}, False),
    ],
    ids=str,
)
def test_a_decided_frame_is_passed_through_where_its_properties_are_as_assumed(
    state: dict[str, object], passed: bool
) -> None:
    clip = moving_clip(length=1).std.SetFrameProps(Own=5, **state)
    plan = {"frames": [0], "passthrough": 0, "Left": 3, "assumed": ["A", "B"], "values": [7, 0]}
    props, calls = calls_of(clip, plan)
    assert calls == (0 if passed else 1)
    assert (props.get("Left"), props.get("Rendered")) == ((3, None) if passed else (None, 1))
    assert props["Own"] == 5
    assert not props.keys() & {"frames", "clips", "write", "passthrough", "assumed", "values"}


def test_nonsense_beside_a_decided_frame_asks_render() -> None:
    clip = moving_clip(length=1)
    for assumed in ({"assumed": ["A"]}, {"assumed": ["A"], "values": [0.5]}, {"assumed": [1], "values": [1]}):
        assert calls_of(clip, {"frames": [0], "passthrough": 0, **assumed})[1] == 1
    assert calls_of(clip, {"frames": [0], "passthrough": 0, "node": clip}) == (dict(clip.get_frame(0).props), 0)


def test_source_frames_are_passed_through_without_a_second_call(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[int] = []
    render = PictureRenderer.render

    def counted(self: PictureRenderer, n: int, frames: Any, *rest: Any, **named: Any) -> dict[str, Any]:
        if frames != ():  # plan asks without frames
            rendered.append(n)
        return render(self, n, frames, *rest, **named)

    monkeypatch.setattr(PictureRenderer, "render", counted)
    made = vs.core.rife.RIFE(moving_clip(length=3), sc=0)
    numbers = [(frame.props["RifeLeft"], frame.props["_DurationDen"]) for frame in made.frames(close=True)]
    assert numbers == [(0, 48), (0, 48), (1, 48), (1, 48), (2, 48), (2, 48)]
    assert sorted(rendered) == [1, 3]


def test_too_many_frames() -> None:
    clip = vs.core.std.BlankClip(width=64, height=64, length=2**24)
    with pytest.raises(vs.Error, match=r"^RIFE: multi must give at most 2147483647 frames, got 3355443200$"):
        vs.core.rife.RIFE(clip, multi=200)


RIGHT = {
    "multi": st.sampled_from([2.0, 2.5, 0.5, 1.0, 1 / 3]),
    "model": st.sampled_from(["4.26", "4.26"]),
    "scale": st.sampled_from([0.5, 1.0, 2.0]),
    "ensemble": st.sampled_from([0, 0, 2]),
    "ensemble_mask": st.sampled_from(["own", "mean", "logit"]),
    "auto_download": st.just(0),
    "sc": st.integers(0, 1),
    "sc_threshold": st.sampled_from([0.0, 0.15, 1.0]),
    "sc_mode": st.sampled_from(["hold", "nearest", "blend"]),
    "dedup": st.integers(0, 1),
    "dedup_limit": st.sampled_from([2, 4, 16]),
    "skip": st.just(0),
    "snap": st.sampled_from([0.0, 0.0009, 0.5]),
    "picture": st.sampled_from(["sharp", "published"]),
    "show": st.sampled_from(["flow", "mask", "cuts", "time"]),
    "gpu_thread": st.just(2),
    "matrix": st.sampled_from(["709", "1", "2020ncl", "ycgco", "ictcp"]),
    "device": st.sampled_from(["auto", "cpu"]),
    "precision": st.sampled_from(["auto", "fp32", "bf16"]),
}
RATES = st.sampled_from([{}, {"factor_num": 3}, {"factor_den": 3}, {"fps_num": 60, "fps_den": 1}])
texts = st.one_of(st.text(max_size=8), st.sampled_from(["auto", "cuda:9", "mps", "4.6", "709", "fp16", "/", "a.pkl"]))
ints = st.one_of(st.integers(-3, 7), st.integers(-(2**63), 2**63 - 1))
NONSENSE = {
    **dict.fromkeys(("multi", "scale", "sc_threshold", "skip_threshold", "snap"), st.floats()),
    **dict.fromkeys(
        ("factor_num", "factor_den", "fps_num", "fps_den", "sc", "ensemble", "vfr", "dedup", "bars", "still"), ints
    ),
    **dict.fromkeys(("dedup_limit", "skip", "gpu_id", "gpu_thread", "tta", "uhd", "list_gpu"), ints),
    **dict.fromkeys(
        (
            "model",
            "model_path",
            "ensemble_mask",
            "matrix",
            "device",
            "precision",
            "timecodes",
            "sc_mode",
            "show",
            "estimates",
        ),
        texts | st.integers(-1, 80),
    ),
    "positions": st.lists(st.floats(), max_size=3),
}
CLIPS = st.sampled_from([vs.YUV420P8, vs.RGBS, vs.GRAYH, vs.YUV410P8, vs.RGB24, vs.YUV422P12, vs.RGBH, vs.GRAY32])


@st.composite
def argument_sets(draw: st.DrawFn) -> dict[str, object]:
    """Mostly right, with up to two arguments that may be anything."""
    chosen = draw(st.fixed_dictionaries({}, optional=RIGHT))
    if "multi" not in chosen:
        chosen |= draw(RATES)
    for name in draw(st.just([]) | st.lists(st.sampled_from(sorted(NONSENSE)), min_size=1, max_size=2)):
        chosen[name] = draw(NONSENSE[name])
    return chosen


@pytest.mark.timeout(900)
def test_a_thousand_argument_sets_work_or_raise_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSRIFE_OFFLINE", "1")
    keep = vs.core.rife.RIFE(vs.core.std.BlankClip(width=16, height=16))  # holds the network, loaded once
    outcomes = Counter[str]()

    @settings(max_examples=1000, suppress_health_check=list(HealthCheck))
    @given(arguments=argument_sets(), form=CLIPS, size=st.sampled_from([3, 4, 4, 5, 8, 9, 10]))
    def attempt(arguments: dict[str, object], form: int, size: int) -> None:
        clip = vs.core.std.BlankClip(format=form, width=4 * size, height=4 * size, length=3, keep=True)
        refusal = None
        try:
            made = vs.core.rife.RIFE(clip, **arguments)
        except vs.Error as error:
            refusal = str(error)
        if refusal is not None:
            outcomes["refused"] += 1
            assert refusal.startswith("RIFE: ")
            assert "internal" not in refusal
            assert "\n" not in refusal
            return
        outcomes["worked"] += 1
        for n in {0, made.num_frames // 2, made.num_frames - 1}:
            with made.get_frame(n) as frame:
                outcomes["made"] += frame.props.get("RifeMade", 0)  # list_gpu makes none
                assert frame.format.id == form

    attempt()
    del keep
    assert outcomes["worked"] + outcomes["refused"] >= 1000
    assert min(outcomes["worked"], outcomes["refused"], outcomes["made"]) >= 200


def test_ten_scripts_leave_no_memory_and_no_thread() -> None:
    program = Path(__file__).with_name("reload_scripts.py")
    environment = os.environ | {"MALLOC_ARENA_MAX": "1"}  # glibc's choice of arena for each new thread is noise of 10 %
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, check=True, timeout=240, env=environment
    )
    found = json.loads(done.stdout)
    assert max(found["rss"][2:]) <= 1.05 * found["rss"][1]
    assert found["threads"][-1] <= found["threads"][1]


def test_the_function_is_the_filter() -> None:
    from vsrife import rife

    clip = moving_clip(length=2)
    assert rife(clip, multi=Fraction(5, 3)).num_frames == 4
    assert digest(rife(clip, 2).get_frame(1)) == digest(vs.core.rife.RIFE(clip, multi=2).get_frame(1))
    with pytest.raises(vs.Error, match=r"^RIFE: scale must be"):
        rife(clip, scale=3)
    with pytest.raises(ValueError, match=r"^RIFE: multi must be the only rate, got factor_num too$"):
        rife(clip, Fraction(5, 3), factor_num=9)
    with pytest.raises(ValueError, match=r"^RIFE: multi must be above 0 and a fraction of 64-bit integers$"):
        rife(clip, Fraction(2**70, 3))
