"""Real timestamps: where output frames are placed, and how long they last."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from fractions import Fraction
from typing import TYPE_CHECKING

import imageio_ffmpeg
import numpy as np
import pytest
import vapoursynth as vs
from support import data, logged, moving_clip, planes

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.vpy("unique-core")
MIXED = [Fraction(1, 24)] * 3 + [Fraction(1, 30)] * 4 + [Fraction(1, 60)] * 3 + [Fraction(1001, 24000)] * 4


def variable(durations: list[Fraction], *, fps: Fraction | None = None) -> vs.VideoNode:
    """A moving clip whose frames last as said; its rate unknown, or falsely announced."""
    clip = moving_clip(64, 48, length=len(durations), form=vs.YUV420P8)
    parts = [
        clip[n].std.AssumeFPS(fpsnum=seconds.denominator, fpsden=seconds.numerator)
        for n, seconds in enumerate(durations)
    ]
    joined = vs.core.std.Splice(parts)
    if fps is None:
        return joined
    announced = vs.core.std.BlankClip(joined, length=len(durations)).std.AssumeFPS(
        fpsnum=fps.numerator, fpsden=fps.denominator
    )
    return vs.core.std.FrameEval(announced, lambda n: joined, clip_src=joined)


def starts(durations: list[Fraction]) -> list[Fraction]:
    return [sum(durations[:n], Fraction(0)) for n in range(len(durations) + 1)]


def place(durations: list[Fraction], time: Fraction) -> tuple[int, Fraction]:
    """By a plain search: which frame is on at a time, and how much of it has gone."""
    at = starts(durations)
    left = max(n for n in range(len(durations)) if at[n] <= time)
    return left, (time - at[left]) / durations[left]


@pytest.mark.parametrize("announced", [None, Fraction(25)])
def test_every_output_is_at_its_time(announced: Fraction | None) -> None:
    clip = variable(MIXED, fps=announced)
    made = vs.core.rife.RIFE(clip, fps_num=60, fps_den=1)
    at = starts(MIXED)
    assert made.fps == 60
    assert made.num_frames == -(-at[-1] * 60 // 1)
    for n, frame in enumerate(made.frames()):
        left, t = place(MIXED, Fraction(n, 60))
        time = Fraction(frame.props["RifeTimeNum"], frame.props["RifeTimeDen"])
        assert (frame.props["RifeLeft"], time) == (left, t)
        assert at[left] + time * MIXED[left] == Fraction(n, 60)
        assert Fraction(frame.props["_DurationNum"], frame.props["_DurationDen"]) == Fraction(1, 60)
        direct = vs.core.rife.RIFE(clip, positions=[float(left + t)]).get_frame(0)
        assert abs(Fraction(direct.props["RifeTimeNum"], direct.props["RifeTimeDen"]) - t) < Fraction(1, 10**12)
        assert all(np.array_equal(a, b) for a, b in zip(planes(frame), planes(direct), strict=True))
        if t == 0:
            assert all(np.array_equal(a, b) for a, b in zip(planes(frame), planes(clip.get_frame(left)), strict=True))


def test_a_timecode_file_places_frames_without_reading_the_clip(tmp_path: Path) -> None:
    file = tmp_path / "times.txt"
    at = starts(MIXED)
    file.write_text("# timecode format v2\n" + "\n".join(f"{float(t * 1000):.9f}" for t in at) + "\n")
    clip = moving_clip(64, 48, length=len(MIXED))
    asked = []
    watched = vs.core.std.FrameEval(clip, lambda n: asked.append(n) or clip, clip_src=clip)
    made = vs.core.rife.RIFE(watched, timecodes=str(file), fps_num=60, fps_den=1)
    assert asked == []
    for n in range(made.num_frames - 1, -1, -1):
        props = made.get_frame(n).props
        left, t = place(MIXED, Fraction(n, 60))
        found = props["RifeLeft"] + Fraction(props["RifeTimeNum"], props["RifeTimeDen"])
        assert abs(found - (left + t)) < Fraction(1, 10**6)
    v1 = tmp_path / "v1.txt"
    v1.write_text("# timecode format v1\nAssume 24\n3,6,30\n7,9,60\n10,13,23.976\n")
    exact = vs.core.rife.RIFE(clip, timecodes=str(v1), fps_num=60, fps_den=1)
    for n in range(exact.num_frames):
        props = exact.get_frame(n).props
        assert (props["RifeLeft"], Fraction(props["RifeTimeNum"], props["RifeTimeDen"])) == place(
            MIXED, Fraction(n, 60)
        )


def durations_of(clip: vs.VideoNode) -> list[Fraction]:
    return [Fraction(f.props["_DurationNum"], f.props["_DurationDen"]) for f in clip.frames()]


@pytest.mark.parametrize("announced", [None, Fraction(25)])
def test_without_a_rate_each_frame_is_divided(announced: Fraction | None) -> None:
    clip = variable(MIXED, fps=announced)
    assert durations_of(vs.core.rife.RIFE(clip, multi=3)) == [seconds / 3 for seconds in MIXED for _ in range(3)]


@pytest.mark.parametrize("rate", [Fraction(5, 2), Fraction(1, 2), Fraction(2, 3), Fraction(1, 7)])
def test_any_multiple_keeps_the_length_of_the_clip(rate: Fraction) -> None:
    clip = variable(MIXED)
    made = vs.core.rife.RIFE(clip, factor_num=rate.numerator, factor_den=rate.denominator)
    assert made.fps == 0
    assert sum(durations_of(made)) == pytest.approx(sum(MIXED), abs=float(MIXED[-1] * 7))
    whole = len(MIXED) * rate
    if whole.denominator == 1:
        assert sum(durations_of(made)) == sum(MIXED)


def test_a_file_says_how_long_outputs_last(tmp_path: Path) -> None:
    file = tmp_path / "times.txt"
    file.write_text("# timecode format v1\nAssume 24\n3,6,30\n7,9,60\n10,13,24000/1001\n")
    clip = moving_clip(64, 48, length=len(MIXED))
    made = vs.core.rife.RIFE(clip, multi=2, timecodes=str(file))
    assert durations_of(made) == [seconds / 2 for seconds in MIXED for _ in range(2)]


def test_a_rate_that_is_not_the_frames_is_said_once() -> None:
    late = [Fraction(1, 24)] * 20 + [Fraction(1, 12)] * 4
    clip = variable(late, fps=Fraction(24))
    made = vs.core.rife.RIFE(clip, fps_num=60, fps_den=1)
    said = logged(lambda: [made.get_frame(n).close() for n in range(made.num_frames)])
    assert [line for line in said if "vfr=1" in line] == [
        "RIFE: frame 20 lasts 1/12 s, which is not the clip's frame rate: where frames differ in duration, vfr=1 or "
        "timecodes= keeps picture and sound together"
    ]
    exact = vs.core.rife.RIFE(clip, fps_num=60, fps_den=1, vfr=1)
    assert exact.num_frames == sum(late) * 60


def test_a_variable_rate_that_is_multiplied_is_announced_as_such(tmp_path: Path) -> None:
    clip = variable(MIXED, fps=Fraction(24))
    made = vs.core.rife.RIFE(clip, multi=2, vfr=1)
    assert made.fps == 0
    halves = [seconds / 2 for seconds in MIXED for _ in range(2)]
    assert durations_of(made) == halves
    file = tmp_path / "times.txt"
    file.write_text("# timecode format v1\nAssume 24\n3,6,30\n7,9,60\n10,13,24000/1001\n")
    assert vs.core.rife.RIFE(clip, multi=2, timecodes=str(file)).fps == 0
    file.write_text("# timecode format v1\nAssume 24\n")
    assert vs.core.rife.RIFE(clip, multi=2, timecodes=str(file)).fps == 48


@pytest.mark.parametrize("function", ["RIFE", "Motion"])
def test_a_last_frame_of_unknown_duration_lasts_as_long_as_the_one_before(function: str) -> None:
    clip = variable(MIXED, fps=Fraction(24))
    open_ended = clip[:-1] + clip[-1].std.RemoveFrameProps(["_DurationNum", "_DurationDen"])
    made = getattr(vs.core.rife, function)(open_ended, multi=2, vfr=1)
    made = made[0] if isinstance(made, list) else made
    assert durations_of(made) == [seconds / 2 for seconds in [*MIXED[:-1], MIXED[-2]] for _ in range(2)]
    untold = clip.std.RemoveFrameProps(["_DurationNum", "_DurationDen"])
    assert durations_of(vs.core.rife.RIFE(untold, multi=2, vfr=1)) == [Fraction(1, 48)] * 2 * len(MIXED)


def test_a_variable_rate_that_is_announced_as_constant_is_logged_once() -> None:
    clip = variable(MIXED, fps=Fraction(24))

    def lines(**arguments: object) -> list[str]:
        made = vs.core.rife.RIFE(clip, multi=2, sc=0, **arguments)
        heard = logged(lambda: [frame.close() for frame in made.frames(close=True)])
        return [line for line in heard if "lasts" in line]

    assert lines() == [
        "RIFE: frame 3 lasts 1/30 s, which is not the clip's frame rate: outputs last their share of "
        "it, but 48 frames a second are announced; vfr=1 announces a variable rate"
    ]
    assert lines() == lines(vfr=0) == lines(vfr=1) == []  # a script has one


def test_milliseconds_of_a_container_are_no_variable_rate() -> None:
    rounded = [Fraction(round(1000 * (n + 1) / 23.976) - round(1000 * n / 23.976), 1000) for n in range(12)]
    assert len(set(rounded)) == 2
    clip = variable(rounded, fps=Fraction(24000, 1001))
    said = logged(lambda: vs.core.rife.RIFE(clip, fps_num=60, fps_den=1).get_frame(5))
    assert not [line for line in said if "vfr=1" in line or "durations" in line]


ENDLESS = "RIFE: fps_num and fps_den need a clip with a frame rate, got one of 0/0 and "


def test_clips_whose_times_cannot_be_known() -> None:
    blank = vs.core.std.BlankClip(width=64, height=64, length=2**27, keep=True)
    endless = vs.core.std.Splice([blank[:5].std.AssumeFPS(fpsnum=7), blank[5:].std.AssumeFPS(fpsnum=24)])
    with pytest.raises(vs.Error, match=ENDLESS + r"it announces 134217728 frames, too many to read"):
        vs.core.rife.RIFE(endless, fps_num=60, fps_den=1)
    assert vs.core.rife.RIFE(endless, multi=2).get_frame(2**28 - 5).props["RifeLeft"] == 2**27 - 3
    with pytest.raises(vs.Error, match=ENDLESS + "vfr is 0"):
        vs.core.rife.RIFE(variable(MIXED), fps_num=60, fps_den=1, vfr=0)
    nameless = variable(MIXED).std.RemoveFrameProps(["_DurationNum", "_DurationDen"])
    with pytest.raises(vs.Error, match=r"^RIFE: every source frame|^RIFE: every frame must have a duration .*frame 0"):
        vs.core.rife.RIFE(nameless, fps_num=60, fps_den=1)


CANCELLED = """
import signal, time
import vapoursynth as vs
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it
clip = vs.core.std.BlankClip(width=64, height=64, length=100000)
def slow(n, f):
    time.sleep(0.01)
    return f
