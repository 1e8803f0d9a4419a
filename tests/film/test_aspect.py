"""How wide pixels are, in each container that is offered: read by an ffmpeg that had no part in it."""

from __future__ import annotations

import re
import shutil
import zlib
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
import vapoursynth as vs
from support import moving_clip

from vsrife.cli import main
from vsrife.errors import RifeError
from vsrife.film import ENCODERS, EncoderOptions, probe, save_clip
from vsrife.film.encoder import CONTAINERS
from vsrife.film.matroska import write_aspect

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.vpy("unique-core")

WIDE, NARROW = Fraction(64, 45), Fraction(8, 9)


def aspect_in(ffmpeg: Any, path: Path) -> Fraction:
    """The first frame's, which the container overrides."""
    width, height = re.findall(r"sar:(\d+)/(\d+)", ffmpeg.shown(path))[0]
    return Fraction(int(width), int(height))


def with_aspect(aspect: Fraction, width: int = 90, height: int = 64) -> vs.VideoNode:
    clip = moving_clip(width, height, 3, form=vs.YUV420P8).std.AssumeFPS(fpsnum=25)
    return clip.std.SetFrameProps(_SARNum=aspect.numerator, _SARDen=aspect.denominator)


@pytest.mark.parametrize("suffix", CONTAINERS)
@pytest.mark.parametrize("encoder", [name for name in ENCODERS if not name.startswith("nvenc")])
def test_every_encoder_in_every_container(encoder: str, suffix: str, tmp_path: Path, ffmpeg: Any) -> None:
    for aspect in (WIDE, NARROW):
        path = tmp_path / f"{aspect.numerator}{suffix}"
        try:
            save_clip(with_aspect(aspect), path, EncoderOptions(encoder))
        except RifeError as error:
            assert suffix != ".mkv"  # which takes them all
            assert re.search(r"encoder must be (.* for|one that) (webm|mp4|mov)( takes)?, got", str(error))  # noqa: PT017
            return
        assert aspect_in(ffmpeg, path) == aspect
        ffmpeg.run("-err_detect", "crccheck+explode", "-i", path, "-f", "null", "-")
        assert probe(path).aspect == aspect


def test_whole_films_keep_it_with_all_their_streams(uneven_film: Path, tmp_path: Path, ffmpeg: Any) -> None:
    film = tmp_path / "film.mkv"
    for rate in ("--multi", "2"), ("--fps", "50"):  # a variable rate, and a constant one
        arguments = ("interpolate", str(uneven_film), str(film), *rate, "--encoder", "ffv1", "--quiet", "--overwrite")
        assert main([*arguments]) == 0
        assert aspect_in(ffmpeg, film) == Fraction(4, 3)
        for stream in ("a", "s"):
            assert ffmpeg.packets(film, stream) == ffmpeg.packets(uneven_film, stream)
        assert "filename        : note.txt" in ffmpeg.about(film)
        late = ffmpeg.run("-ss", "1.5", "-i", film, "-map", "0:v", "-f", "framemd5", "-").decode().splitlines()
        whole = ffmpeg.run("-i", film, "-map", "0:v", "-f", "framemd5", "-").decode().splitlines()
        assert late[-1].split(",")[-1] == whole[-1].split(",")[-1]  # its index still is right


def test_the_container_of_a_source_is_believed(tmp_path: Path, ffmpeg: Any) -> None:
    source, film = tmp_path / "source.mp4", tmp_path / "film.mkv"
    save_clip(with_aspect(WIDE), source, EncoderOptions("av1"))  # whose stream says 1
    assert main(["interpolate", str(source), str(film), "--encoder", "x264", "--quiet"]) == 0
    assert aspect_in(ffmpeg, film) == WIDE


def test_only_the_header_changes(tmp_path: Path, ffmpeg: Any) -> None:
    plain, told, remuxed = (tmp_path / f"{name}.mkv" for name in ("plain", "told", "remuxed"))
    save_clip(with_aspect(Fraction(1)), plain, EncoderOptions("ffv1"))
    shutil.copy(plain, told)
    write_aspect(told, WIDE, webm=False)
    before, after = plain.read_bytes(), told.read_bytes()
    assert len(before) == len(after)
    cluster = before.index(bytes.fromhex("1F43B675"), before.index(b"V_FFV1"))
    assert before[cluster:] == after[cluster:]
    for identifier in ("114D9B74", "1654AE6B"):  # both have checksums, made by FFmpeg and anew
        for data in (before, after):
            start = data.rindex(bytes.fromhex(identifier), 0, cluster) + 4
            length = 9 - data[start].bit_length()
            size = int.from_bytes(data[start : start + length]) & ((1 << 7 * length) - 1)
            content = data[start + length : start + length + size]
            assert content[:2] == b"\xbf\x84"
            assert int.from_bytes(content[2:6], "little") == zlib.crc32(content[6:])
    write_aspect(told, NARROW, webm=False)  # it may be told again
    assert aspect_in(ffmpeg, told) == NARROW
    ffmpeg.run("-i", told, "-c", "copy", remuxed)
    assert aspect_in(ffmpeg, remuxed) == NARROW


@pytest.mark.parametrize(
    ("width", "height", "aspect", "off"),
    [(90, 64, Fraction(10, 11), 0.01), (720, 576, Fraction(12, 11), 0.001), (64, 90, Fraction(3, 2), 0)],
)
def test_webm_has_whole_pixels(
    width: int, height: int, aspect: Fraction, off: float, tmp_path: Path, ffmpeg: Any
) -> None:
    path = tmp_path / "clip.webm"
    save_clip(with_aspect(aspect, width, height)[:1], path, EncoderOptions("vp9"))
    assert abs(aspect_in(ffmpeg, path) / aspect - 1) <= off


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "no room"])
def test_a_header_without_room_is_left_alone(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    save_clip(with_aspect(Fraction(1)), path, EncoderOptions("ffv1"))
    whole = path.read_bytes()
    space = whole.index(b"\xec\x01", 52)
    data = {
        "empty": b"",
        "text": b"no film at all",
        "cut": whole[: space + 200],
        "no room": whole[:space] + b"\x42" + whole[space + 1 :],
    }[damage]
    path.write_bytes(data)
    with pytest.raises(RifeError, match=r"^the file's header has no room for the aspect of its pixels$"):
        write_aspect(path, WIDE, webm=False)
    assert path.read_bytes() == data
