"""What rides on the motion: other clips, maps of times, the motion itself, and what is kept from it."""

from __future__ import annotations

import numpy as np
import pytest
import vapoursynth as vs
from rendered import scene
from support import clip_of, digest, gray_clip, moving_clip, planes, psnr, texture
from tolerances import ROUNDED

pytestmark = pytest.mark.vpy("unique-core")
SIZE = 256, 160


def test_depth_rides_on_the_motion_of_the_picture() -> None:
    frames = [scene(*SIZE, n) for n in range(3)]
    clip = clip_of([rgb for rgb, _ in frames])
    _, depth = vs.core.rife.RIFE(clip, multi=4, extra=[gray_clip([depth for _, depth in frames])])
    for n, t in ((1, 0.25), (2, 0.5), (7, 1.75)):
        truth = scene(*SIZE, t)[1]
        left, right = frames[int(t)][1], frames[int(t) + 1][1]
        blend = left + (right - left) * (t % 1)
        assert psnr(planes(depth.get_frame(n))[0], truth, 1) >= psnr(blend, truth, 1) + 5


def test_a_ramp_of_times_stitches_two_moments() -> None:
    ramp = np.linspace(0, 1, SIZE[0], dtype=np.float32)
    frames = [scene(*SIZE, n)[0] for n in range(3)]
    times = gray_clip([np.tile(ramp, (SIZE[1], 1))])
    stitched = vs.core.rife.At(clip_of(frames), timestep_clip=times)
    assert stitched.num_frames == 3
    for n in (0, 1):
        truth = scene(*SIZE, n + ramp)[0]
        ours = np.stack(planes(stitched.get_frame(n)))
        fade = frames[n] * (1 - ramp) + frames[n + 1] * ramp
        assert psnr(ours, truth, 1) >= psnr(fade, truth, 1) + 5
        assert np.array_equal(ours[:, :, 0], frames[n][:, :, 0])
        assert np.array_equal(ours[:, :, -1], frames[n + 1][:, :, -1])
    assert np.array_equal(np.stack(planes(stitched.get_frame(2))), frames[2])


@pytest.mark.parametrize("form", [vs.YUV420P8, vs.RGBS, vs.YUV422P10, vs.GRAY16])
def test_an_extra_that_is_the_clip_comes_out_as_the_clip(form: int) -> None:
    clip = moving_clip(form=form, length=3)
    made, again = vs.core.rife.RIFE(clip, multi=2.5, extra=clip)
    for n in range(made.num_frames):
        assert digest(made.get_frame(n)) == digest(again.get_frame(n))
    assert [digest(f) for f in made.frames()] == [digest(f) for f in vs.core.rife.RIFE(clip, multi=2.5).frames()]


