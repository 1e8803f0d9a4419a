"""Ten clips about whose frame rate the filter and every command agree."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import pytest
import vapoursynth as vs

from vsrife.compare.survey import Survey
from vsrife.evaluation import Choice, find_suite
from vsrife.footage import WindowOptions, extract_windows, open_footage

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.vpy("unique-core")

FILM = Fraction(1001, 24000)
VIDEO = Fraction(1001, 30000)
OUTPUT = 60
MILLISECONDS = [Fraction(round((n + 1) * FILM * 1000) - round(n * FILM * 1000), 1000) for n in range(12)]
CLIPS: dict[str, tuple[Fraction, list[Fraction | None], bool]] = {
    "constant": (1 / FILM, [FILM] * 12, False),
    "timestamps in milliseconds": (1 / FILM, MILLISECONDS, False),
    "announced rounded": (Fraction(24), [FILM] * 12, False),
    "announced to two places": (Fraction(2397, 100), [FILM] * 12, False),
    "frames without durations": (1 / FILM, [None] * 12, False),
    "some without durations": (1 / FILM, [FILM, None] * 6, False),
    "film and video": (1 / FILM, [FILM] * 4 + [VIDEO] * 8, True),
    "the mean is announced": (Fraction(9, 10) / FILM, ([FILM] * 5 + [2 * FILM] + [FILM] * 6), True),
    "one frame dropped": (1 / FILM, [FILM] * 3 + [2 * FILM] + [FILM] * 8, True),
    "no rate": (Fraction(0), [FILM] * 6 + [VIDEO] * 6, True),
}
"""The rate that a clip announces, its frames' durations, and whether its rate is variable."""


def clip_of(rate: Fraction, durations: list[Fraction | None]) -> vs.VideoNode:
    blank = vs.core.std.BlankClip(format=vs.RGB24, width=64, height=48, length=len(durations), keep=True)
    noise = np.random.default_rng(5).integers(0, 256, (len(durations) + 48, 64), np.uint8)

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        for plane in range(3):
            np.copyto(np.asarray(out[plane]), noise[n : n + 48])
        seconds = durations[n]
        for name in ("_DurationNum", "_DurationDen"):
            out.props.pop(name, None)
        if seconds is not None:
            out.props["_DurationNum"], out.props["_DurationDen"] = seconds.numerator, seconds.denominator
        return out

    moving = vs.core.std.ModifyFrame(blank, blank, fill)
    if rate:
        announced = blank.std.AssumeFPS(fpsnum=rate.numerator, fpsden=rate.denominator)
    else:
        announced = vs.core.std.Splice([blank[:6], blank[6:].std.AssumeFPS(fpsnum=30, fpsden=1)])
    return vs.core.std.FrameEval(announced, lambda n: moving, clip_src=moving)


@pytest.mark.parametrize("name", CLIPS)
def test_the_filter_and_all_commands_agree(name: str, tmp_path: Path) -> None:
    rate, durations, varies = CLIPS[name]
    clip = clip_of(rate, durations)
    assert Fraction(clip.fps) == rate
    own = [FILM if seconds is None else seconds for seconds in durations]
    starts = list(accumulate(own, initial=Fraction(0)))
    even = [Fraction(n) / rate for n in range(13)] if rate else starts
    expected = starts if varies else even

    # the filter and `interpolate`: as many output frames as fit into the clip's duration
    filtered = vs.core.rife.RIFE(clip, fps_num=OUTPUT, fps_den=1, device="cpu")
    assert filtered.num_frames == math.ceil(expected[-1] * OUTPUT)

    # `compare`
    times = [frame.time for frame in open_footage(clip).frames()]
    assert times == expected[:-1]
    nothing = np.zeros(12)
    survey = Survey(0, np.array([float(t) for t in times]), nothing > 0, nothing > 0, nothing, nothing)
    assert survey.uneven == varies

    # `evaluate`: where the dropped frames lie between their neighbours
    script = tmp_path / "clip.vpy"
    script.write_text(
        f"import runpy\nit = runpy.run_path({__file__!r})\nit['clip_of'](*it['CLIPS'][{name!r}][:2]).set_output()\n"
    )
    cases = list(find_suite(script, None, Choice(repeats=True)).cases())
    assert len(cases) == 5
    for n, case in zip(range(1, 10, 2), cases, strict=True):
        assert [truth.time for truth in case.truths] == [
            (expected[n] - expected[n - 1]) / (expected[n + 1] - expected[n - 1])
        ]

    # `train`
    windows = extract_windows(clip, tmp_path / "windows", WindowOptions(width=64, height=48, scales=(1,)))
    assert sum(len(window.times) for window in windows) >= 6
    for window, entry in zip(windows, windows.windows, strict=True):
        assert np.allclose(window.times, [float(expected[n]) for n in entry["frames"]], rtol=1e-12, atol=0)
