"""The RGB view against zimg, which VapourSynth converts with."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import vapoursynth as vs
from support import clip_of, planes, psnr, texture

from vsrife.engine.picture import Colour, PictureFormat, chroma_sites, rgb_view
from vsrife.plugin.formats import picture_format

pytestmark = pytest.mark.vpy("unique-core")


def view(frame: vs.VideoFrame, form: PictureFormat, colour: Colour) -> np.ndarray:
    return rgb_view([torch.from_numpy(plane) for plane in planes(frame)], form, colour)[0].numpy()


def zimg_rgb(clip: vs.VideoNode, **arguments: int) -> np.ndarray:
    return np.stack(planes(clip.resize.Bilinear(format=vs.RGBS, **arguments).get_frame(0)))


@pytest.mark.parametrize("matrix", [1, 4, 5, 6, 7, 8, 9])
@pytest.mark.parametrize("full", [False, True])
def test_matrices_and_ranges(matrix: int, full: bool) -> None:
    source = clip_of([texture(64, 48, 0, 0)])
    clip = source.resize.Bilinear(format=vs.YUV444P16, matrix=matrix, range=int(full))
    got = view(clip.get_frame(0), picture_format(clip), Colour(matrix, full))
    assert np.abs(got - zimg_rgb(clip, matrix_in=matrix).clip(0, 1)).max() < 2e-4


@pytest.mark.parametrize(
    "form", [vs.YUV420P8, vs.YUV422P10, vs.YUV440P8, vs.YUV411P8, vs.YUV410P8, vs.YUV444PS, vs.YUV420PH]
)
@pytest.mark.parametrize("location", [0, 1, 2, 3, 4, 5])
def test_subsampling_and_chroma_location(form: int, location: int) -> None:
    source = clip_of([texture(64, 48, 0, 0)])
    clip = source.resize.Bilinear(format=form, matrix=1, chromaloc=location)
    got = view(clip.get_frame(0), picture_format(clip), Colour(1, False, location))
    assert psnr(got, zimg_rgb(clip, matrix_in=1).clip(0, 1), 1) > 46


@pytest.mark.parametrize("form", [vs.RGB24, vs.RGB30, vs.RGB48, vs.RGBH, vs.RGBS])
def test_rgb(form: int) -> None:
    source = clip_of([texture(64, 48, 0, 0)])
    clip = source.resize.Bilinear(format=form)
    got = view(clip.get_frame(0), picture_format(clip), Colour(full_range=True))
    assert np.abs(got - zimg_rgb(clip)).max() < 1e-6


def test_gray_is_the_same_three_times() -> None:
    clip = clip_of([texture(64, 48, 0, 0)]).resize.Bilinear(format=vs.GRAY8, matrix=1)
    got = view(clip.get_frame(0), picture_format(clip), Colour())
    luma = planes(clip.get_frame(0))[0].astype(np.float32)
    assert np.allclose(got, ((luma - 16) / 219).clip(0, 1)[None], atol=1e-6)


def test_what_the_network_sees_is_finite() -> None:
    frame = np.full((3, 48, 64), 0.5, np.float32)
    frame[:, 3, 4], frame[:, 5, 6], frame[:, 7, 8] = np.nan, np.inf, -np.inf
    got = rgb_view([torch.from_numpy(p) for p in frame], PictureFormat("rgb", 32, True, 0, 0, 64, 48), Colour())
    assert bool(torch.isfinite(got).all())
    assert 0 <= float(got.min()) <= float(got.max()) <= 1


@pytest.mark.parametrize(
    ("location", "across", "down"), [(0, 0, 0.5), (1, 0.5, 0.5), (2, 0, 0), (3, 0.5, 0), (4, 0, 1), (5, 0.5, 1)]
)
def test_chroma_sites_of_420(location: int, across: float, down: float) -> None:
    sites = chroma_sites(PictureFormat("yuv", 8, False, 1, 1, 64, 48), location)
    assert (sites.offset_x, sites.offset_y) == (across, down)
    assert (sites.width, sites.height, sites.step_x, sites.step_y) == (32, 24, 2, 2)
