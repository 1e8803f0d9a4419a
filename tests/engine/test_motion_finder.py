"""Motion as planes are warped along it: the network's, corrected, and shared by the frames of a pair."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import vapoursynth as vs
from numpy.typing import NDArray
from support import clip_of, psnr, texture, trained
from tolerances import FLOW, ROUTES_DB, STILL, STILL_DB

from vsrife.engine import Colour, Engine, HostFrame, Interpolator, Options, PictureFormat, Task, Timestep
from vsrife.engine.motion_finder import MotionFinder
from vsrife.errors import RifeError

WIDTH, HEIGHT = 160, 96
FORM = PictureFormat("rgb", 32, True, 0, 0, WIDTH, HEIGHT)
CPU = torch.device("cpu")
Picture = NDArray[np.float32]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(trained(), CPU, torch.float32)


@pytest.fixture
def estimated(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The times at which the network ran."""
    times: list[float] = []
    estimate = MotionFinder._estimate

    def watched(self: MotionFinder, left: Any, right: Any, timestep: torch.Tensor) -> Any:
        times.append(round(float(timestep.mean()), 3))
        return estimate(self, left, right, timestep)

    monkeypatch.setattr(MotionFinder, "_estimate", watched)
    return times


def frame(number: int, shift: float = 4.0) -> HostFrame:
    return HostFrame(number, list(texture(WIDTH, HEIGHT, shift * number, 0)), Colour())


def render(interpolator: Interpolator, timestep: Timestep, shift: float = 4.0) -> Picture:
    out = [np.empty((HEIGHT, WIDTH), np.float32) for _ in range(3)]
    interpolator.render(Task(frame(0, shift), frame(1, shift), timestep, FORM), out)
    return np.stack(out)


def truth(time: float, shift: float) -> Picture:
    return texture(WIDTH, HEIGHT, shift * time, 0)


def inner(picture: Picture) -> Picture:
    return picture[:, 16:-16, 16:-16]


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("time", [0.1, 0.25, 0.5, 0.9])
def test_slow_motion_is_nearer_to_the_truth_than_in_the_published_form(time: float, compiled: bool) -> None:
    engine = Engine(trained(), CPU, torch.float32, compiled=compiled)
    near = Timestep(time, motion_at=0.5 if time in (0.1, 0.9) else None)
    scores = []
    for picture in ("published", "sharp"):
        interpolator = Interpolator(engine, FORM, Options(picture=picture))
        scores.append(psnr(inner(render(interpolator, near, 1.5)), inner(truth(time, 1.5)), 1))
    assert scores[1] > scores[0] + 3


def test_kernels_and_pytorch_give_the_same() -> None:
    pictures = []
    for compiled in (True, False):
        engine = Engine(trained(), CPU, torch.float32, compiled=compiled)
        for estimates in ("frame", "pair"):
            interpolator = Interpolator(engine, FORM, Options(estimates=estimates))
            pictures.append([render(interpolator, Timestep(t, motion_at=0.5)) for t in (0.1, 0.5, 0.7)])
    for fast, plain in zip(pictures[:2], pictures[2:], strict=True):
        assert all(psnr(a, b, 1) > ROUTES_DB for a, b in zip(fast, plain, strict=True))


def test_frames_near_the_ends_share_the_estimate_of_another(engine: Engine, estimated: list[float]) -> None:
    interpolator = Interpolator(engine, FORM, Options())
    for time, motion_at in ((0.1, 0.4), (0.9, 0.4), (0.4, 0.4), (0.6, 0.6)):
        render(interpolator, Timestep(time, motion_at=motion_at, shares_motion=motion_at == 0.4))
    assert estimated == [0.1, 0.4, 0.9, 0.6]


def test_one_estimate_a_pair(engine: Engine, estimated: list[float]) -> None:
    interpolator = Interpolator(engine, FORM, Options(estimates="pair"))
    times = (0.2, 0.4, 0.5, 0.6, 0.8)
    pictures = [render(interpolator, Timestep(t), 3.0) for t in times]
    assert estimated == [0.5]
    for time, picture in zip(times, pictures, strict=True):
        assert psnr(inner(picture), inner(truth(time, 3.0)), 1) > 35


def test_a_map_of_times_is_each_time_at_its_place(engine: Engine) -> None:
    interpolator = Interpolator(engine, FORM, Options())
    times = np.full((HEIGHT, WIDTH), 0.3, np.float32)
    mapped = render(interpolator, Timestep(map=times))
    plain = render(interpolator, Timestep(0.3, motion_at=0.5))
    assert psnr(mapped, plain, 1) > 90


def test_results_do_not_depend_on_what_was_asked_before(engine: Engine) -> None:
    steps = [Timestep(time, motion_at=0.4) for time in (0.1, 0.4, 0.9)]
    interpolator = Interpolator(engine, FORM, Options())
    forwards = [render(interpolator, step) for step in steps]
    backwards = [render(Interpolator(engine, FORM, Options()), step) for step in steps[::-1]]
    assert all(np.array_equal(a, b) for a, b in zip(forwards, backwards[::-1], strict=True))


