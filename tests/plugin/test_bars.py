"""Black bars: a frame is that of the cropped clip within the source's own bars, whatever rides along."""

from __future__ import annotations

import numpy as np
import pytest
import vapoursynth as vs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import clip_of, converted, gray_clip, moving_clip, planes, psnr, texture

pytestmark = pytest.mark.vpy("unique-core")
Sides = dict[str, int]
LETTERBOX = {"top": 12, "bottom": 16}
PILLARBOX = {"left": 20, "right": 8}
BLACK = {vs.YUV420P8: [16, 128, 128], vs.YUV420P10: [64, 512, 512], vs.RGB24: [0] * 3, vs.GRAYS: [0], vs.RGBH: [0] * 3}


def barred(clip: vs.VideoNode, sides: Sides) -> vs.VideoNode:
    return clip.std.AddBorders(**sides, color=BLACK.get(clip.format.id, 0))


def assert_same(made: vs.VideoNode, wanted: vs.VideoNode) -> None:
    for ours, theirs in zip(made.frames(), wanted.frames(), strict=True):
        for plane, (a, b) in enumerate(zip(planes(ours), planes(theirs), strict=True)):
            assert np.array_equal(a, b), plane


@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(
    form=st.sampled_from(sorted(BLACK)),
    sides=st.sampled_from([LETTERBOX, PILLARBOX, LETTERBOX | PILLARBOX, {"bottom": 2}]),
    arguments=st.sampled_from(
        [{"multi": 2.5}, {"picture": "published"}, {"estimates": "pair"}, {"ensemble": 2}, {"device": "cpu,cpu"}]
    ),
)
def test_a_frame_is_that_of_the_cropped_clip(form: int, sides: Sides, arguments: dict[str, object]) -> None:
    clip = moving_clip(96, 64, length=3, form=form)
    made = vs.core.rife.RIFE(barred(clip, sides), **arguments)
    assert_same(made, barred(vs.core.rife.RIFE(clip, **arguments), sides))


def test_bars_0_leaves_them_to_the_network() -> None:
    """Without the argument the bars bleed, as a picture that moves across them is nothing a network can see."""
    clip = barred(moving_clip(96, 64, length=2, step=(0.0, 6.0), form=vs.YUV420P8), LETTERBOX)
    kept, blurred = (np.asarray(vs.core.rife.RIFE(clip, bars=bars).get_frame(1)[0]).astype(int) for bars in (1, 0))
    rows = np.r_[0:12, 76:92]
    assert np.all(kept[rows] == 16)
    assert np.abs(blurred[rows] - 16).max() > 4


