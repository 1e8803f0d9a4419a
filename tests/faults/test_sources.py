"""Sources that fail, lie or change in the middle: what needs the bad frame says so, every other frame is right."""

from __future__ import annotations

import random

import numpy as np
import pytest
import vapoursynth as vs
from support import digest, moving_clip, planes

pytestmark = [pytest.mark.vpy("unique-core"), pytest.mark.timeout(120)]
LENGTH, BAD = 6, 3


def film(form: int = vs.YUV420P8) -> vs.VideoNode:
    return moving_clip(48, 32, length=LENGTH, form=form)


def raising(clip: vs.VideoNode, bad: int = BAD) -> vs.VideoNode:
    """The clip, of which one frame cannot be had."""

    def fetch(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        if n == bad:
            raise ValueError(f"frame {n} is damaged\nsecond line")
        return f

    return clip.std.ModifyFrame(clip, fetch)


def swapping(clip: vs.VideoNode, other: vs.VideoNode, bad: int = BAD) -> vs.VideoNode:
    """A clip that hands out a frame of another kind than it has announced."""
    return vs.core.std.FrameEval(clip, lambda n: other if n == bad else clip, clip_src=[clip, other])


def outcomes(node: vs.VideoNode, order: list[int]) -> dict[int, str]:
    """Each frame's hash, or what was said instead; all asked for at once."""
    pending = [(n, node.get_frame_async(n)) for n in order]
    found: dict[int, str] = {}
    for n, future in pending:
        try:
            with future.result(timeout=60) as frame:
                got = digest(frame)
        except vs.Error as error:
            got = f"error: {error}"
        assert found.setdefault(n, got) == got or got.startswith("error: ") == found[n].startswith("error: ")
    return found


def needs(n: int, bad: int = BAD) -> bool:
    """Whether frame n of a doubled clip is made from source frame `bad`."""
    return n in (2 * bad - 1, 2 * bad, 2 * bad + 1)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("arguments", [{"sc": 0}, {"sc": 1}, {"sc": 0, "scale": 0.5}], ids=str)
def test_a_frame_that_fails(arguments: dict[str, float], seed: int, tiny: str) -> None:
    arguments = {**arguments, "model_path": tiny}
    right = [digest(frame) for frame in vs.core.rife.RIFE(film(), multi=2, **arguments).frames()]
    order = [*range(2 * LENGTH)] * 2
    random.Random(seed).shuffle(order)
    found = outcomes(vs.core.rife.RIFE(raising(film()), multi=2, **arguments), order)
    for n, got in found.items():
        if needs(n):
            assert f"frame {BAD} is damaged" in got, (n, got)
        elif got != right[n]:
            # the cut detector looks at the neighbours of a pair too, and may need the frame for it
            assert arguments["sc"], (n, got)
            assert f"frame {BAD} is damaged" in got, (n, got)


@pytest.mark.parametrize("function", ["Motion", "At"])
def test_a_frame_that_fails_elsewhere(function: str, tiny: str) -> None:
    def make(clip: vs.VideoNode) -> vs.VideoNode:
        made = getattr(vs.core.rife, function)(clip, timestep=0.5, sc=0, model_path=tiny)
        return made[0] if isinstance(made, list) else made

    right = [digest(frame) for frame in make(film()).frames()]
    found = outcomes(make(raising(film())), [5, 0, 3, 2, 4, 1, 0])
    assert {n for n, got in found.items() if got.startswith("error: ")} == {BAD - 1, BAD}
    assert all(got == right[n] for n, got in found.items() if not got.startswith("error: "))
    assert all(f"frame {BAD} is damaged" in got for got in found.values() if got.startswith("error: "))


@pytest.mark.parametrize("role", ["extra", "protect", "sc_clip"])
def test_a_companion_that_fails(role: str, tiny: str) -> None:
    gray = vs.core.std.BlankClip(format=vs.GRAY8, width=48, height=32, length=LENGTH, color=40)
    gray = gray.std.SetFrameProps(_SceneChangeNext=0)
    clip = {"extra": film(vs.GRAY16), "protect": gray, "sc_clip": gray}[role]
    given = [raising(clip)] if role == "extra" else raising(clip)
    made = vs.core.rife.RIFE(film(), multi=2, model_path=tiny, **{role: given})
    node = made[1] if isinstance(made, list) else made
    found = outcomes(node, [*range(2 * LENGTH)][::-1])
    bad = {n for n, got in found.items() if got.startswith("error: ")}
    assert 2 * BAD + 1 in bad
    assert not bad & {0, 1, 2, 3}
    assert all(f"frame {BAD} is damaged" in found[n] for n in bad)


@pytest.mark.parametrize(
    "change",
    [{"width": 64}, {"height": 48}, {"format": vs.YUV444P8}, {"format": vs.YUV420P10}, {"format": vs.GRAY8}],
    ids=str,
)
def test_a_source_that_lies_about_its_frames(change: dict[str, int], tiny: str) -> None:
    clip = film()
    other = vs.core.std.BlankClip(clip, keep=True, **change)
    lying = swapping(clip, other)
    right = [digest(frame) for frame in vs.core.rife.RIFE(clip, multi=2, sc=0, model_path=tiny).frames()]
    found = outcomes(vs.core.rife.RIFE(lying, multi=2, sc=0, model_path=tiny), [*range(2 * LENGTH)] * 2)
    for n, got in found.items():
        if needs(n):
            assert got.startswith("error: "), (n, got)
            assert got.isprintable()
        else:
            assert got == right[n], n


@pytest.mark.parametrize("change", [{"width": 64}, {"format": vs.YUV444P8}], ids=str)
def test_variable_clips_are_refused(change: dict[str, int]) -> None:
    clip = film()
    variable = vs.core.std.Splice([clip, vs.core.std.BlankClip(clip, **change)], mismatch=True)
    for function, rest in (("RIFE", {}), ("Motion", {}), ("At", {"timestep": 0.5})):
        with pytest.raises(vs.Error, match=rf"^{function}: clip must have one format and size throughout"):
            getattr(vs.core.rife, function)(variable, **rest)
    with pytest.raises(vs.Error, match=r"^RIFE: extra\[0\] must have one format and size throughout"):
        vs.core.rife.RIFE(variable.std.BlankClip(width=48, height=32, format=vs.GRAY8), extra=[variable])


@pytest.mark.parametrize("form", [vs.RGBS, vs.GRAYH, vs.YUV444PS])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_neither_hangs_nor_spreads_in_time(form: int, value: float, tiny: str) -> None:
    clip = film(form)

    def spoil(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        if n == BAD:
            np.asarray(out[0])[...] = value
        return out

    right = [digest(frame) for frame in vs.core.rife.RIFE(clip, multi=2, sc=0, model_path=tiny).frames()]
    spoilt = vs.core.rife.RIFE(clip.std.ModifyFrame(clip, spoil), multi=2, sc=0, model_path=tiny)
    for n in range(2 * LENGTH):
        frame = spoilt.get_frame(n)
        if not needs(n):
            assert digest(frame) == right[n]
        elif n == 2 * BAD:
            assert not np.isfinite(planes(frame)[0]).any()  # a source frame is shown as it is
