"""The filter as mpv's vf=vapoursynth uses it: a clip without end whose frames come one after another and are dropped.

mpv announces INT_MAX / 16 frames without a rate, keeps a few buffered frames, answers requests before them with an
error and those after the film's end too, asks for frames in order, several at once, has none while the script is
loaded, and on a seek lets all requests fail and loads the script anew.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
import vapoursynth as vs
from support import digest, logged, moving_clip

from vsrife.engine import Engine, resolve_device, resolve_precision, shared_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.vpy("unique-core")

ENOUGH_FOR_EVERYONE = (2**31 - 1) // 16
BUFFERED = 4
CONCURRENT = 4
WAIT = 60
RATE = 24


@pytest.fixture(scope="module", autouse=True)
def network() -> Engine:
    """Kept from one test to the next, so that it is prepared once."""
    device = resolve_device("auto")
    return shared_engine("4.26", None, device, resolve_precision("auto", device))


class Player:
    """A film, played from one of its frames on through a script.

    Args:
        film: what there is to play.
        first: the frame at which it starts.
        script: gets `video_in`, gives the output.
    """

    def __init__(self, film: vs.VideoNode, first: int, script: Callable[[vs.VideoNode], vs.VideoNode]) -> None:
        self._frames = [film.get_frame(n) for n in range(first, film.num_frames)]
        self._oldest = 0
        self._shown = threading.Condition()
        self._stopped = False
        self.early: list[int] = []
        self._loading = True
        blank = vs.core.std.BlankClip(film[0], length=ENOUGH_FOR_EVERYONE - 1, keep=True)
        odd = vs.core.std.BlankClip(film[0], length=1, fpsnum=7, keep=True)
        endless = vs.core.std.Splice([odd, blank])
        assert endless.fps == 0
        self._output = script(vs.core.std.ModifyFrame(endless, endless, self._give))
        self._loading = False

    def _give(self, n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        with self._shown:
            if self._loading:
                self.early.append(n)
            if self._stopped or n >= len(self._frames):
                raise EOFError("EOF or filter reset/uninit")
            if n < self._oldest:
                raise LookupError(f"frame {n} requested, but only have frames starting from {self._oldest}")
            self._oldest = max(self._oldest, n - BUFFERED + 1)
            out = f.copy()
            for plane in range(out.format.num_planes):
                np.copyto(np.asarray(out[plane]), np.asarray(self._frames[n][plane]))
            for key, value in self._frames[n].props.items():
                out.props[key] = value
            out.props["_DurationNum"], out.props["_DurationDen"] = round(1e6 / RATE), 1000000
            return out

    def play(self, count: int | None = None) -> Iterator[vs.VideoFrame]:
        """Frames in their order, so many or all to the first that fails; then the requests under way are waited for."""
        number = 0
        asked = [self._output.get_frame_async(n) for n in range(CONCURRENT)]
        while count is None or number < count:
            try:
                frame = asked.pop(0).result(WAIT)
            except vs.Error:
                break
            asked.append(self._output.get_frame_async(number + CONCURRENT))
            yield frame
            frame.close()
            number += 1
        with self._shown:
            self._stopped = True
        for future in asked:
            future.exception(WAIT)


def doubled(video_in: vs.VideoNode) -> vs.VideoNode:
    return vs.core.rife.RIFE(video_in, multi=2)


def to_60(video_in: vs.VideoNode) -> vs.VideoNode:
    return vs.core.rife.RIFE(video_in.std.AssumeFPS(fpsnum=RATE), fps_num=60, fps_den=1)


def pixels(frame: vs.VideoFrame) -> list[bytes]:
    return [np.asarray(frame[plane]).tobytes() for plane in range(3)]


def film(length: int) -> vs.VideoNode:
    return moving_clip(64, 48, length=length, form=vs.YUV420P8)


@pytest.mark.parametrize(("script", "rate"), [(doubled, 2), (to_60, 2.5)])
def test_played_to_the_end(script: Callable[[vs.VideoNode], vs.VideoNode], rate: float) -> None:
    clip = film(7)
    player = Player(clip, 0, script)
    shown = [pixels(frame) for frame in player.play()]
    assert player.early == []
    assert len(shown) == math.floor(6 * rate) + 1  # up to the last source frame, after which there is nothing
    assert shown == [pixels(frame) for frame in script(clip).frames()][: len(shown)]


def test_seeking_starts_the_script_anew() -> None:
    clip = film(12)
    whole = [pixels(frame) for frame in doubled(clip).frames()]
    for first in (0, 7, 3):
        player = Player(clip, first, doubled)
        shown = [pixels(frame) for frame in player.play(3)]
        assert shown == whole[2 * first : 2 * first + 3]


def test_time_goes_on_evenly() -> None:
    clip = film(5)
    durations = [f.props["_DurationNum"] / f.props["_DurationDen"] for f in Player(clip, 0, doubled).play()]
    assert durations == [pytest.approx(round(1e6 / RATE) / 2e6)] * len(durations)


@pytest.mark.parametrize("length", [ENOUGH_FOR_EVERYONE, 1_000_000_000, 2**31 - 1])
@pytest.mark.parametrize(
    ("arguments", "rate"),
    [({"multi": 2}, 2), ({"multi": 60}, 60), ({"multi": 0.5}, 0.5), ({"fps_num": 60, "fps_den": 1}, 2.5)],
)
def test_a_clip_without_end(length: int, arguments: dict[str, float], rate: float) -> None:
    asked: list[int] = []
    blank = vs.core.std.BlankClip(format=vs.GRAY8, width=32, height=32, length=length, fpsnum=RATE, keep=True)

    def noted(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        asked.append(n)
        return f

    clip = vs.core.std.ModifyFrame(blank, blank, noted)
    made: list[vs.VideoNode] = []
    said = logged(lambda: made.append(vs.core.rife.RIFE(clip, **arguments)))
    assert asked == []  # nothing is read to make the filter
    assert not [line for line in said if "durations" in line]
    assert made[0].num_frames == min(math.ceil(length * rate), 2**31 - 1)
    for n in (0, 1, 5):
        assert made[0].get_frame(n).props["RifeLeft"] == math.floor(n / rate)
    assert max(asked) <= math.ceil(5 / rate) + 1
    last = made[0].num_frames - 1
    assert made[0].get_frame(last).props["RifeLeft"] == min(math.floor(last / rate), length - 1)


def test_motion_of_a_clip_without_end() -> None:
    blank = vs.core.std.BlankClip(format=vs.GRAY8, width=32, height=32, length=2**31 - 1, keep=True)
    parts = vs.core.rife.Motion(blank, multi=3)
    assert [part.num_frames for part in parts] == [2**31 - 1] * 5
    assert parts[0].get_frame(3).props["RifeLeft"] == 1
    assert digest(vs.core.rife.At(blank, timestep=0.5).get_frame(2**31 - 2))
