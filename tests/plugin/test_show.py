"""What is drawn over the picture for people."""

from __future__ import annotations

import numpy as np
import pytest
import vapoursynth as vs
from support import clip_of, moving_clip, planes, texture

pytestmark = pytest.mark.vpy("unique-core")


def rgb(frame: vs.VideoFrame) -> np.ndarray:
    return np.stack(planes(frame)).astype(np.float64)


@pytest.mark.parametrize("form", [vs.RGBS, vs.YUV420P8, vs.YUV444P16, vs.GRAY8, vs.RGBH])
@pytest.mark.parametrize("show", ["flow", "mask", "cuts", "time"])
def test_everything_is_drawn_in_every_format(show: str, form: int) -> None:
    clip = moving_clip(length=2, form=form)
    shown, plain = (vs.core.rife.RIFE(clip, **more).get_frame(1) for more in ({"show": show}, {}))
    assert shown.format.id == plain.format.id
    assert shown.props["RifeMade"] == plain.props["RifeMade"] == 1
    assert not np.array_equal(planes(shown)[0], planes(plain)[0])


@pytest.mark.parametrize(
    ("step", "strongest"), [((6.0, 0.0), "green blue"), ((-6.0, 0.0), "red")], ids=["leftwards", "rightwards"]
)
def test_flow_is_coloured_by_its_direction(step: tuple[float, float], strongest: str) -> None:
    clip = moving_clip(length=2, step=step)
    means = rgb(vs.core.rife.RIFE(clip, show="flow").get_frame(1))[:, 20:-20, 20:-20].mean((1, 2))
    red, others = means[0], means[1:].mean()
    assert red > others + 0.2 if strongest == "red" else others > red + 0.2


def test_the_mask_says_which_frame_is_seen() -> None:
    dark, bright = np.zeros((3, 64, 96), np.float32), np.ones((3, 64, 96), np.float32)
    clip = clip_of([dark, bright])
    early, late = (rgb(vs.core.rife.RIFE(clip, multi=8, sc=0, show="mask").get_frame(n)) for n in (1, 7))
    assert early[0].mean() - early[2].mean() > late[0].mean() - late[2].mean() + 0.3


@pytest.mark.parametrize("form", [vs.RGBS, vs.RGBH])
def test_the_bar_is_as_long_as_the_timestep(form: int) -> None:
    clip = moving_clip(200, 160, length=2, form=form)
    made = vs.core.rife.RIFE(clip, multi=4, show="time")
    for n in (1, 2, 3):
        row = rgb(made.get_frame(n))[:, -2]
        assert np.count_nonzero(row[2] > 0.7) == pytest.approx(200 * n / 4, abs=2)
    green = rgb(made.get_frame(0))[:, -2, 0]
    assert green.argmax() == 1


def test_a_cut_is_red_and_the_text_says_so() -> None:
    clip = clip_of([texture(160, 96, 0, 0, seed=1), texture(160, 96, 0, 0, seed=2)])
    marked = clip.std.SetFrameProps(_SceneChangeNext=1)
    frame = vs.core.rife.RIFE(marked, show="cuts").get_frame(1)
    row = rgb(frame)[:, -2]
    assert (row[0] > 0.7).all()
    assert (row[2] < 0.4).all()
    assert frame.props["RifeShow"] == "0 + 1/2 to 1  cut  cut score 1.000"
