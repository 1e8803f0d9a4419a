"""The filter on real pictures: quality, formats and precisions. Needs the development data."""

from __future__ import annotations

import numpy as np
import pytest
import vapoursynth as vs
from PIL import Image
from support import data, planes, psnr, video
from tolerances import BY_RGB_DB, HALF_FILM_DB, STILL, STILL_DB

pytestmark = pytest.mark.vpy("unique-core")


def picture_clip(*pictures: np.ndarray) -> vs.VideoNode:
    """An RGB24 clip of H×W×3 pictures."""
    height, width = pictures[0].shape[:2]
    blank = vs.core.std.BlankClip(format=vs.RGB24, width=width, height=height, length=len(pictures), keep=True)

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        for plane in range(3):
            np.copyto(np.asarray(out[plane]), pictures[n][..., plane])
        return out

    return vs.core.std.ModifyFrame(blank, blank, fill)


def middlebury() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """First, truth, last of the twelve triplets of Middlebury OTHER."""
    folder = data("sets/middlebury_other")
    names = ("frame10.png", "frame10i11.png", "frame11.png")
    triplets = [
        tuple(np.array(Image.open(scene / name).convert("RGB")) for name in names)
        for scene in sorted(p for p in folder.iterdir() if p.is_dir())
    ]
    assert len(triplets) == 12
    return triplets


@pytest.mark.parametrize(("picture", "figure"), [("published", 33.31), ("sharp", 35.52)])
def test_middlebury_gives_the_published_figure_and_more(picture: str, figure: float) -> None:
    """Mean RGB PSNR of 8-bit pictures, fp32; that of the published form is what its authors' code gives."""
    figures = []
    for first, truth, last in middlebury():
        pair = picture_clip(first, last)
        made = vs.core.rife.RIFE(pair, picture=picture, precision="fp32", device="cpu").get_frame(1)
        figures.append(psnr(np.stack(planes(made), -1), truth, 255))
    assert np.mean(figures) == pytest.approx(figure, abs=0.02)


@pytest.mark.parametrize(("passes", "figure"), [(2, 34.74), (8, 35.04)])
def test_middlebury_with_several_passes(passes: int, figure: float) -> None:
    """Mean flows and mean masks, fp32."""
    figures = []
    for first, truth, last in middlebury():
        pair = picture_clip(first, last)
        ensemble = {"ensemble": passes, "ensemble_mask": "mean"}
        made = vs.core.rife.RIFE(pair, picture="published", precision="fp32", device="cpu", **ensemble)
        figures.append(psnr(np.stack(planes(made.get_frame(1)), -1), truth, 255))
    assert np.mean(figures) == pytest.approx(figure, abs=0.03)


FRAMES = {"bikes.mp4": (5, 50, 100, 160, 200), "cockatoo.mp4": (50, 157), "bigbuckbunny.mp4": (20, 90)}


@pytest.mark.parametrize("clip", FRAMES)
@pytest.mark.parametrize("precision", HALF_FILM_DB)
def test_half_precision_on_real_frames(clip: str, precision: str) -> None:
    source = video(clip)
    source = source.resize.Bicubic(640, 360 if source.width * 9 == source.height * 16 else 272)
    half, full = (vs.core.rife.RIFE(source, precision=p, device="cpu") for p in (precision, "fp32"))
    for n in FRAMES[clip]:
        ours, exact = (
            made.resize.Bicubic(format=vs.RGBS, matrix_in=vs.MATRIX_BT709).get_frame(2 * n + 1) for made in (half, full)
        )
        assert psnr(np.stack(planes(ours)), np.stack(planes(exact)), 1) >= HALF_FILM_DB[precision]


@pytest.mark.parametrize("clip", FRAMES)
def test_yuv_agrees_with_the_rgb_route(clip: str) -> None:
    """A user's own conversion to RGBS and back, against none."""
    source = video(clip)[:210].resize.Bicubic(640, 272).std.SetFrameProps(_Matrix=vs.MATRIX_BT709)
    direct = vs.core.rife.RIFE(source)
    through = vs.core.rife.RIFE(source.resize.Bicubic(format=vs.RGBS))
    through = through.resize.Bicubic(format=source.format.id, matrix=vs.MATRIX_BT709)
    for n in FRAMES[clip]:
        pair = zip(planes(direct.get_frame(2 * n + 1)), planes(through.get_frame(2 * n + 1)), strict=True)
        assert all(psnr(ours, theirs, 255) >= BY_RGB_DB["film"] for ours, theirs in pair)


@pytest.mark.parametrize("form", [vs.YUV420P8, vs.YUV420P10, vs.YUV444P16, vs.RGB24, vs.GRAYS, vs.RGBH], ids=str)
def test_a_still_of_real_film_comes_back(form: int) -> None:
    source = video("bikes.mp4")[100]
    arguments = {"matrix_in": vs.MATRIX_BT709} if vs.core.get_video_format(form).color_family == vs.RGB else {}
    still = source.resize.Bicubic(format=form, **arguments) * 2
    top = 1.0 if still.format.sample_type == vs.FLOAT else (1 << still.format.bits_per_sample) - 1
    made = vs.core.rife.RIFE(still, multi=5)
    for t in (1, 2, 3, 4):
        for ours, theirs in zip(planes(made.get_frame(t)), planes(still.get_frame(0)), strict=True):
            assert psnr(ours, theirs, top) >= STILL_DB
            assert np.abs(ours.astype(np.float64) - theirs.astype(np.float64)).max() <= STILL * top
