"""Pictures in bands against pictures as a whole: no seam, whatever moves, in every network and format."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from support import psnr, random_network, texture, trained, video
from tolerances import BANDS_DB, FLOW

from vsrife.engine import (
    Colour,
    Engine,
    HostFrame,
    Options,
    PictureFormat,
    Task,
    Timestep,
    bands,
    kernel_estimator,
    torch_estimator,
)
from vsrife.engine.frame_maker import FrameMaker
from vsrife.networks import CATALOG
from vsrife.training.scenes import random_scene

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vsrife.engine.transfer import Pending

    Frames = list[NDArray[np.generic]]

CPU = torch.device("cpu")
SMALL = 32
"""Rows of a band in small pictures, so that there are many."""
LARGE = 128
"""Rows of one that only the finest blocks have several of."""


def execute(engine: Engine, work: Callable[[], Pending[None] | None]) -> None:
    """Run work as an interpolator does."""

    def without_gradients() -> None:
        with torch.inference_mode():
            if pending := work():
                pending.finish()

    engine.executor.run(without_gradients)


def interpolate(engine: Engine, frames: list[Frames], form: PictureFormat, options: Options, band: int) -> Frames:
    out: Frames = [np.empty(form.shape(plane), form.dtype) for plane in range(form.planes)]
    first, last = (HostFrame(number, planes, Colour()) for number, planes in enumerate(frames))
    maker = FrameMaker(engine, form, options, band)
    execute(engine, partial(maker.render, Task(first, last, Timestep(0.5), form), out))
    return out


def both(
    engine: Engine, frames: list[Frames], form: PictureFormat, rows: int = SMALL, **options: int
) -> tuple[Frames, Frames]:
    """Whole and in bands."""
    whole, banded = (interpolate(engine, frames, form, Options(**options), band) for band in (0, rows))
    return whole, banded


def worst(whole: Frames, banded: Frames, peak: float) -> float:
    return min(psnr(a, b, peak) for a, b in zip(whole, banded, strict=True))


def rgb(width: int, height: int) -> PictureFormat:
    return PictureFormat("rgb", 32, True, 0, 0, width, height)


def test_bands_cover_a_picture_once() -> None:
    for height, rows in ((448, 64), (100, 32), (64, 256), (12, 0)):
        pieces = list(bands.bands(height, rows))
        kept = [row for band in pieces for row in range(height)[band.kept_rows()]]
        assert kept == list(range(height))
        for band in pieces:
            read = list(range(band.top, band.bottom))
            assert read[band.kept_within()] == list(range(height))[band.kept_rows()]
            assert band.top == max(0, band.first - bands.HALO)
            assert band.bottom == min(height, band.stop + bands.HALO)


@pytest.mark.parametrize(
    ("name", "compiled"),
    [*((name, True) for name in ("4.0", "4.2", "4.6", "4.14.lite", "4.24", "4.26.heavy")), ("4.0", False)],
)
def test_every_kind_of_network_has_no_seams(name: str, compiled: bool) -> None:
    assert name in CATALOG
    engine = Engine(random_network(name), CPU, torch.float32, compiled=compiled)
    frames = [list(texture(64, 230, 5 * n, 3 * n)) for n in range(2)]
    assert worst(*both(engine, frames, rgb(64, 230)), 1) >= BANDS_DB["random"]


@pytest.mark.parametrize(
    ("precision", "compiled", "options"),
    [
        (torch.float32, False, {}),
        (torch.float32, False, {"ensemble": 2}),
        (torch.bfloat16, True, {"scale": 2}),
        (torch.bfloat16, True, {"ensemble": 2}),
    ],
)
def test_every_way_to_estimate(precision: torch.dtype, compiled: bool, options: dict[str, int]) -> None:
    engine = Engine(trained(), CPU, precision, compiled=compiled)
    frames = [list(texture(64, 180, 9 * n, 14 * n)) for n in range(2)]
    assert worst(*both(engine, frames, rgb(64, 180), **options), 1) >= BANDS_DB["other"]


def borders(height: int) -> NDArray[np.bool_]:
    """Rows within eight of where two large bands meet."""
    rows = np.arange(height)
    return np.min([np.abs(rows + 0.5 - border) for border in range(LARGE, height, LARGE)], 0) < 8


def seams(whole: Frames, banded: Frames, near: NDArray[np.bool_]) -> float:
    """Energy of the error where bands meet over that elsewhere; 1 where there is none."""
    error = sum((a.astype(np.float64) - b.astype(np.float64)) ** 2 for a, b in zip(whole, banded, strict=True))
    floor = 1e-12  # rounding of fp32
    return float((error[near].mean() + floor) / (error[~near].mean() + floor))


@pytest.mark.parametrize("reach", [8, 96])
def test_scenes_with_large_motion(reach: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The flow is read from whole pictures: no motion is too large for a band; and the test sees a halo too small."""
    engine = Engine(trained(), CPU, torch.float32)
    scene = random_scene(np.random.default_rng(3), 96, 320, reach=reach)
    frames = [[plane.numpy() for plane in scene.picture(time)] for time in (0.0, 1.0)]
    whole, banded = both(engine, frames, rgb(96, 320), LARGE, picture="published")
    assert worst(whole, banded, 1) >= BANDS_DB["fp32"]
    assert seams(whole, banded, borders(320)) < 2
    for module in (torch_estimator, kernel_estimator):
        monkeypatch.setattr(module, "bands", lambda height, rows: bands.bands(height, rows, halo=0))
    _, narrow = both(engine, frames, rgb(96, 320), LARGE, picture="published")
    assert worst(whole, narrow, 1) < BANDS_DB["fp32"]
    assert seams(whole, narrow, borders(320)) > 2


@pytest.mark.vpy("unique-core")
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_a_real_clip_in_its_own_format(precision: torch.dtype) -> None:
    clip = video("bikes.mp4").std.CropAbs(width=160, height=264, left=240, top=4)
    frames = [[np.array(frame[plane]) for plane in range(3)] for frame in clip[40:42].frames()]
    form = PictureFormat("yuv", 8, False, 1, 1, 160, 264)
    engine = Engine(trained(), CPU, precision)
    whole, banded = both(engine, frames, form)
    assert worst(whole, banded, 255) >= BANDS_DB["8 bit"]
    assert np.abs(whole[0].astype(int) - frames[0][0].astype(int)).max() > 20


def test_the_planes_and_the_motion_by_rows() -> None:
    """The parts that only the reference makes row by row are the same bytes."""
    form = rgb(64, 130)
    frames = [list(texture(64, 130, 5 * n, 3 * n)) for n in range(2)]
    engine = Engine(trained(), CPU, torch.float32, compiled=False)
    targets = []
    for band in (0, 24):
        target = np.empty((5, 130, 64), np.float32)
        ends = [HostFrame(n, frame, Colour()) for n, frame in enumerate(frames)]
        maker = FrameMaker(engine, form, Options(ensemble=2, mask="mean"), band)
        execute(engine, partial(maker.write_motion, *ends, Timestep(0.25), target))
        targets.append(target)
    assert np.abs(targets[0] - targets[1]).max() < FLOW
    assert np.abs(targets[0]).max() > 1
