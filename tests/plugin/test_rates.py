"""Output rates that scripts ask for by a number, and outputs next to a source frame."""

from __future__ import annotations

from fractions import Fraction

import pytest
import vapoursynth as vs
from support import logged, moving_clip

pytestmark = pytest.mark.vpy("unique-core")


def blank(fps: Fraction, length: int = 4) -> vs.VideoNode:
    return vs.core.std.BlankClip(
        width=64, height=64, length=length, fpsnum=fps.numerator, fpsden=fps.denominator, keep=True
    )


@pytest.mark.parametrize("target", [60, 120, 144, 165, 240])
def test_a_quotient_of_the_clips_rate_gives_the_whole_rate(target: int) -> None:
    for source in (Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60000, 1001)):
        clip = blank(source)
        for multi in (target / float(clip.fps), target * (1 / float(clip.fps)), target / round(float(clip.fps), 3)):
            assert vs.core.rife.RIFE(clip, multi=multi).fps == target


def test_a_number_that_is_off_by_a_rounding_is_the_whole_one() -> None:
    assert vs.core.rife.RIFE(blank(Fraction(24)), multi=0.3 / 0.1).fps == 72


def test_a_rate_beyond_32_bits_is_logged_and_one_beyond_64_is_refused() -> None:
    clip = blank(Fraction(24000, 1001))
    rate = Fraction(24000, 1001) * Fraction(2**31 + 11, 2**30 + 3)
    lines = logged(lambda: vs.core.rife.RIFE(clip, factor_num=2**31 + 11, factor_den=2**30 + 3))
    assert [line for line in lines if "32 bits" in line] == [
        f"RIFE: factor_num/factor_den gives {rate} frames a second, which does not fit into 32 "
        "bits, so that players and y4m misread it; give an exact rate by fps_num and fps_den"
    ]
    assert not [line for line in logged(lambda: vs.core.rife.RIFE(clip, multi=2.5)) if "frames a second" in line]
    with pytest.raises(
        vs.Error, match=r"^RIFE: factor_num/factor_den must give a frame rate, and a ratio .* 64 bits, got \d+ digits$"
    ):
        vs.core.rife.RIFE(clip, factor_num=2**62 + 1, factor_den=2**62)


def timesteps(made: vs.VideoNode) -> list[Fraction]:
    frames = made.frames(close=True)
    return [Fraction(frame.props["RifeTimeNum"], frame.props["RifeTimeDen"]) for frame in frames]


def test_an_output_next_to_a_source_frame_is_that_frame() -> None:
    clip = blank(Fraction(24000, 1001), length=131)
    made = [vs.core.rife.RIFE(clip, fps_num=5994, fps_den=100, sc=0, snap=snap) for snap in (0.0009, 0)]
    snapped, exact = map(timesteps, made)
    # every fifth output is due on every second source frame, and 59.94 is a millionth late
    due = range(0, 5 * 65, 5)
    assert all(snapped[n] == 0 for n in due)
    assert [n for n in due if exact[n] == 0] == [0]
    others = [n for n in range(325) if n % 5]
    assert [snapped[n] for n in others] == [exact[n] for n in others]
    assert [made[0].get_frame(n).props["RifeMade"] for n in (10, 11)] == [0, 1]


def test_the_log_names_the_rate_that_was_meant() -> None:
    lines = logged(lambda: vs.core.rife.RIFE(blank(Fraction(24000, 1001)), fps_num=5994, fps_den=100))
    assert [line for line in lines if "60000/1001" in line] == [
        "RIFE: fps_num/fps_den gives 2997/50 frames a second; if 60000/1001 is meant, name it by fps_num and fps_den: "
        "more source frames pass through unchanged"
    ]


def test_rates_that_gain_nothing_from_another_one_get_no_line() -> None:
    rounded = blank(Fraction(2997, 100))
    for arguments in ({"multi": 1}, {"multi": 2}, {}, {"positions": [0, 0.5, 1]}, {"fps_num": 5994, "fps_den": 100}):
        lines = logged(lambda arguments=arguments: vs.core.rife.RIFE(rounded, **arguments))
        assert not [line for line in lines if "is meant" in line], arguments


def test_rates_below_one_in_a_second() -> None:
    for fps in (Fraction(1, 300), Fraction(1, 1000)):
        for multi in (1.1, 0.3, 2):
            assert vs.core.rife.RIFE(blank(fps), multi=multi).fps == fps * Fraction(str(multi))


def test_exact_ratios_are_not_moved() -> None:
    # of the ratios in use these come nearest to a source frame: 1/1001 of the way
    clip = blank(Fraction(30000, 1001), length=1002)
    times = [vs.core.rife.RIFE(clip, fps_num=60, fps_den=1, sc=0, snap=snap) for snap in (0.0009, 0)]
    for n in range(990, 1012):
        frames = [made.get_frame(n).props for made in times]
        assert (
            frames[0]["RifeTimeNum"] * frames[1]["RifeTimeDen"] == frames[1]["RifeTimeNum"] * frames[0]["RifeTimeDen"]
        )
    # no two outputs become one, however many lie between two source frames
    slow = vs.core.rife.RIFE(moving_clip(64, 64, length=2), multi=3000, sc=0)
    near = [slow.get_frame(n).props for n in (0, 1, 2999, 3000)]
    assert [(props["RifeLeft"], props["RifeTimeNum"]) for props in near] == [(0, 0), (0, 1), (0, 2999), (1, 0)]


def test_a_variable_clip_snaps_by_the_share_of_each_frame() -> None:
    clip = blank(Fraction(25), length=4)
    lasting = [40, 40, 20, 40]  # milliseconds, the third a little late: 40.02

    def stamp(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        out.props["_DurationNum"], out.props["_DurationDen"] = lasting[n] * 100 + 2 * (n == 1), 100_000
        return out

    variable = vs.core.std.ModifyFrame(clip, clip, stamp)
    made = vs.core.rife.RIFE(variable, fps_num=50, fps_den=1, vfr=1, sc=0, snap=0.002)
    times = timesteps(made)
    assert times[:5] == [0, Fraction(1, 2), 0, Fraction(2000, 4002), 0]
    assert timesteps(vs.core.rife.RIFE(variable, fps_num=50, fps_den=1, vfr=1, sc=0, snap=0))[4] == Fraction(4000, 4002)