def test_a_pair_at_rest_comes_back(engine: Engine) -> None:
    still = frame(0)
    out = [np.empty((HEIGHT, WIDTH), np.float32) for _ in range(3)]
    Interpolator(engine, FORM, Options()).render(
        Task(still, HostFrame(1, still.planes, Colour()), Timestep(0.3), FORM), out
    )
    source = np.stack(still.planes).astype(np.float32)
    assert psnr(np.stack(out), source, 1) > STILL_DB
    assert np.abs(np.stack(out) - source).max() < STILL


def test_motion_by_whole_pixels_gives_the_picture(engine: Engine) -> None:
    """4 pixels over the interval, half-way: the picture two pixels further, every sample read at a pixel."""
    made = render(Interpolator(engine, FORM, Options()), Timestep(0.5), 4.0)
    assert psnr(inner(made), inner(truth(0.5, 4.0)), 1) > 45


@pytest.mark.parametrize("options", [Options(ensemble=2, mask="mean"), Options(scale=2)])
def test_every_way_to_estimate_is_corrected(engine: Engine, options: Options) -> None:
    made = render(Interpolator(engine, FORM, options), Timestep(0.25), 1.5)
    assert psnr(inner(made), inner(truth(0.25, 1.5)), 1) > 45


@pytest.mark.parametrize("distance", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("time", [0.125, 0.375, 0.75])
def test_content_is_where_it_belongs(engine: Engine, distance: float, time: float) -> None:
    """Located by least squares: the error in pixels from how the picture changes with a small displacement."""
    near = Timestep(time, motion_at=0.5 if time < 1 / 6 else None)
    made = inner(render(Interpolator(engine, FORM, Options()), near, distance))
    expected, beyond = (inner(truth(time + step / distance, distance)) for step in (0.0, 0.1))
    slope = (beyond - expected) / 0.1
    assert abs(float((slope * (made - expected)).sum() / (slope**2).sum())) < 0.03 * max(distance, 1)


def test_interpolated_frames_are_as_sharp_as_their_neighbours(engine: Engine) -> None:
    """A pan at which every frame between lies at fractions of pixels."""
    scores = {}
    for picture in ("published", "sharp"):
        interpolator = Interpolator(engine, FORM, Options(picture=picture))
        made = [inner(render(interpolator, Timestep(time), 2.6)) for time in (0.2, 0.4, 0.6, 0.8)]
        energies = [float((np.diff(each, axis=2) ** 2).sum()) for each in (*made, inner(truth(0, 2.6)))]
        scores[picture] = np.mean(energies[:-1]) / energies[-1]
    assert scores["sharp"] > max(scores["published"], 0.95)


@pytest.mark.vpy("unique-core")
@pytest.mark.parametrize(("rate", "count"), [(2, 1), (5, 4), (10, 9), (24, 23), (7, 6)])
def test_the_network_runs_once_for_each_frame(rate: int, count: int, estimated: list[float]) -> None:
    """Frames near the ends use the estimate of another one that is interpolated anyway."""
    pair = vs.core.std.Splice([clip_of([texture(64, 48, 3.0 * n, 0)]) for n in range(2)])
    clip = vs.core.rife.RIFE(pair, multi=rate, sc=0, device="cpu", precision="fp32")
    for n in range(1, rate):
        clip.get_frame(n).close()
    assert len(estimated) == count


def test_times_of_the_same_frame_with_other_neighbours_are_kept_apart(engine: Engine) -> None:
    interpolator = Interpolator(engine, FORM, Options(keep_motions=True))
    steps = [Timestep(0.1, motion_at=0.4), Timestep(0.1, motion_at=0.5)]
    cached = [render(interpolator, step) for step in steps]
    alone = [render(Interpolator(engine, FORM, Options()), step) for step in steps]
    assert all(np.array_equal(a, b) for a, b in zip(cached, alone, strict=True))


def test_the_published_form_has_no_shared_estimates() -> None:
    with pytest.raises(RifeError, match=r"^estimates must be frame where picture is published, got pair$"):
        Options(picture="published", estimates="pair")


def test_a_map_of_one_time_near_an_end_is_that_time(engine: Engine) -> None:
    interpolator = Interpolator(engine, FORM, Options())
    times = np.full((HEIGHT, WIDTH), 0.1, np.float32)
    mapped = render(interpolator, Timestep(0.1, map=times), 10.0)
    plain = render(interpolator, Timestep(0.1, motion_at=0.5), 10.0)
    assert psnr(mapped, plain, 1) > 70


@pytest.mark.parametrize("compiled", [True, False])
def test_flow_that_is_not_a_number_stays_where_it_is(
    engine: Engine, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One broken value of a network's finest map spoils the samples around it and no others."""
    engine = Engine(trained(), CPU, torch.float32, compiled=compiled)
    interpolator = Interpolator(engine, FORM, Options())
    whole = render(interpolator, Timestep(0.5))
    estimate = MotionFinder._estimate

    def broken(self: MotionFinder, *arguments: Any) -> Any:
        motion, residual = estimate(self, *arguments)
        values = motion.maps[-1].stored if compiled else motion.maps[-1].data
        values.view(-1)[values.numel() // 2] = torch.nan
        return motion, residual

    monkeypatch.setattr(MotionFinder, "_estimate", broken)
    differs = ~np.isclose(render(Interpolator(engine, FORM, Options()), Timestep(0.5)), whole, atol=FLOW)
    assert differs.any(0).sum() < 150
