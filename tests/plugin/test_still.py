"""Things that stand still over a moving picture: kept exactly, and without a trace in what moves behind them."""

from __future__ import annotations

import numpy as np
import pytest
import vapoursynth as vs
from support import LETTERS, clip_of, converted, digest, gray_clip, lettered, peak, planes, psnr, texture

pytestmark = pytest.mark.vpy("unique-core")
SIZE = 192, 128
TOP, LEFT = 80, 60
PLACE = slice(TOP, TOP + LETTERS.shape[0]), slice(LEFT, LEFT + LETTERS.shape[1])
STEP = 14.0


def picture(time: float) -> np.ndarray:
    return texture(*SIZE, STEP * time, 0)


def titled(length: int = 2, step: float = 0.0) -> vs.VideoNode:
    """A pan with letters on it, which stand still or scroll up by `step` pixels a frame."""
    return clip_of([lettered(picture(n), round(TOP - n * step), LEFT) for n in range(length)])


def luma(frame: vs.VideoFrame) -> np.ndarray:
    return np.asarray(frame[0]).astype(np.float64)


@pytest.mark.parametrize("form", [vs.YUV420P8, vs.YUV420P10, vs.RGB24, vs.GRAY16, vs.RGBS])
def test_letters_are_kept_and_leave_no_trace(form: int) -> None:
    clip = converted(titled(), form)
    source = luma(clip.get_frame(0))
    truth = luma(converted(clip_of([lettered(picture(0.5), TOP, LEFT)]), form).get_frame(0))
    made, without = (luma(vs.core.rife.RIFE(clip, still=still).get_frame(1)) for still in (1, 0))
    letters = np.zeros(source.shape, bool)
    letters[PLACE] = LETTERS
    assert np.array_equal(made[letters], source[letters])
    assert not np.array_equal(without[letters], source[letters])
    around = np.zeros(source.shape, bool)
    around[TOP - 20 : TOP + 35, LEFT - 20 : LEFT + 62] = True
    top = peak(clip.format)
    gains = [
        psnr(made[part], truth[part], top) - psnr(without[part], truth[part], top)
        for part in (around & ~letters, ~around)
    ]
    assert gains[0] > 1
    assert gains[1] > -0.3


def test_frames_without_such_things_are_the_same_bytes() -> None:
    """A pan, letters that scroll, a cut, and a still background with something before it that moves."""
    still = texture(*SIZE, 0, 0, seed=3)
    objects = []
    for n in range(3):
        objects.append(lettered(still, 20, 100))
        objects[-1][:, 30:70, 20 + 10 * n : 60 + 10 * n] = texture(40, 40, 0, 0, seed=4)
    clips = [clip_of([picture(n) for n in range(3)]), titled(3, step=6.0), titled(3, step=7.0), clip_of(objects)]
    for clip in clips:
        frames = [[digest(frame) for frame in vs.core.rife.RIFE(clip, still=still).frames()] for still in (0, 1)]
        assert frames[0] == frames[1]


def test_another_clip_is_moved_as_the_clip_is() -> None:
    clip = converted(titled(3), vs.YUV420P8)
    half = clip.resize.Bilinear(width=96, height=64)
    times = gray_clip([np.tile(np.linspace(0, 1, SIZE[0], dtype=np.float32), (SIZE[1], 1))])
    made, again, small = vs.core.rife.RIFE(clip, multi=2.5, extra=[clip, half], still=1, estimates="pair")
    for n in range(made.num_frames):
        assert digest(made.get_frame(n)) == digest(again.get_frame(n))
    assert psnr(luma(small.get_frame(1)), luma(half.get_frame(0)), 255) < 40  # it moves
    stitched = vs.core.rife.At(clip, timestep_clip=times, still=1).get_frame(0)
    assert np.array_equal(luma(stitched)[PLACE][LETTERS], luma(clip.get_frame(0))[PLACE][LETTERS])


def test_nothing_moves_where_a_thing_stands() -> None:
    across, down, _, _, weight = (part.get_frame(0) for part in vs.core.rife.Motion(titled(), timestep=0.5, still=1))
    assert np.all(luma(across)[PLACE][LETTERS] == 0)
    assert np.all(luma(down)[PLACE][LETTERS] == 0)
    assert np.all(luma(weight)[PLACE][LETTERS] == 1)
    beside = np.asarray(across[0])[PLACE][~LETTERS]
    assert abs(np.median(beside) - STEP / 2) < 1.5


def test_still_things_between_bars() -> None:
    clip = converted(titled(), vs.YUV420P8)
    sides = {"top": 12, "bottom": 16}
    made, wanted = (vs.core.rife.RIFE(c, still=1) for c in (clip.std.AddBorders(**sides, color=[16, 128, 128]), clip))
    for ours, theirs in zip(planes(made.std.Crop(**sides).get_frame(1)), planes(wanted.get_frame(1)), strict=True):
        assert np.array_equal(ours, theirs)