@pytest.mark.parametrize("size", [(64, 48), (256, 192), (120, 90), (128, 96)])
@pytest.mark.parametrize("form", [vs.YUV420P8, vs.GRAYS])
def test_an_extra_may_have_another_size_and_format(size: tuple[int, int], form: int) -> None:
    clip = moving_clip(length=3, step=(5.0, 2.0))
    kind = {"matrix": 1}
    other = clip.resize.Bicubic(format=form, width=size[0], height=size[1], **kind)
    _, extra = vs.core.rife.RIFE(clip[0] + clip[2], extra=[other[0] + other[2]])
    truth, frame = other.get_frame(1), extra.get_frame(1)
    assert (frame.width, frame.height, frame.format.id) == (*size, form)
    held = other.get_frame(0)
    rim = np.s_[size[1] // 8 : -(size[1] // 8), size[0] // 8 : -(size[0] // 8)]
    top = 1.0 if form == vs.GRAYS else 255.0
    ours, theirs, before = (np.asarray(f[0])[rim] for f in (frame, truth, held))
    assert psnr(ours, theirs, top) > max(31, psnr(before, theirs, top) + 8)


def test_extras_follow_cuts_and_stills_of_the_clip() -> None:
    first, second = texture(128, 96, 0, 0, seed=1), texture(128, 96, 0, 0, seed=2)
    clip = clip_of([first, first, second])
    other = moving_clip(length=3, form=vs.YUV420P8)
    made, extra = vs.core.rife.RIFE(clip, skip=1, extra=[other], sc_clip=marked(clip, 1))
    assert [f.props["RifeMade"] for f in made.frames()] == [0] * 6
    shown = [0, 1, 1, 1, 2, 2]  # a still shows the nearest, at half-way the right one
    for n, k in enumerate(shown):
        for ours, theirs in zip(planes(extra.get_frame(n)), planes(other.get_frame(k)), strict=True):
            assert np.array_equal(ours, theirs)


def marked(clip: vs.VideoNode, before: int) -> vs.VideoNode:
    """The clip with a cut marked after frame `before`, and nowhere else."""
    return vs.core.std.FrameEval(
        clip, lambda n: clip.std.SetFrameProps(_SceneChangeNext=int(n == before)), clip_src=clip
    )


def test_motion_moves_the_pictures_as_the_filter_does() -> None:
    clip = moving_clip(192, 128, length=2, step=(6.0, -4.0))
    *flows, weight = (np.asarray(f.get_frame(1)[0]) for f in vs.core.rife.Motion(clip, picture="published"))
    left, right = (np.stack(planes(clip.get_frame(n))) for n in (0, 1))
    made = weight * warped(left, *flows[:2]) + (1 - weight) * warped(right, *flows[2:])
    assert psnr(made, np.stack(planes(vs.core.rife.RIFE(clip, picture="published").get_frame(1))), 1) > 90


def warped(picture: np.ndarray, across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Backward warp in plain numpy: bilinear, clamped."""
    height, width = across.shape
    y, x = np.mgrid[0:height, 0:width]
    x, y = np.clip(x + across, 0, width - 1), np.clip(y + down, 0, height - 1)
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    x1, y1 = np.minimum(x0 + 1, width - 1), np.minimum(y0 + 1, height - 1)
    fx, fy = x - x0, y - y0
    upper = picture[:, y0, x0] * (1 - fx) + picture[:, y0, x1] * fx
    lower = picture[:, y1, x0] * (1 - fx) + picture[:, y1, x1] * fx
    return upper * (1 - fy) + lower * fy


def test_motion_is_that_of_the_scene() -> None:
    clip = moving_clip(192, 128, length=3, step=(5.0, 2.0), form=vs.YUV420P8)
    parts = vs.core.rife.Motion(clip, multi=2)
    assert len(parts) == 5
    for part in parts:
        assert (part.format.id, part.width, part.height, part.num_frames) == (vs.GRAYS, 192, 128, 6)
        assert part.fps == 2 * clip.fps
    inside = np.s_[24:-24, 24:-24]
    found = [np.median(np.asarray(part.get_frame(1)[0])[inside]) for part in parts[:4]]
    assert np.allclose(found, [2.5, 1.0, -2.5, -1.0], atol=0.5)  # the window moves, so the picture comes from behind
    for n in (2, 4, 5):  # where a source frame is shown nothing moves
        still = [np.asarray(part.get_frame(n)[0]) for part in parts]
        assert not np.any(still[:4])
        assert np.all(still[4] == 1)
    assert "_ChromaLocation" not in parts[0].get_frame(1).props
    in_rgb = vs.core.rife.Motion(clip.resize.Bicubic(format=vs.RGBS))
    assert "_Matrix" not in in_rgb[0].get_frame(1).props  # it would be that of RGB, which GRAY cannot have
    middle = vs.core.rife.Motion(clip, timestep=0.5)
    assert middle[0].num_frames == 3
    assert np.array_equal(np.asarray(middle[2].get_frame(1)[0]), np.asarray(parts[2].get_frame(3)[0]))


def test_motion_at_a_cut_is_none() -> None:
    clip = clip_of([texture(96, 64, 0, 0, seed=1), texture(96, 64, 0, 0, seed=2)])
    parts = vs.core.rife.Motion(clip, multi=4, sc_mode="nearest", sc_clip=marked(clip, 0))
    weights = [float(np.asarray(parts[4].get_frame(n)[0]).mean()) for n in range(4)]
    assert weights == [1, 1, 0, 0]
    assert not np.any(np.asarray(parts[0].get_frame(1)[0]))


def test_a_map_chooses_the_nearest_at_a_cut_for_each_pixel() -> None:
    first, second = texture(96, 64, 0, 0, seed=1), texture(96, 64, 0, 0, seed=2)
    clip = clip_of([first, second])
    times = np.full((64, 96), 0.1, np.float32)
    times[:, 48:] = 0.9
    at = vs.core.rife.At(clip, timestep_clip=gray_clip([times]), sc_mode="nearest", sc_clip=marked(clip, 0))
    made = np.stack(planes(at.get_frame(0)))
    assert np.array_equal(made[:, :, :48], first[:, :, :48])
    assert np.array_equal(made[:, :, 48:], second[:, :, 48:])


def test_at_a_number_is_the_frame_between() -> None:
    clip = moving_clip(length=4, form=vs.YUV420P8)
    at = vs.core.rife.At(clip, timestep=0.25)
    fine = vs.core.rife.RIFE(clip, multi=4)
    assert at.num_frames == 4
    assert at.fps == clip.fps
    for n in range(3):
        for ours, theirs in zip(planes(at.get_frame(n)), planes(fine.get_frame(4 * n + 1)), strict=True):
            assert np.array_equal(ours, theirs)
    for t, shift in ((0, 0), (1, 1)):
        ends = vs.core.rife.At(clip, timestep=t)
        for n in range(4):
            expected = clip.get_frame(min(n + shift, 3))
            assert all(np.array_equal(a, b) for a, b in zip(planes(ends.get_frame(n)), planes(expected), strict=True))


@pytest.mark.parametrize("ensemble", [0, 2, 8])
def test_an_even_map_is_a_number(ensemble: int) -> None:
    clip = moving_clip(131, 97, length=2, form=vs.YUV444P8)
    times = vs.core.std.BlankClip(format=vs.GRAYS, width=131, height=97, length=1, color=0.25)
    by_map = vs.core.rife.At(clip, timestep_clip=times, ensemble=ensemble, precision="fp32").get_frame(0)
    by_number = vs.core.rife.At(clip, timestep=0.25, ensemble=ensemble, precision="fp32").get_frame(0)
    for ours, theirs in zip(planes(by_map), planes(by_number), strict=True):
        assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 1


@pytest.mark.parametrize("form", [vs.YUV420P8, vs.RGBS, vs.YUV410P8])
def test_what_is_protected_is_the_left_frame(form: int) -> None:
    clip = moving_clip(length=2, form=form)
    mask = np.zeros((96, 128), np.float32)
    mask[30:51, 40:71] = 1
    made = vs.core.rife.RIFE(clip, protect=gray_clip([mask])).get_frame(1)
    plain = vs.core.rife.RIFE(clip).get_frame(1)
    left = clip.get_frame(0)
    for plane in range(3):
        ours, theirs, kept = (np.asarray(f[plane]) for f in (made, plain, left))
        step_y, step_x = 96 // ours.shape[0], 128 // ours.shape[1]
        covered = mask.reshape(ours.shape[0], step_y, ours.shape[1], step_x).max((1, 3)) == 1
        assert np.array_equal(ours[covered], kept[covered])
        assert np.array_equal(ours[~covered], theirs[~covered])
        assert not np.array_equal(theirs[covered], kept[covered])


def test_a_mask_of_either_frame_protects_and_greys_mix() -> None:
    clip = moving_clip(length=2, form=vs.GRAYS)
    first, second = np.zeros((2, 96, 128), np.float32)
    first[10:20], second[40:50, :] = 1, 0.5
    made = planes(vs.core.rife.RIFE(clip, protect=gray_clip([first, second])).get_frame(1))[0]
    plain, left = planes(vs.core.rife.RIFE(clip).get_frame(1))[0], planes(clip.get_frame(0))[0]
    assert np.array_equal(made[10:20], left[10:20])
    assert np.allclose(made[40:50], (plain[40:50] + left[40:50]) / 2, atol=ROUNDED)


WRONG = [
    ("RIFE", lambda c: {"extra": [c[:2]]}, r"RIFE: extra\[0\] must have as many frames as the clip, 4, got 2"),
    ("RIFE", lambda c: {"sc_clip": c + c}, "RIFE: sc_clip must have as many frames as the clip, 4, got 8"),
    ("RIFE", lambda c: {"protect": c}, "RIFE: protect must be GRAY, got YUV420P8"),
    (
        "RIFE",
        lambda c: {"protect": c.resize.Bicubic(format=vs.GRAY8, width=64)},
        "RIFE: protect must have the clip's size, 128x96, got 64x96",
    ),
    (
        "RIFE",
        lambda c: {"protect": c.resize.Bicubic(format=vs.GRAY8)[:2]},
        "RIFE: protect must have as many frames as the clip, 4, or 1, got 2",
    ),
    (
        "RIFE",
        lambda c: {"extra": [c, vs.core.std.BlankClip(c, format=vs.GRAY32)]},
        r"RIFE: extra\[1\] must have at most 16 bits a sample or be float, got Gray32",
    ),
    ("At", lambda c: {}, "At: timestep must be a number from 0 to 1, or timestep_clip a clip, got neither"),
    ("At", lambda c: {"timestep": 1.5}, "At: timestep must be 0 to 1, got 1.5"),
    (
        "At",
        lambda c: {"timestep_clip": c.resize.Bicubic(format=vs.GRAY8)},
        "At: timestep_clip must be GRAYS, got Gray8",
    ),
    ("At", lambda c: {"timestep": 0.5, "timestep_clip": c}, "At: timestep and timestep_clip must not both be given"),
    ("Motion", lambda c: {"timestep": 0.5, "multi": 3}, "Motion: timestep must be the only timing, got multi too"),
    ("Motion", lambda c: {"scale": 3}, "Motion: scale must be 0.25, 0.5, 1, 2 or 4, got 3"),
]


@pytest.mark.parametrize(("function", "arguments", "message"), WRONG, ids=lambda x: x if isinstance(x, str) else "")
def test_companions_that_do_not_fit(function: str, arguments: object, message: str) -> None:
    clip = moving_clip(length=4, form=vs.YUV420P8)
    with pytest.raises(vs.Error, match=f"^{message}"):
        getattr(vs.core.rife, function)(clip, **arguments(clip))


def test_python_twins() -> None:
    from vsrife import at, estimate_motion

    clip = moving_clip(length=2)
    assert digest(at(clip, 0.5).get_frame(0)) == digest(vs.core.rife.At(clip, timestep=0.5).get_frame(0))
    times = vs.core.std.BlankClip(format=vs.GRAYS, width=128, height=96, length=1, color=0.5)
    expected = digest(vs.core.rife.At(clip, timestep_clip=times).get_frame(0))
    assert digest(at(clip, times).get_frame(0)) == expected
    assert len(estimate_motion(clip)) == 5
