"""Sides that chroma cannot have: what is left of the picture, and that it is said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import vapoursynth as vs
from support import moving_clip, planes

from vsrife.cli import main
from vsrife.film.formats import convert, cropping, to_av_frame

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.vpy("unique-core")

EVEN = "needs even sides, 95x63 is cropped to"


def interpolated(source: Path, film: Path, *options: str) -> None:
    assert main(["interpolate", str(source), str(film), *options]) == 0


@pytest.mark.parametrize(
    ("form", "encoder", "size", "line"),
    [
        ("yuv444p", "x264", "95x63", None),
        ("yuv444p", "av1", "94x62", f"YUV420P8 {EVEN} 94x62"),
        ("gray", "prores", "94x63", f"YUV422P10 {EVEN} 94x63"),
        ("gbrp", "av1", "94x62", f"YUV420P8 {EVEN} 94x62"),
        ("yuv420p", "x264", "94x62", f"YUV420P8 {EVEN} 94x62"),
        ("yuv422p", "ffv1", "94x63", f"YUV422P8 {EVEN} 94x63"),
    ],
)
def test_odd_sides(
    form: str,
    encoder: str,
    size: str,
    line: str | None,
    tmp_path: Path,
    ffmpeg: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source, film = tmp_path / "source.mkv", tmp_path / "film.mkv"
    picture = f"testsrc2=s=100x70:r=25:d=0.12,format=yuv444p,crop=95:63,format={form}"
    ffmpeg.run("-f", "lavfi", "-i", picture, "-c:v", "ffv1", source)
    assert ", 95x63" in ffmpeg.about(source)
    interpolated(source, film, "--encoder", encoder)
    said = [told for told in capsys.readouterr().err.splitlines() if "crop" in told]
    assert said == ([line] if line else [])
    assert f", {size}" in ffmpeg.about(film)


def test_a_turned_film_with_odd_sides_is_shown_upright(
    tmp_path: Path, ffmpeg: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    stored, turned, film = (tmp_path / name for name in ("stored.mp4", "turned.mp4", "film.mkv"))
    picture = "testsrc2=s=100x70:r=25:d=0.12,format=yuv444p,crop=95:63,setsar=4/3,format=yuv420p"
    ffmpeg.run("-f", "lavfi", "-i", picture, "-c:v", "libvpx-vp9", stored)
    ffmpeg.run("-display_rotation", "90", "-i", stored, "-c", "copy", turned)
    interpolated(turned, film, "--encoder", "ffv1")
    assert "YUV420P8 needs even sides, 63x95 is cropped to 62x94" in capsys.readouterr().err.splitlines()
    assert "sar:3/4 s:62x94" in ffmpeg.shown(film)


def test_the_picture_is_cropped_at_the_right_and_the_bottom() -> None:
    clip = moving_clip(95, 63, 1, form=vs.YUV444P8)
    luma = planes(convert(clip, "yuv420p").get_frame(0))[0]
    assert np.array_equal(luma, planes(clip.get_frame(0))[0][:62, :94])


def test_alpha_is_cropped_too() -> None:
    clip, alpha = moving_clip(95, 63, 1, form=vs.YUV444P8), moving_clip(95, 63, 1, form=vs.GRAY8)
    frame = convert(clip.std.ClipToProp(alpha, prop="_Alpha"), "yuva420p").get_frame(0)
    plane = to_av_frame(frame, "yuva420p").planes[3]
    got = np.frombuffer(plane, np.uint8).reshape(62, -1)[:, :94]
    assert np.array_equal(got, planes(alpha.get_frame(0))[0][:62, :94])


def test_what_was_not_cropped_is_not_said() -> None:
    clip = vs.core.std.BlankClip(width=96, height=64, format=vs.YUV411P8)
    assert cropping(clip, (96, 64)) is None
    assert cropping(clip, (48, 32)) is None
    assert cropping(clip, (99, 64)) == "YUV411P8 needs sides that 4 divides, 99x64 is cropped to 96x64"
