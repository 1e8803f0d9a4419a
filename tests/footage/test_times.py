"""When frames are shown, and cuts that the source itself marks."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from typing import TYPE_CHECKING

import imageio_ffmpeg
import pytest
import vapoursynth as vs
from support import data, moving_clip

from vsrife.footage import marked, open_footage

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.vpy("unique-core")
MIXED = [Fraction(1, 24)] * 3 + [Fraction(1, 30)] * 4 + [Fraction(1, 60)] * 3 + [Fraction(1001, 24000)] * 4
STARTS = [sum(MIXED[:n], Fraction(0)) for n in range(len(MIXED))]


def variable(announced: Fraction | None = None) -> vs.VideoNode:
    """Frames that last as said; their rate unknown, or falsely announced."""
    clip = vs.core.std.BlankClip(format=vs.YUV420P8, width=64, height=48, length=len(MIXED))
    joined = vs.core.std.Splice(
        [clip[n].std.AssumeFPS(fpsnum=own.denominator, fpsden=own.numerator) for n, own in enumerate(MIXED)]
    )
    if announced is None:
        return joined
    says = clip.std.AssumeFPS(fpsnum=announced.numerator, fpsden=announced.denominator)
    return vs.core.std.FrameEval(says, lambda n: joined, clip_src=joined)


@pytest.mark.parametrize("announced", [None, Fraction(24), Fraction(25)])
def test_variable_times_are_exact_wherever_reading_starts(announced: Fraction | None) -> None:
    footage = open_footage(variable(announced))
    reads = [range(9, 12), range(4), range(2, 14), range(13, 14), range(2, 14, 4)]
    for numbers in [*reads, *reads]:
        for opened in (footage, open_footage(variable(announced))):
            frames = list(opened.frames(numbers.start, numbers.stop, numbers.step))
            assert [frame.number for frame in frames] == list(numbers)
            assert [frame.time for frame in frames] == [STARTS[n] for n in numbers]


def test_a_constant_rate_reads_nothing_before_the_start() -> None:
    asked: list[int] = []
    clip = vs.core.std.BlankClip(width=64, height=48, length=200, fpsnum=24000, fpsden=1001)
    watched = vs.core.std.FrameEval(clip, lambda n: asked.append(n) or clip)
    footage = open_footage(watched)
    asked.clear()
    assert [frame.time for frame in footage.frames(100, 103)] == [Fraction(n * 1001, 24000) for n in (100, 101, 102)]
    assert min(asked) == 100


def test_frames_that_do_not_say_last_as_long_as_the_rate_has_it() -> None:
    clip = vs.core.std.BlankClip(width=64, height=48, length=4, fpsnum=30, fpsden=1)
    clip = clip.std.RemoveFrameProps(["_DurationNum", "_DurationDen"])
    assert [frame.time for frame in open_footage(clip).frames()] == [Fraction(n, 30) for n in range(4)]


def test_the_timestamps_of_a_file(tmp_path: Path) -> None:
    source = data("clips/bikes.mp4")
    if not hasattr(vs.core, "bs"):
        pytest.skip("vapoursynth-bestsource is not installed")
    film = tmp_path / "film.mkv"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(source), "-frames:v", "10", "-threads", "1"]
    stamps = ["-vf", "setpts=N*(N+3)/100/TB", "-fps_mode", "passthrough", "-enc_time_base", "1/1000"]
    subprocess.run([*command, *stamps, "-c:v", "libx264", "-bf", "0", str(film)], check=True)
    expected = [Fraction(n * (n + 3), 100) for n in range(10)]
    assert [frame.time for frame in open_footage(film).frames()] == expected
    assert [frame.time for frame in open_footage(film).frames(6)] == expected[6:]


def test_what_the_source_says_of_cuts_wins() -> None:
    film = moving_clip(320, 180, length=4, form=vs.RGB24)
    other = vs.core.std.BlankClip(film, color=(255, 160, 0))
    clip = film + other.std.FlipHorizontal() + film
    # a cut that is none, and one that is denied
    said = clip.std.SetFrameProps(_SceneChangePrev=0, _SceneChangeNext=0)
    first, last = said.std.SetFrameProps(_SceneChangePrev=1), said.std.SetFrameProps(_SceneChangeNext=1)
    said = said[:1] + last[1] + first[2] + said[3:9] + last[9] + first[10] + said[11:]
    frames = list(open_footage(said).frames())
    assert [frame.number for frame in frames if frame.cut] == [2, 10]
    assert [frame.number for frame, mark in marked(frames) if mark.cut] == [2, 10]
    assert [frame.number for frame, mark in marked(open_footage(clip).frames()) if mark.cut] == [4, 8]
    # of frames that are no neighbours a mark may say that there is a cut, not that there is none
    assert [frame.cut for frame in open_footage(said).frames(0, 6, 2)] == [None, True, None]