clip = vs.core.std.ModifyFrame(clip, clip, slow)
vs.core.add_log_handler(lambda kind, message: print(message, flush=True))
vs.core.rife.RIFE(clip, fps_num=60, fps_den=1, vfr=1)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_reading_durations_can_be_interrupted() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CANCELLED], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            lines = iter(process.stdout.readline, "")
            assert "RIFE: reading the durations of 100000 frames (timecodes= avoids this)\n" in lines
            assert next(lines).startswith("RIFE: durations: ")
            time.sleep(0.5)  # not while the line is being printed: VapourSynth swallows what a log handler raises
            process.send_signal(signal.SIGINT)
            _, complaint = process.communicate(timeout=60)  # all of the clip would take a quarter of an hour
        finally:
            process.kill()
    assert process.returncode != 0
    assert "KeyboardInterrupt" in complaint


def test_a_real_file_of_variable_rate(tmp_path: Path) -> None:
    source, film, times = data("clips/bikes.mp4"), tmp_path / "film.mkv", tmp_path / "times.txt"
    drop = ["-vf", "select='lt(n,26)*not(eq(mod(n,4),1))',scale=160:68", "-fps_mode", "vfr", "-c:v", "libx264"]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", source, *drop, film], check=True)
    clip = vs.core.bs.VideoSource(str(film), cachemode=0, timecodes=str(times))
    found = vs.core.rife.RIFE(clip, fps_num=50, fps_den=1)  # each frame's own duration, but for the last one's
    given = vs.core.rife.RIFE(clip, fps_num=50, fps_den=1, timecodes=str(times))
    assert found.num_frames == 50  # as if the last frame, 24, lasted as long as the one before
    assert given.num_frames >= 50
    lefts = [n for n in range(26) if n % 4 != 1]
    for n in range(48):
        props = found.get_frame(n).props
        assert props["RifeLeft"] == max(k for k, source_frame in enumerate(lefts) if source_frame * 2 <= n)
        again = given.get_frame(n).props
        assert (props["RifeTimeNum"], props["RifeTimeDen"]) == (again["RifeTimeNum"], again["RifeTimeDen"])