def test_what_rides_on_the_motion_is_cropped_with_it() -> None:
    clip = moving_clip(96, 64, length=3, form=vs.YUV420P8)
    companions = [moving_clip(width, height, length=3, form=vs.GRAY16) for width, height in ((96, 64), (48, 32))]
    mask = np.zeros((64, 96), np.float32)
    mask[8:40, 10:30] = 1
    alpha = moving_clip(96, 64, length=3, form=vs.GRAY8)
    sides = {"top": 12, "bottom": 16, "left": 20, "right": 8}
    half = {side: rows // 2 for side, rows in sides.items()}

    def outputs(bars: bool) -> list[vs.VideoNode]:
        def within(node: vs.VideoNode, around: Sides = sides) -> vs.VideoNode:
            return barred(node, around) if bars else node

        source = within(clip).std.ClipToProp(within(alpha), prop="_Alpha")
        extra = [within(companions[0]), within(companions[1], half)]
        return vs.core.rife.RIFE(source, extra=extra, protect=within(gray_clip([mask])))

    made, wanted = outputs(True), outputs(False)
    for node, other, around in zip(made, wanted, (sides, sides, half), strict=True):
        assert_same(node, barred(other, around))
    alphas = [node.std.PropToClip(prop="_Alpha") for node in (made[0], wanted[0])]
    assert_same(alphas[0], barred(alphas[1], sides))


def test_a_companion_is_blended_by_time_where_the_clip_has_bars() -> None:
    clip = barred(moving_clip(96, 64, length=2, form=vs.YUV420P8), LETTERBOX)
    rows = [np.full((92, 96), value, np.float32) for value in (0.2, 0.6)]
    _, extra = vs.core.rife.RIFE(clip, multi=4, extra=[gray_clip(rows)])
    assert np.allclose(np.asarray(extra.get_frame(1)[0])[:12], 0.3)


def test_each_pixel_may_have_its_own_time() -> None:
    clip = moving_clip(96, 64, length=2, form=vs.YUV420P8)
    times = np.tile(np.linspace(0, 1, 116, dtype=np.float32), (92, 1))
    sides = {**LETTERBOX, "left": 20}
    made = vs.core.rife.At(barred(clip, sides), timestep_clip=gray_clip([times]))
    wanted = vs.core.rife.At(clip, timestep_clip=gray_clip([times[12:-16, 20:]]))
    assert_same(made, barred(wanted, sides))


def test_nothing_moves_in_bars() -> None:
    clip = moving_clip(96, 64, length=2, step=(6.0, 2.0), form=vs.YUV420P8)
    made, wanted = (vs.core.rife.Motion(node, timestep=0.5) for node in (barred(clip, LETTERBOX), clip))
    for part, inner in zip(made, wanted, strict=True):
        found = np.asarray(part.get_frame(0)[0])
        assert np.array_equal(found[12:-16], np.asarray(inner.get_frame(0)[0]))
        assert np.all(found[:12] == (part is made[4]))
        assert np.all(found[-16:] == (part is made[4]))


def test_noisy_bars_are_the_left_frames() -> None:
    rng = np.random.default_rng(3)
    pictures = [texture(96, 92, 4.0 * n, 0) for n in range(2)]
    for picture in pictures:
        picture[:, :12] = rng.integers(15, 18, (3, 12, 96)) / 255
    clip = clip_of(pictures)
    made = np.stack(planes(vs.core.rife.RIFE(clip).get_frame(1)))
    assert np.array_equal(made[:, :12], pictures[0][:, :12])
    assert psnr(made[:, 12:], texture(96, 92, 2.0, 0)[:, 12:], 1) > 30


def test_cuts_and_repeats_are_those_of_the_cropped_clip() -> None:
    shots = [(1, 0), (1, 0), (1, 4), (2, 4), (2, 8)]
    clip = converted(clip_of([texture(96, 64, shift, 0, seed) for seed, shift in shots]), vs.YUV420P8)
    for arguments in ({"sc_mode": "blend"}, {"dedup": 1}, {"skip": 1, "sc_mode": "nearest"}, {"show": "flow"}):
        made = vs.core.rife.RIFE(barred(clip, LETTERBOX), **arguments)
        wanted = vs.core.rife.RIFE(clip, **arguments)
        for ours, theirs in zip(made.frames(), wanted.frames(), strict=True):
            assert dict(ours.props) == dict(theirs.props)
        assert any(frame.props["RifeCut"] for frame in made.frames())
        if "show" not in arguments:
            assert_same(made, barred(wanted, LETTERBOX))


def test_a_change_of_bars_within_a_clip() -> None:
    """Each pair has its own: 14 + 14 rows, none, 12 + 16 rows."""
    parts = [{"top": 14, "bottom": 14}, {}, LETTERBOX]
    clips = [moving_clip(96, 92 - sum(sides.values()), length=2, form=vs.YUV420P8) for sides in parts]
    pairs = [barred(clip, sides) if sides else clip for clip, sides in zip(clips, parts, strict=True)]
    made = vs.core.rife.RIFE(vs.core.std.Splice(pairs))
    for index, (clip, sides) in enumerate(zip(clips, parts, strict=True)):
        wanted = vs.core.rife.RIFE(clip)
        assert_same(made[4 * index + 1], barred(wanted, sides)[1] if sides else wanted[1])


@pytest.mark.parametrize("shutter", [None, 180])
def test_a_companion_of_coarser_chroma_is_written_whole(shutter: int | None) -> None:
    """Bars of odd rows and columns leave half a chroma sample at the picture's edge."""
    sides = {"top": 13, "bottom": 14, "left": 9, "right": 12}
    clip = barred(moving_clip(99, 69, length=3, form=vs.RGB24), sides)
    chroma = clip.resize.Bicubic(format=vs.YUV420P8, matrix=6)
    made = vs.core.rife.RIFE(clip, extra=[chroma], shutter=shutter)
    wanted = made[0].resize.Bicubic(format=vs.YUV420P8, matrix=6)
    for got, expected in zip(made[1].frames(), wanted.frames(), strict=True):
        for plane, other in zip(planes(got), planes(expected), strict=True):
            assert np.abs(plane.astype(int) - other).max() < 12
            assert psnr(plane, other, 255) > 45
