"""Marks of scene changes in a clip and the built-in detector: which of them decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import vapoursynth as vs
from support import clip_of, texture

from vsrife.engine.interpolator import Interpolator

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.vpy("unique-core")
SHOTS = (5, 4, 6)


@pytest.fixture
def detected(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The pairs that the detector judges."""
    pairs: list[tuple[int, int]] = []
    judge, render = Interpolator.cut_score, Interpolator.render_unless_cut

    def watched(self: Interpolator, left: Any, right: Any) -> float:
        pairs.append((left.number, right.number))
        return judge(self, left, right)

    def rendered(self: Interpolator, task: Any, *others: Any) -> float:
        pairs.append((task.left.number, task.right.number))
        return render(self, task, *others)

    monkeypatch.setattr(Interpolator, "cut_score", watched)
    monkeypatch.setattr(Interpolator, "render_unless_cut", rendered)
    return pairs


def with_props(clip: vs.VideoNode, props: Callable[[int], dict[str, Any]]) -> vs.VideoNode:
    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        out.props.update(props(n))
        return out

    return vs.core.std.ModifyFrame(clip, clip, fill)


def film(seed: int = 1) -> vs.VideoNode:
    """Three shots with slow motion, with times as a source filter sets them."""
    clip = clip_of([texture(96, 64, n, 0, seed + shot) for shot, length in enumerate(SHOTS) for n in range(length)])
    return with_props(clip, lambda n: {"_AbsoluteTime": n / 24})


def detected_by_plane_stats(clip: vs.VideoNode) -> vs.VideoNode:
    """As `misc.SCDetect` does: the first frame has its later mark on both sides, and the last one says 0."""
    after = [f.props["PlaneStatsDiff"] for f in clip.std.PlaneStats(clip[1:]).frames()]
    marks = [int(change > 0.1) for change in after]
    return with_props(clip, lambda n: {"_SceneChangePrev": marks[max(n - 1, 0)], "_SceneChangeNext": marks[n]})


def first_frames(clip: vs.VideoNode) -> vs.VideoNode:
    firsts = {SHOTS[0], SHOTS[0] + SHOTS[1]}
    return with_props(clip, lambda n: {"_SceneChangePrev": int(n in firsts)})


def cuts(clip: vs.VideoNode, **arguments: Any) -> list[int]:
    """The source frames after which nothing is interpolated because of a cut."""
    return [f.props["RifeLeft"] for f in vs.core.rife.RIFE(clip, **arguments).frames() if f.props["RifeCut"]]


def test_marks_on_both_sides_cost_no_detector(detected: list[tuple[int, int]]) -> None:
    assert cuts(detected_by_plane_stats(film())) == [4, 8]
    assert detected == []


def test_a_mark_on_the_first_frame_of_a_shot_is_enough(detected: list[tuple[int, int]]) -> None:
    assert cuts(first_frames(film())) == [4, 8]
    assert not {(4, 5), (8, 9)} & set(detected)
    same = film()[:8]  # marked where the detector finds none
    assert cuts(with_props(same, lambda n: {"_SceneChangePrev": 1} if n == 3 else {}) + film(4)[:5]) == [2, 4, 7]


@pytest.mark.parametrize("mark", [detected_by_plane_stats, first_frames])
def test_stale_marks_hide_no_cut(mark: Callable[[vs.VideoNode], vs.VideoNode]) -> None:
    one, other = mark(film()), mark(film(11))
    assert set(cuts(one.std.Reverse())) >= {5, 9}
    assert cuts(one[:7] + other[2:8]) == [4, 6, 9]
    assert cuts(one[:3] + one[10:]) == [2]
    assert cuts(one[1:4] + film(11)[1:5]) == [2]
    assert cuts(one[::2]) == cuts(film()[::2])


def test_a_reversed_clip_has_its_cuts_and_with_times_no_others() -> None:
    reversed_ = detected_by_plane_stats(film()).std.Reverse()
    assert cuts(reversed_) == cuts(film().std.Reverse()) == [5, 9]
    assert cuts(reversed_.std.RemoveFrameProps("_AbsoluteTime")) == [4, 5, 6, 8, 9, 10]


def test_a_cut_that_a_detector_missed_is_added_by_one_mark() -> None:
    marked = detected_by_plane_stats(film())
    assert cuts(with_props(marked, lambda n: {"_SceneChangePrev": 1} if n == 2 else {})) == [1, 4, 8]
    assert cuts(with_props(marked, lambda n: {"_SceneChangeNext": 1} if n == 2 else {})) == [2, 4, 8]


def test_a_threshold_counts_where_marks_leave_it_open() -> None:
    open_ = with_props(film()[:6], lambda n: {"_SceneChangePrev": 0} if n % 2 else {})
    assert cuts(open_) == cuts(open_, sc_threshold=0.15) == [4]
    assert cuts(open_, sc_threshold=0) == [0, 1, 2, 3, 4]
    assert cuts(open_, sc=0) == []


def test_marks_of_another_clip_are_read_alike() -> None:
    clip = film()
    plain = clip.std.BlankClip(keep=True)
    both = with_props(plain, lambda n: {"_SceneChangePrev": int(n == 3), "_SceneChangeNext": int(n == 2)})
    assert cuts(clip, sc_clip=both) == [2]
    one_side = with_props(plain, lambda n: {"_SceneChangePrev": int(n == 3)})
    assert cuts(clip, sc_clip=one_side) == [2, 4, 8]
    with pytest.raises(vs.Error, match="sc_clip must have _SceneChangeNext or _SceneChangePrev, frames 0 and 1 have"):
        vs.core.rife.RIFE(clip, sc_clip=plain).get_frame(1)
    assert vs.core.rife.RIFE(clip, sc_clip=plain, sc=0).get_frame(1).props["RifeCut"] == 0


MARKS: dict[str, Callable[[int, int], dict[str, int]]] = {
    "both sides": lambda n, cut: {"_SceneChangePrev": int(n == cut), "_SceneChangeNext": int(n + 1 == cut)},
    "first frame": lambda n, cut: {"_SceneChangePrev": 1} if n == cut else {},
    "last frame": lambda n, cut: {"_SceneChangeNext": 1} if n + 1 == cut else {},
}


@pytest.mark.parametrize("marks", [*MARKS, "another clip"])
@pytest.mark.parametrize("cut", [1, 2, 3, 4])
def test_no_run_of_repeats_goes_across_a_marked_cut(marks: str, cut: int) -> None:
    """Frames 1 to 3 repeat, and a mark may stand before, within and after them."""
    clip = clip_of([texture(96, 64, 4 * place, 0) for place in (0, 1, 1, 1, 2, 3)])
    mark = MARKS.get(marks, MARKS["both sides"])
    marked = with_props(clip, lambda n: mark(n, cut))
    arguments = {"dedup": 1, "sc_clip": marked} if marks == "another clip" else {"dedup": 1}
    clip = clip if marks == "another clip" else marked
    frames = list(vs.core.rife.RIFE(clip, **arguments).frames())
    pairs = {(f.props["RifeLeft"], f.props["RifeRight"], f.props["RifeCut"]) for f in frames[:-2]}
    assert {pair for pair in pairs if pair[0] < cut <= pair[1]} == {(0 if cut == 1 else 1, cut, 1)}
    assert frames[2 * cut - 1].props["RifeMade"] == 0
    unmarked = {(f.props["RifeLeft"], f.props["RifeRight"]) for f in vs.core.rife.RIFE(clip, dedup=1, sc=0).frames()}
    assert (1, 4) in unmarked