def test_every_output_of_every_function_lasts_its_share() -> None:
    lasting = [Fraction(1, 25), Fraction(1, 50)] * 4
    plain = variable(lasting)

    def mark(n: int) -> vs.VideoNode:
        return plain.std.SetFrameProps(_SceneChangeNext=int(n == 3), _AbsoluteTime=n // 2 * 0.06 + n % 2 * 0.04)

    clip = vs.core.std.FrameEval(plain, mark, clip_src=plain)
    made, extra = vs.core.rife.RIFE(clip, multi=3, sc_mode="nearest", extra=[clip.std.RemoveFrameProps("_Matrix")])
    share = [seconds / 3 for seconds in lasting for _ in range(3)]
    assert durations_of(made) == durations_of(extra) == durations_of(vs.core.rife.Motion(clip, multi=3)[0]) == share
    times = [frame.props["_AbsoluteTime"] for frame in made.frames()]
    assert np.allclose(times[:21], np.cumsum([0, *map(float, share)])[:21])


def test_absolute_times_lie_between_those_of_the_frames() -> None:
    recorded = variable([Fraction(1, 24)] * 6, fps=Fraction(24))

    def stamp(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        out.props["_AbsoluteTime"] = n / 24
        return out

    clip = vs.core.std.ModifyFrame(recorded, recorded, stamp).std.AssumeFPS(fpsnum=12)  # at half the pace
    for mode in ("hold", "nearest"):
        cut = clip.std.SetFrameProps(_SceneChangePrev=1)
        for source in (clip, cut):
            made = vs.core.rife.RIFE(source, multi=4, sc_mode=mode)
            times = [frame.props["_AbsoluteTime"] for frame in made.frames(close=True)]
            assert np.allclose(times[:21], np.arange(21) / 96)
            assert times == sorted(times)


def test_positions_are_taken_as_they_are() -> None:
    clip = moving_clip(64, 48, length=6)
    wanted = [0, 0.5, 1.25, 5, 5.75, 12 / 7, 3, 2.999]
    made = vs.core.rife.RIFE(clip, positions=wanted)
    assert (made.num_frames, made.fps) == (8, clip.fps)
    for n, position in enumerate(wanted):
        props = made.get_frame(n).props
        found = props["RifeLeft"] + Fraction(props["RifeTimeNum"], props["RifeTimeDen"])
        assert float(found) == position
        assert Fraction(props["_DurationNum"], props["_DurationDen"]) == 1 / clip.fps
    third = vs.core.rife.RIFE(clip, multi=4).get_frame(5)
    assert all(np.array_equal(a, b) for a, b in zip(planes(made.get_frame(2)), planes(third), strict=True))
    assert vs.core.rife.RIFE(clip, positions=[1.5], fps_num=60, fps_den=1).fps == 60


@pytest.mark.parametrize("bad", [[0, 6], [-0.1], [float("nan")], [1, float("inf")]])
def test_positions_outside_the_clip(bad: list[float]) -> None:
    with pytest.raises(vs.Error, match=r"^RIFE: positions must be 0 to below 6, the clip's frames, got \S+ at \d$"):
        vs.core.rife.RIFE(moving_clip(64, 48, length=6), positions=bad)
