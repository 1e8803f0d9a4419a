"""Alpha from a source to the new film, read back by an ffmpeg that had no part in it; and where it cannot be kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import vapoursynth as vs
from support import moving_clip, planes

from vsrife.cli import main
from vsrife.film import EncoderOptions, save_clip
from vsrife.film.formats import nearest_format, to_av_frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.vpy("unique-core")

WIDTH, HEIGHT, COUNT = 96, 64, 6
MOVING = "geq=lum='p(X,Y)':cb='p(X,Y)':cr='p(X,Y)':a='mod(X*10+40*N\\,1024)'"


def with_alpha(clip: vs.VideoNode, form: int) -> vs.VideoNode:
    """A clip with the luma of another one as its alpha."""
    other = moving_clip(clip.width, clip.height, clip.num_frames, form=vs.YUV444P16).std.FlipVertical()
    options = {"dither_type": "none"} if vs.core.get_video_format(form).bits_per_sample < 16 else {}
    shown = vs.core.std.ShufflePlanes(other, 0, vs.GRAY).std.SetFrameProps(_Range=1)
    return clip.std.ClipToProp(shown.resize.Point(format=form, range=1, range_in=1, **options), prop="_Alpha")


def alphas(ffmpeg: Any, path: Path, bits: int, *decoder: str) -> NDArray[np.uint16]:
    """The alpha of all frames."""
    form = "gray" if bits == 8 else f"gray{bits}le"
    how = ("-vf", "alphaextract", "-fps_mode", "passthrough", "-pix_fmt", form, "-f", "rawvideo")
    raw = ffmpeg.run(*decoder, "-i", path, *how, "-")
    return np.frombuffer(raw, np.uint8 if bits == 8 else np.uint16).reshape(-1, HEIGHT, WIDTH).astype(np.uint16)


@pytest.fixture(scope="module")
def matte(ffmpeg: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six frames of ProRes 4444 with moving alpha."""
    film = tmp_path_factory.mktemp("matte") / "matte.mov"
    picture = f"testsrc2=s={WIDTH}x{HEIGHT}:r=25:d={COUNT / 25},format=yuva444p10le,{MOVING}"
    ffmpeg.run("-f", "lavfi", "-i", picture, "-c:v", "prores_ks", "-profile:v", "4444", film)
    return film


@pytest.mark.parametrize(
    ("form", "alpha", "name", "bits"),
    [
        (vs.YUV420P8, vs.GRAY8, "yuva420p", 8),
        (vs.YUV422P10, vs.GRAY10, "yuva422p10le", 10),
        (vs.YUV444P12, vs.GRAY12, "yuva444p12le", 12),
        (vs.YUV444P16, vs.GRAY16, "yuva444p16le", 16),
        (vs.RGB30, vs.GRAY10, "gbrap10le", 10),
    ],
)
def test_samples_of_alpha_are_kept(form: int, alpha: int, name: str, bits: int, tmp_path: Path, ffmpeg: Any) -> None:
    clip = with_alpha(moving_clip(WIDTH, HEIGHT, 3, form=form), alpha)
    save_clip(clip, tmp_path / "clip.mkv", EncoderOptions("ffv1"))
    assert name in ffmpeg.about(tmp_path / "clip.mkv")
    truth = [np.asarray(frame.props["_Alpha"][0]) for frame in clip.frames()]
    assert np.array_equal(alphas(ffmpeg, tmp_path / "clip.mkv", bits), truth)


@pytest.mark.parametrize("before", [vs.GRAY8, vs.GRAY12, vs.GRAY16, vs.GRAYS])
def test_another_depth_is_what_zimg_makes(before: int) -> None:
    frame = with_alpha(moving_clip(WIDTH, HEIGHT, 1, form=vs.YUV444P10), before).get_frame(0)
    ours = to_av_frame(frame, "yuva444p10le").planes[3]
    alpha = vs.core.std.BlankClip(width=WIDTH, height=HEIGHT, format=before, length=1)
    alpha = alpha.std.ModifyFrame(alpha, lambda n, f: frame.props["_Alpha"])
    theirs = alpha.resize.Point(format=vs.GRAY10, range=1, range_in=1, dither_type="none").get_frame(0)
    got = np.frombuffer(ours, np.uint16).reshape(HEIGHT, -1)[:, :WIDTH]
    assert np.array_equal(got, np.asarray(theirs[0]))


