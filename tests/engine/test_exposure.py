"""The exposure at which networks see frames of floats."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support import psnr, texture

from vsrife.engine import Colour, Engine, HostFrame, Interpolator, Options, PictureFormat, Task, Timestep, shared_engine
from vsrife.engine.exposure import exponent_of, exposed, find_peak
from vsrife.networks.catalog import LEGACY
from vsrife.networks.factory import make

CPU = torch.device("cpu")
WIDTH, HEIGHT = 160, 96
FORM = PictureFormat("rgb", 32, True, 0, 0, WIDTH, HEIGHT)
INSIDE = np.s_[:, 12:-12, 12:-12]


@given(st.floats(min_value=2**-29, max_value=2**20))
def test_a_peak_is_brought_to_the_usual_range(peak: float) -> None:
    exponent = exponent_of(peak)
    if 1 / 16 <= peak <= 1.25:
        assert exponent == 0
    else:
        assert 0.49999 < peak / 2.0**exponent < 1.00001


def test_black_and_a_few_bright_pixels_leave_the_exposure() -> None:
    assert exponent_of(0.0) == exponent_of(1e-10) == 0
    plane = torch.full((360, 640), 0.5)
    plane[40, 60:62] = 50.0  # of a part of 18×20 pixels
    plane[0, 0], plane[0, 1], plane[0, 2] = math.nan, math.inf, -math.inf
    peak = find_peak([plane], "gray", Colour())
    assert peak == pytest.approx(0.5 + 2 * 49.5 / 360)
    assert exponent_of(peak) == 0


def test_chroma_is_not_brightness() -> None:
    luma, chroma = torch.full((HEIGHT, WIDTH), 0.03), torch.full((HEIGHT, WIDTH), 0.2)
    assert find_peak([luma, chroma, chroma], "yuv", Colour()) == pytest.approx(0.03)
    assert find_peak([luma, chroma, luma], "rgb", Colour()) == pytest.approx(0.2)


def test_linear_light_is_judged_as_it_is_seen() -> None:
    plane = torch.full((HEIGHT, WIDTH), 0.01)
    linear = Colour(is_linear=True)
    peak = find_peak([plane], "gray", linear)
    assert peak == pytest.approx(0.01 ** (1 / 2.2))
    assert exponent_of(peak) == 0
    bright = torch.full((HEIGHT, WIDTH), 100.0)
    exponent = exponent_of(find_peak([bright], "gray", linear))
    (seen,) = exposed((bright,), linear, exponent)
    assert 0.5 <= float(seen.amax()) ** (1 / 2.2) <= 1


def own_engine(architecture: str) -> Engine:
    """4.26 with its weights; any other network with random ones."""
    if architecture == "4.26":
        return shared_engine("4.26", None, CPU, torch.float32)
    torch.manual_seed(3)
    return Engine(make(LEGACY[architecture]).eval(), CPU, torch.float32)


def interpolated(frames: list[np.ndarray], colour: Colour, engine: Engine) -> np.ndarray:
    """The frame between two pictures, 3×H×W, of any range."""
    left, right = (HostFrame(k, [*frame.astype(np.float32)], colour) for k, frame in enumerate(frames))
    made = [np.zeros((HEIGHT, WIDTH), np.float32) for _ in range(3)]
    Interpolator(engine, FORM, Options()).render(Task(left, right, Timestep(0.5), FORM), made)
    return np.stack(made)


PICTURES = [texture(WIDTH, HEIGHT, 6.0 * k, 2.0 * k) for k in (0, 1)]
TRUTH = texture(WIDTH, HEIGHT, 3.0, 1.0)


BLEND = psnr(((PICTURES[0] + PICTURES[1]) / 2)[INSIDE], TRUTH[INSIDE], 1)


@pytest.mark.parametrize("factor", [1e-8, 0.001, 0.01, 1, 10, 100])
def test_every_range_is_interpolated(factor: float) -> None:
    made = interpolated([picture * factor for picture in PICTURES], Colour(), own_engine("4.26")) / factor
    assert psnr(made[INSIDE], TRUTH[INSIDE], 1) > 60 > BLEND + 20


@pytest.mark.parametrize("factor", [0.01, 1, 100])
def test_linear_light_is_interpolated(factor: float) -> None:
    linear = [picture**2.2 * factor for picture in PICTURES]
    made = interpolated(linear, Colour(is_linear=True), own_engine("4.26"))
    assert psnr((made / factor).clip(0)[INSIDE] ** (1 / 2.2), TRUTH[INSIDE], 1) > 50 > BLEND + 15


@pytest.mark.parametrize("architecture", ["4.26", "4.0.refine"])
def test_a_picture_divided_by_a_power_of_two_is_made_as_the_quotient_is(architecture: str) -> None:
    engine = own_engine(architecture)
    usual = [picture * np.float32(0.75) for picture in PICTURES]
    assert exponent_of(float(usual[0].max())) == 0
    assert np.array_equal(
        interpolated([picture * 128 for picture in usual], Colour(), engine),
        interpolated(usual, Colour(), engine) * 128,
    )


def test_the_exposure_is_that_of_the_two_frames_whatever_came_before() -> None:
    engine = shared_engine("4.26", None, CPU, torch.float32)
    levels = (0.01, 1, 100, 1, 0.01)
    frames = [
        HostFrame(k, [*(texture(WIDTH, HEIGHT, 4.0 * k, 0) * level).astype(np.float32)], Colour())
        for k, level in enumerate(levels)
    ]

    def made(maker: Interpolator, k: int) -> bytes:
        planes = [np.zeros((HEIGHT, WIDTH), np.float32) for _ in range(3)]
        maker.render(Task(frames[k], frames[k + 1], Timestep(0.5), FORM), planes)
        return np.stack(planes).tobytes()

    worn = Interpolator(engine, FORM, Options())
    for k in (3, 0, 2, 1, 0, 3):
        assert made(worn, k) == made(Interpolator(engine, FORM, Options()), k)
