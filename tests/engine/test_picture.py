"""The RGB picture that networks see, against zimg, which VapourSynth converts with."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import vapoursynth as vs
from support import clip_of, converted, planes, psnr, texture
from tolerances import RGB, ROUNDED, SUMMED, TO_RGB, TO_RGB_DB

from vsrife.engine.picture import Colour, PictureFormat, chroma_grid, plane_differences, rgb_matrix, to_rgb
from vsrife.motion.cpu import CpuKernels
from vsrife.plugin.formats import picture_format

pytestmark = pytest.mark.vpy("unique-core")


def rgb_of(frame: vs.VideoFrame, form: PictureFormat, colour: Colour) -> np.ndarray:
    return rgb([torch.from_numpy(plane) for plane in planes(frame)], form, colour)


def rgb(samples: list[torch.Tensor], form: PictureFormat, colour: Colour) -> np.ndarray:
    """The picture by PyTorch, after the compiled kernel was found to give the same."""
    expected = to_rgb(samples, form, colour)[0].numpy()
    if samples[0].dtype in CpuKernels.plane_types:
        chroma = chroma_grid(form, colour.chroma_location) if form.subsampled else None
        compiled = CpuKernels().to_rgb(samples, rgb_matrix(form, colour), chroma, 32)[0].permute(2, 0, 1).numpy()
        height, width = expected.shape[1:]
        assert np.abs(compiled[:, :height, :width] - expected).max() < RGB
        assert compiled.shape == (3, height + -height % 32, width + -width % 32)
        assert (compiled[:, height:] == compiled[:, height - 1 : height]).all()
        assert (compiled[:, :, width:] == compiled[:, :, width - 1 : width]).all()
    return expected


def zimg_rgb(clip: vs.VideoNode, **arguments: int) -> np.ndarray:
    return np.stack(planes(clip.resize.Bilinear(format=vs.RGBS, **arguments).get_frame(0)))


@pytest.mark.parametrize("matrix", [1, 4, 5, 6, 7, 8, 9])
@pytest.mark.parametrize("full", [False, True])
def test_matrices_and_ranges(matrix: int, full: bool) -> None:
    source = clip_of([texture(64, 48, 0, 0)])
    clip = source.resize.Bilinear(format=vs.YUV444P16, matrix=matrix, range=int(full))
    got = rgb_of(clip.get_frame(0), picture_format(clip), Colour(matrix, full))
    assert np.abs(got - zimg_rgb(clip, matrix_in=matrix).clip(0, 1)).max() < TO_RGB["16 bit"]


@pytest.mark.parametrize(
    "form", [vs.YUV420P8, vs.YUV422P10, vs.YUV440P8, vs.YUV411P8, vs.YUV410P8, vs.YUV444PS, vs.YUV420PH]
)
@pytest.mark.parametrize("location", [0, 1, 2, 3, 4, 5])
def test_subsampling_and_chroma_location(form: int, location: int) -> None:
    source = clip_of([texture(64, 48, 0, 0)])
    clip = source.resize.Bilinear(format=form, matrix=1, chromaloc=location)
    got = rgb_of(clip.get_frame(0), picture_format(clip), Colour(1, False, location))
    assert psnr(got, zimg_rgb(clip, matrix_in=1).clip(0, 1), 1) > TO_RGB_DB


@pytest.mark.parametrize("form", [vs.RGB24, vs.RGB30, vs.RGB48, vs.RGBH, vs.RGBS])
def test_rgb(form: int) -> None:
    source = clip_of([texture(64, 48, 0, 0)])
    clip = source.resize.Bilinear(format=form)
    got = rgb_of(clip.get_frame(0), picture_format(clip), Colour(full_range=True))
    assert np.abs(got - zimg_rgb(clip)).max() < TO_RGB["rgb"]


def test_gray_is_the_same_three_times() -> None:
    clip = clip_of([texture(64, 48, 0, 0)]).resize.Bilinear(format=vs.GRAY8, matrix=1)
    got = rgb_of(clip.get_frame(0), picture_format(clip), Colour())
    luma = planes(clip.get_frame(0))[0].astype(np.float32)
    assert np.allclose(got, ((luma - 16) / 219).clip(0, 1)[None], atol=ROUNDED)


def test_what_the_network_sees_is_finite() -> None:
    frame = np.full((3, 48, 64), 0.5, np.float32)
    frame[:, 3, 4], frame[:, 5, 6], frame[:, 7, 8] = np.nan, np.inf, -np.inf
    got = rgb([torch.from_numpy(p) for p in frame], PictureFormat("rgb", 32, True, 0, 0, 64, 48), Colour())
    assert bool(np.isfinite(got).all())
    assert 0 <= float(got.min()) <= float(got.max()) <= 1


@pytest.mark.parametrize(
    ("location", "across", "down"), [(0, 0, 0.5), (1, 0.5, 0.5), (2, 0, 0), (3, 0.5, 0), (4, 0, 1), (5, 0.5, 1)]
)
def test_chroma_grid_of_420(location: int, across: float, down: float) -> None:
    grid = chroma_grid(PictureFormat("yuv", 8, False, 1, 1, 64, 48), location)
    assert (grid.offset_x, grid.offset_y) == (across, down)
    assert (grid.width, grid.height, grid.step_x, grid.step_y) == (32, 24, 2, 2)


@pytest.mark.parametrize("form", [vs.YUV444P8, vs.YUV444P16, vs.YUV444PS, vs.RGB24, vs.RGB48, vs.RGBS])
@pytest.mark.parametrize("colour", [Colour(1), Colour(9, True), Colour(6), Colour(8), Colour(14)])
def test_a_difference_in_rgb_is_one_in_the_planes(form: int, colour: Colour) -> None:
    """Planes moved by what a change of RGB comes to must look like the changed RGB."""
    clip = converted(clip_of([texture(64, 48, 0, 0) * 0.3 + 0.3]), form)
    shape = picture_format(clip)
    before = [torch.from_numpy(plane.astype(np.float32)) for plane in planes(clip.get_frame(0))]
    change = torch.from_numpy(texture(64, 48, 9, 9, seed=3) - 0.5)[None] * 0.1
    after = [plane + d for plane, d in zip(before, plane_differences(change, shape, colour), strict=True)]
    got, expected = to_rgb(after, shape, colour), to_rgb(before, shape, colour) + change
    inside = (expected > 0.01) & (expected < 0.99)
    assert bool(inside.float().mean() > 0.5)
    assert float((got - expected)[inside].abs().max()) < SUMMED