def test_a_frame_without_alpha_is_opaque() -> None:
    plain = moving_clip(WIDTH, HEIGHT, 1, form=vs.YUV444P10)
    small = with_alpha(moving_clip(WIDTH // 2, HEIGHT, 1, form=vs.YUV444P10), vs.GRAY10).get_frame(0).props["_Alpha"]
    for clip in (plain, plain.std.SetFrameProps(_Alpha=small)):
        plane = to_av_frame(clip.get_frame(0), "yuva444p10le").planes[3]
        assert (np.frombuffer(plane, np.uint16).reshape(HEIGHT, -1)[:, :WIDTH] == 1023).all()


def test_formats_with_alpha() -> None:
    prores = "yuv422p10le", "yuv444p10le", "yuva444p10le"
    many = (*prores, "yuva420p", "yuva420p10le", "gbrp10le", "gbrap10le", "gbrap12le")
    for form, offered, name in (
        (vs.YUV420P8, prores, "yuva444p10le"),
        (vs.YUV444P12, prores, "yuva444p10le"),
        (vs.YUV420P8, many, "yuva420p"),
        (vs.YUV420P10, many, "yuva420p10le"),
        (vs.RGB24, many, "gbrap10le"),
        (vs.RGB36, many, "gbrap12le"),
    ):
        assert nearest_format(vs.core.get_video_format(form), offered, alpha=True) == name
    assert nearest_format(vs.core.get_video_format(vs.YUV444P10), many) == "yuv444p10le"


@pytest.mark.parametrize(
    ("suffix", "options", "name", "off"),
    [
        ("mov", (), "prores (4444)", 4),
        ("mov", ("--encoder", "prores", "--preset", "4444xq"), "prores (XQ)", 4),
        ("mkv", ("--encoder", "prores"), "prores (4444)", 4),
        ("mkv", ("--encoder", "ffv1"), "ffv1, yuva444p12le", 0),
        ("mp4", ("--encoder", "ffv1"), "ffv1", 0),
    ],
)
def test_films_keep_alpha(
    suffix: str, options: tuple[str, ...], name: str, off: int, matte: Path, tmp_path: Path, ffmpeg: Any
) -> None:
    film = tmp_path / f"film.{suffix}"
    assert main(["interpolate", str(matte), str(film), "--segment", "0.5", *options, "--quiet"]) == 0
    about = ffmpeg.about(film)
    assert name in about
    assert "yuva444p12le" in about
    before, after = (alphas(ffmpeg, path, 12).astype(int) for path in (matte, film))
    assert len(after) == 2 * COUNT
    assert np.abs(after[::2] - before).max() <= off  # every other frame is the source's; ProRes is given 10 bits


@pytest.mark.parametrize(("suffix", "uneven"), [("webm", False), ("mkv", False), ("mkv", True)])
def test_alpha_beside_vp9(suffix: str, uneven: bool, matte: Path, tmp_path: Path, ffmpeg: Any) -> None:
    source, film = matte, tmp_path / f"film.{suffix}"
    if uneven:
        source = tmp_path / "uneven.mov"
        late = "setts=pts=PTS+gt(N\\,2)*512:duration=512+(eq(N\\,2)*512)"
        ffmpeg.run("-i", matte, "-c", "copy", "-bsf:v", late, source)
    assert main(["interpolate", str(source), str(film), "--encoder", "vp9", "--quality", "5", "--quiet"]) == 0
    assert "alpha_mode      : 1" in ffmpeg.about(film).lower()
    before, after = alphas(ffmpeg, matte, 8), alphas(ffmpeg, film, 8, "-c:v", "libvpx-vp9")
    assert len(after) == 2 * COUNT
    assert np.abs(after[::2].astype(int) - before).mean() < 4


@pytest.mark.parametrize(
    ("output", "options", "line"),
    [
        ("o.mkv", (), "x265 does not keep the film's alpha in matroska, it is left out; vp9, ffv1 or prores would"),
        ("o.mp4", (), "x265 does not keep the film's alpha in mp4, it is left out; ffv1 would"),
        (
            "o.mp4",
            ("--encoder", "vp9"),
            "vp9 does not keep the film's alpha in mp4, it is left out; ffv1 would",
        ),
        (
            "o.webm",
            ("--encoder", "av1"),
            "av1 does not keep the film's alpha in webm, it is left out; vp9 would",
        ),
        (
            "o.mov",
            ("--encoder", "prores", "--preset", "hq"),
            "prores in preset hq does not keep the film's alpha, preset 4444 would",
        ),
    ],
)
def test_what_cannot_keep_it_is_said(
    output: str,
    options: tuple[str, ...],
    line: str,
    matte: Path,
    tmp_path: Path,
    ffmpeg: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["interpolate", str(matte), str(tmp_path / output), *options, "--duration", "0.1"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said.count(line) == 1
    assert sum("alpha" in other for other in said) == 1
    assert "yuva" not in ffmpeg.about(tmp_path / output)


def test_alpha_that_cannot_be_read_is_said(matte: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, film = tmp_path / "source.webm", tmp_path / "film.webm"
    assert main(["interpolate", str(matte), str(source), "--quiet"]) == 0
    assert main(["interpolate", str(source), str(film)]) == 0
    assert "the film's alpha cannot be read, it is left out" in capsys.readouterr().err.splitlines()


def test_alpha_of_a_script(tmp_path: Path, ffmpeg: Any, capsys: pytest.CaptureFixture[str]) -> None:
    script, film = tmp_path / "clip.vpy", tmp_path / "film.mkv"
    lines = (
        "import vapoursynth as vs",
        f"clip = vs.core.std.BlankClip(width={WIDTH}, height={HEIGHT}, format=vs.YUV420P8, length=3, fpsnum=25)",
        f"alpha = vs.core.std.BlankClip(width={WIDTH}, height={HEIGHT}, format=vs.GRAY8, length=3, color=77)",
    )
    script.write_text("\n".join((*lines, "clip.set_output(alpha=alpha)")), encoding="utf-8")
    assert main(["interpolate", str(script), str(film), "--encoder", "ffv1", "--quiet"]) == 0
    assert (alphas(ffmpeg, film, 8) == 77).all()
    resized = "clip = clip.std.ClipToProp(alpha, prop='_Alpha').resize.Point(48, 32)"
    script.write_text("\n".join((*lines, resized, "clip.set_output()")), encoding="utf-8")
    assert main(["interpolate", str(script), str(film), "--encoder", "ffv1", "--overwrite"]) == 0
    assert "the film's alpha has another size than its picture, it is left out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("form", "options", "name"),
    [
        (vs.YUV422P10, {}, "prores (HQ) (apch / 0x68637061), yuv422p10le"),
        (vs.YUV444P10, {}, "prores (4444) (ap4h / 0x68347061), yuv444p12le"),
        (vs.YUV444P10, {"preset": "hq"}, "prores (HQ) (apch / 0x68637061), yuv422p10le"),
        (vs.YUV420P8, {"preset": "4444"}, "prores (4444) (ap4h / 0x68347061), yuv444p12le"),
        (vs.YUV444P10, {"options": (("profile", "4444xq"),)}, "prores (XQ) (ap4x / 0x78347061), yuv444p12le"),
        (vs.YUV444P10, {"options": (("profile", "auto"),)}, "prores (4444) (ap4h / 0x68347061), yuv444p12le"),
    ],
)
def test_profiles_of_prores(form: int, options: dict[str, Any], name: str, tmp_path: Path, ffmpeg: Any) -> None:
    save_clip(moving_clip(WIDTH, HEIGHT, 1, form=form), tmp_path / "clip.mov", EncoderOptions("prores", **options))
    assert name in ffmpeg.about(tmp_path / "clip.mov")


def test_alpha_of_made_frames_moves_with_the_picture(tmp_path: Path, ffmpeg: Any) -> None:
    script, film = tmp_path / "clip.vpy", tmp_path / "film.mkv"
    step = 8
    lines = (
        "import sys",
        f"sys.path.insert(0, {str(Path(__file__).parents[1])!r})",
        "import vapoursynth as vs",
        "from support import moving_clip",
        f"clip = moving_clip({WIDTH}, {HEIGHT}, 4, ({step}, 0), vs.YUV444P10).std.AssumeFPS(fpsnum=25)",
        "alpha = clip.std.ShufflePlanes(0, vs.GRAY)",
        "clip.set_output(alpha=alpha)",
    )
    script.write_text("\n".join(lines), encoding="utf-8")
    assert main(["interpolate", str(script), str(film), "--encoder", "ffv1", "--precision", "fp32", "--quiet"]) == 0
    got = alphas(ffmpeg, film, 10).astype(float)[:, 8:-8, 2 * step : -2 * step]
    between = moving_clip(WIDTH, HEIGHT, 8, (step / 2, 0), vs.YUV444P10).std.ShufflePlanes(0, vs.GRAY)
    truth = np.stack([planes(frame)[0] for frame in between.frames()])[:, 8:-8, 2 * step : -2 * step].astype(float)
    assert np.abs(got[0::2] - truth[0::2]).max() == 0
    made, held = (np.abs(frames - truth[1:7:2]).mean() for frames in (got[1:7:2], got[0:6:2]))
    assert made < held / 4  # it was the left frame's
