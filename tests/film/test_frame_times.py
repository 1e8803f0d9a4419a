"""Films whose files state the times of some frames alone: program streams, .avi, raw streams."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from vsrife.cli import main
from vsrife.film import probe
from vsrife.film.frame_times import UNSTATED, kept_rate, likely_rate, usable_times

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.vpy("unique-core")

NTSC = Fraction(30000, 1001)
MILLISECOND = Fraction(1, 1000)


def program_stream(path: Path, form: str, rate: Fraction, count: int, reordered: int) -> None:
    """Small frames, several of which share a packet, so that most have no time of their own."""
    with av.open(str(path), "w", format=form) as container:
        options = {"g": "12", "bf": str(reordered)}
        stream: Any = container.add_stream("mpeg2video", rate, options=options)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for n in range(count):
            samples = np.full((96, 96), 90, np.uint8)
            samples[:, 3 * n % 90 :][:, :6] = 200
            frame = av.VideoFrame.from_ndarray(samples, "yuv420p")
            frame.pts, frame.time_base = n, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("form", "suffix", "rate", "reordered"),
    [
        ("mpeg", "mpg", Fraction(25), 0),
        ("mpeg", "mpg", NTSC, 2),
        ("vob", "vob", Fraction(25), 2),
        ("vob", "vob", NTSC, 0),
    ],
)
def test_a_program_stream_lasts_as_long_as_its_frames(
    form: str, suffix: str, rate: Fraction, reordered: int, tmp_path: Path, ffmpeg: Any
) -> None:
    source, film = tmp_path / f"source.{suffix}", tmp_path / "film.mp4"
    program_stream(source, form, rate, 25, reordered)
    found = probe(source)
    assert (found.rate, found.times, found.frames) == (rate, (), 25)
    quick = ["interpolate", str(source), str(film), "--quiet", "--model", "nano"]
    assert main([*quick, "--encoder", "x264"]) == 0
    assert [start for start, _, _ in ffmpeg.packets(film, "v")] == [n / (2 * rate) for n in range(50)]
    assert main([*quick, "--fps", "100", "--overwrite"]) == 0
    assert len(ffmpeg.packets(film, "v")) == -(-25 * 100 // rate)


def test_its_script_gives_as_many_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "source.vob"
    program_stream(source, "vob", Fraction(25), 25, 0)
    assert main(["interpolate", str(source), "--vpy", "--fps", "100"]) == 0
    assert "std.AssumeFPS(clip, fpsnum=25, fpsden=1)" in capsys.readouterr().out


def test_what_is_missing_is_said_once(tmp_path: Path) -> None:
    source = tmp_path / "source.mpg"
    program_stream(source, "mpeg", Fraction(25), 25, 0)
    said: list[str] = []
    probe(source, said.append)
    assert len(said) == 1
    assert said[0].startswith("the film does not state the times of ")
    assert " of its 25 frames" in said[0]


@pytest.mark.parametrize("suffix", ["h264", "hevc", "m2v"])
def test_a_raw_stream_begins_at_0(suffix: str, tmp_path: Path, ffmpeg: Any) -> None:
    source, film = tmp_path / f"raw.{suffix}", tmp_path / "film.mp4"
    codec = {"h264": "libx264", "hevc": "libx265", "m2v": "mpeg2video"}[suffix]
    ffmpeg.run("-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=0.4", "-c:v", codec, "-bf", "2", source)
    assert main(["interpolate", str(source), str(film), "--quiet", "--encoder", "x264"]) == 0
    assert [start for start, _, _ in ffmpeg.packets(film, "v")] == [Fraction(n, 50) for n in range(20)]


def test_reordered_frames_of_an_avi_keep_step_with_its_sound(tmp_path: Path, ffmpeg: Any) -> None:
    source, film = tmp_path / "source.avi", tmp_path / "film.mkv"
    ffmpeg.run(
        *("-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=1", "-f", "lavfi", "-i", "sine=r=48000:d=1"),
        *("-c:v", "mpeg4", "-bf", "2", "-c:a", "mp3", source),
    )
    assert main(["interpolate", str(source), str(film), "--quiet", "--encoder", "x264"]) == 0
    for stream, copy in (("v", False), ("a", True)):
        before, after = (ffmpeg.packets(path, stream, copy=copy)[0][0] for path in (source, film))
        assert abs(before - after) <= MILLISECOND


def test_times_that_are_missing() -> None:
    rng = random.Random(5)
    tick = Fraction(1, 90000)
    uneven = [0, 3003, 7508, 10511, 15016, 18019]  # as of film at 24 frames a second in 60 fields
    for truth, rate in (([n * 3600 + 48600 for n in range(40)], Fraction(25)), (uneven, NTSC)):
        for _ in range(50):
            stamps = [time if rng.random() < 0.3 else UNSTATED for time in truth]
            packets = truth[:]
            rng.shuffle(packets)
            assert usable_times(stamps, packets, tick, rate) == truth
            if rate == 25 and any(stamp != UNSTATED for stamp in stamps):
                assert usable_times(stamps, packets[1:], tick, rate) == truth  # one packet is lost
                contradicting = [time + 1 for time in packets]
                assert usable_times(stamps, contradicting, tick, rate) == truth
    assert usable_times([0, UNSTATED, 90, UNSTATED], [], tick, Fraction(2000)) == [0, 45, 90, 135]
    assert usable_times([UNSTATED] * 3, [None] * 3, tick, NTSC) is None
    assert usable_times([0, 3600, 100, 3700], [], tick, NTSC) is None
    assert usable_times([0, UNSTATED, 1, 3700], [], tick, NTSC) is None  # three frames in one tick


def test_the_rate_that_most_times_agree_with() -> None:
    tick = Fraction(1, 90000)
    rates = [Fraction(15, 2), Fraction(25)]
    stamps = [48600, UNSTATED, UNSTATED, 59400, 63000, *[UNSTATED] * 4]
    assert likely_rate(stamps, tick, rates) == 25
    assert likely_rate([UNSTATED] * 3, tick, rates) == Fraction(15, 2)
    begun_again = [0, 3600, 7200, 0, 3600, 7200]
    assert likely_rate(begun_again, tick, rates) == 25
    assert kept_rate([0, 3600, 7200], tick, rates) == 25
    assert kept_rate([0, 3600, 9000], tick, rates) is None
