"""One clip into one file: the samples by an independent decoder, the choice of format, options that are refused."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import vapoursynth as vs
from support import moving_clip, planes

from vsrife.errors import RifeError
from vsrife.film.encoder import save_clip
from vsrife.film.encoders import EncoderOptions
from vsrife.film.formats import nearest_format, to_av_frame

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.vpy("unique-core")

X264 = ("yuv420p", "yuvj420p", "yuv422p", "yuv444p", "nv12", "yuv420p10le", "yuv422p10le", "yuv444p10le", "gray")
NVENC = ("yuv420p", "nv12", "p010le", "yuv444p", "p016le", "yuv444p16le", "bgr0", "gbrp", "cuda")


@pytest.mark.parametrize(
    ("form", "name", "order"),
    [
        (vs.YUV420P8, "yuv420p", (0, 1, 2)),
        (vs.YUV422P10, "yuv422p10le", (0, 1, 2)),
        (vs.YUV444P16, "yuv444p16le", (0, 1, 2)),
        (vs.GRAY8, "gray", (0,)),
        (vs.RGB30, "gbrp10le", (1, 2, 0)),
    ],
)
def test_samples_are_kept(form: int, name: str, order: tuple[int, ...], tmp_path: Path, ffmpeg: Any) -> None:
    clip = moving_clip(98, 34, 3, form=form)
    save_clip(clip, tmp_path / "clip.mkv", EncoderOptions("ffv1"))
    assert name in ffmpeg.about(tmp_path / "clip.mkv")
    got = ffmpeg.run("-i", tmp_path / "clip.mkv", "-f", "rawvideo", "-")
    frames = [planes(clip.get_frame(n)) for n in range(3)]
    assert got == b"".join(shown[k].tobytes() for shown in frames for k in order)


def test_paired_chroma_is_what_swscale_makes() -> None:
    frame = moving_clip(98, 34, 1, form=vs.YUV420P10).get_frame(0)
    mine, theirs = to_av_frame(frame, "p010le"), to_av_frame(frame, "yuv420p10le").reformat(format="p010le")
    for a, b in zip(mine.planes, theirs.planes, strict=True):
        rows = [np.frombuffer(plane, np.uint16).reshape(-1, plane.line_size // 2)[:, :98] for plane in (a, b)]
        assert np.array_equal(*rows)


@pytest.mark.parametrize(
    ("form", "offered", "name"),
    [
        (vs.YUV420P8, X264, "yuv420p"),
        (vs.YUV422P10, X264, "yuv422p10le"),
        (vs.YUV420P12, X264, "yuv420p10le"),  # less deep, not less chroma
        (vs.YUV411P8, X264, "yuv422p"),  # more chroma
        (vs.YUV420P9, X264, "yuv420p10le"),
        (vs.RGB24, X264, "yuv444p"),
        (vs.GRAY8, X264, "gray"),
        (vs.GRAY10, X264, "yuv420p10le"),
        (vs.YUV444PS, X264, "yuv444p10le"),
        (vs.YUV420P10, NVENC, "p010le"),
        (vs.YUV444P10, NVENC, "yuv444p16le"),
        (vs.RGB24, NVENC, "gbrp"),
        (vs.YUV444P8, ("yuv420p", "yuv420p10le"), "yuv420p"),
    ],
)
def test_the_format_that_loses_least(form: int, offered: tuple[str, ...], name: str) -> None:
    assert nearest_format(vs.core.get_video_format(form), offered) == name


def test_auto_and_time(tmp_path: Path, ffmpeg: Any) -> None:
    clip = moving_clip(64, 48, 4, form=vs.YUV420P8)
    told: list[tuple[int, int]] = []
    save_clip(
        vs.core.std.AssumeFPS(clip, fpsnum=60000, fpsden=1001),
        tmp_path / "8.mp4",
        watch=lambda done, total: told.append((done, total)),
    )
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert "h264" in ffmpeg.about(tmp_path / "8.mp4")
    times = [start for start, _, _ in ffmpeg.packets(tmp_path / "8.mp4", "v")]
    assert times == [n * Fraction(1001, 60000) for n in range(4)]
    save_clip(moving_clip(64, 48, 2, form=vs.YUV420P10), tmp_path / "10.mkv")
    about = ffmpeg.about(tmp_path / "10.mkv")
    assert "hevc" in about
    assert "yuv420p10le" in about
    hdr = clip.std.SetFrameProps(_Transfer=16, _Primaries=9, _Matrix=9)
    save_clip(hdr[:2], tmp_path / "hdr.mkv")
    assert "bt2020nc/bt2020/smpte2084" in ffmpeg.about(tmp_path / "hdr.mkv")


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_few_frames_begin_at_0_and_many_keep_their_order(count: int, suffix: str, tmp_path: Path, ffmpeg: Any) -> None:
    clip = moving_clip(64, 48, count, form=vs.YUV420P10).std.AssumeFPS(fpsnum=25)
    for attempt in range(3):  # what libx265 leaves unset is another each time
        save_clip(clip, tmp_path / f"{attempt}.{suffix}", EncoderOptions("x265"))
        found = ffmpeg.packets(tmp_path / f"{attempt}.{suffix}", "v")
        assert [start for start, _, _ in found] == [Fraction(n, 25) for n in range(count)]
        decoded = ffmpeg.packets(tmp_path / f"{attempt}.{suffix}", "v", copy=False)
        assert [start for start, _, _ in decoded] == [Fraction(n, 25) for n in range(count)]


def test_frames_of_their_own_durations(tmp_path: Path, ffmpeg: Any) -> None:
    lasts = (1, 3, 2)
    clip = moving_clip(64, 48, 3, form=vs.YUV420P8)
    template = clip.std.BlankClip(fpsnum=0, fpsden=1, keep=True)

    def shown(n: int) -> vs.VideoNode:
        return clip.std.SetFrameProps(_DurationNum=lasts[n], _DurationDen=30)

    uneven = template.std.FrameEval(shown)
    assert uneven.fps == 0
    save_clip(uneven, tmp_path / "uneven.mp4")
    times = [start for start, _, _ in ffmpeg.packets(tmp_path / "uneven.mp4", "v")]
    assert times == [Fraction(sum(lasts[:n]), 30) for n in range(3)]
    assert "Duration: 00:00:00.20" in ffmpeg.about(tmp_path / "uneven.mp4")


def test_nothing_is_left_where_it_fails(tmp_path: Path) -> None:
    def failing(n: int) -> vs.VideoNode:
        if n == 2:
            raise ValueError("no frame")
        return clip

    clip = moving_clip(64, 48, 4, form=vs.YUV420P8)
    with pytest.raises(vs.Error):
        save_clip(clip.std.FrameEval(failing), tmp_path / "clip.mkv")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RifeError, match=r"^save_clip: .*/none/clip\.mkv cannot be written \(No such file"):
        save_clip(clip, tmp_path / "none" / "clip.mkv")
    with pytest.raises(RifeError, match=r"^save_clip: path must end in \.mkv, .*, got clip\.avi$"):
        save_clip(clip, tmp_path / "clip.avi")
    with pytest.raises(RifeError, match=r"^save_clip: encoder must be av1, .* for webm, got x264$"):
        save_clip(clip, tmp_path / "clip.webm", EncoderOptions("x264"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": "foo"}, r"encoder must be auto, x264, .*, got foo"),
        ({"encoder": "x264", "quality": 52}, r"quality must be 0 to 51 for x264, got 52"),
        ({"encoder": "x264", "quality": float("nan")}, r"quality must be 0 to 51 for x264, got nan"),
        ({"encoder": "ffv1", "quality": 1}, r"quality must not be given for ffv1, got 1"),
        ({"encoder": "x265", "preset": "warp"}, r"preset must be ultrafast, .* for x265, got warp"),
        ({"encoder": "av1", "preset": "99"}, r"preset must be an integer of -2 to 13, got 99"),
        ({"encoder": "av1", "preset": "2.5"}, r"preset must be an integer of -2 to 13, got 2\.5"),
        ({"encoder": "vp9", "preset": "2.5"}, r"preset must be an integer of .*, got 2\.5"),
        ({"encoder": "vp9", "quality": 24.5}, r"quality must be an integer of -1 to 63, got 24\.5"),
        ({"encoder": "av1", "quality": 24.5}, r"quality must be an integer of .*, got 24\.5"),
        ({"encoder": "x264", "options": (("g", "2.5"),)}, r"g must be an integer of .*, got 2\.5"),
        ({"encoder": "ffv1", "options": (("slices", "4e0"),)}, r"slices must be an integer of .*, got 4e0"),
        (
            {"encoder": "x264", "options": (("foo", "1"),)},
            r"encoder-option must be one of libx264's \(.*\) or .*, got foo",
        ),
        (
            {"encoder": "x264", "options": (("rc-lookahead", "x"),)},
            r"rc-lookahead must be an integer of .*, got x",
        ),
    ],
)
def test_options_are_checked_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RifeError, match=f"^{message}$"):
        EncoderOptions(**options)


def test_decimals_are_taken_where_the_encoder_has_them() -> None:
    for name in ("x264", "x265"):
        EncoderOptions(name, quality=18.5, options=(("qcomp", "0.7"),) if name == "x264" else ())
    EncoderOptions("x264", options=(("g", "12"), ("bf", "-1")))
    EncoderOptions("prores", preset="4444")
