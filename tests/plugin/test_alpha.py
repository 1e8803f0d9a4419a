"""Alpha, which frames carry as the property `_Alpha`: warped with the clip's motion."""

from __future__ import annotations

import numpy as np
import pytest
import vapoursynth as vs
from support import clip_of, gray_clip, logged, planes, psnr, texture
from tolerances import ROUNDED

pytestmark = pytest.mark.vpy("unique-core")
WIDTH, HEIGHT = 128, 96
STEP = 8.0


def shape(n: float) -> np.ndarray:
    """Alpha that moves with the picture: H×W, 0..1."""
    return np.clip((texture(WIDTH, HEIGHT, STEP * n, 0.0, seed=5)[0] - 0.5) * 4 + 0.5, 0, 1)


def with_alpha(clip: vs.VideoNode, alpha: vs.VideoNode) -> vs.VideoNode:
    return vs.core.std.ClipToProp(clip, alpha, prop="_Alpha")


def picture() -> vs.VideoNode:
    return clip_of([texture(WIDTH, HEIGHT, STEP * n, 0.0) for n in range(4)])


@pytest.mark.parametrize("form", [vs.GRAY8, vs.GRAY16, vs.GRAYS])
def test_alpha_moves_with_the_picture(form: int) -> None:
    alpha = gray_clip([shape(n) for n in range(4)]).resize.Point(format=form, range=vs.RANGE_FULL)
    made = vs.core.rife.RIFE(with_alpha(picture(), alpha), multi=2, sc=0)
    peak = 1 if form == vs.GRAYS else (1 << alpha.format.bits_per_sample) - 1
    inside = np.s_[12:-12, 12:-12]
    for n in (1, 3):
        frame = made.get_frame(n)
        carried = frame.props["_Alpha"]
        assert (carried.format.id, carried.width, carried.height) == (form, WIDTH, HEIGHT)
        moved = planes(carried)[0].astype(np.float64) / peak
        blend = (shape(n // 2) + shape(n // 2 + 1)) / 2
        assert psnr(moved[inside], shape(n / 2)[inside], 1) > psnr(blend[inside], shape(n / 2)[inside], 1) + 8
    for n in (0, 2, 6, 7):  # source frames and the tail have their own
        assert np.array_equal(planes(made.get_frame(n).props["_Alpha"])[0], planes(alpha.get_frame(min(n // 2, 3)))[0])


def test_alpha_is_what_a_companion_clip_would_be() -> None:
    clip, alpha = picture(), gray_clip([shape(n) for n in range(4)])
    made = vs.core.rife.RIFE(with_alpha(clip, alpha), multi=3)
    plain, companion = vs.core.rife.RIFE(clip, multi=3, extra=[alpha])
    for n in range(12):
        frame = made.get_frame(n)
        assert np.array_equal(planes(frame.props["_Alpha"])[0], planes(companion.get_frame(n))[0])
        assert all(map(np.array_equal, planes(frame), planes(plain.get_frame(n))))


def test_alpha_stays_at_a_cut_and_is_blended_where_the_picture_is() -> None:
    clip = picture().std.SetFrameProps(_SceneChangePrev=1, _SceneChangeNext=1)
    alpha = gray_clip([shape(n) for n in range(4)])
    held = vs.core.rife.RIFE(with_alpha(clip, alpha)).get_frame(1)
    assert np.array_equal(planes(held.props["_Alpha"])[0], shape(0))
    blended = vs.core.rife.RIFE(with_alpha(clip, alpha), sc_mode="blend").get_frame(1)
    assert np.allclose(planes(blended.props["_Alpha"])[0], (shape(0) + shape(1)) / 2, atol=ROUNDED)


def test_companions_have_alpha_too_and_motion_has_none() -> None:
    clip, alpha = picture(), gray_clip([shape(n) for n in range(4)])
    _, companion = vs.core.rife.RIFE(clip, extra=[with_alpha(clip, alpha)])
    own = vs.core.rife.RIFE(with_alpha(clip, alpha))
    assert np.array_equal(*(planes(each.get_frame(1).props["_Alpha"])[0] for each in (companion, own)))
    assert "_Alpha" not in vs.core.rife.Motion(with_alpha(clip, alpha))[0].get_frame(1).props


def test_an_alpha_that_one_frame_lacks_is_that_of_the_left_one() -> None:
    clip, alpha = picture(), gray_clip([shape(n) for n in range(4)])
    first = with_alpha(clip, alpha)[:1] + clip[1:]
    frame = vs.core.rife.RIFE(first).get_frame(1)
    assert np.array_equal(planes(frame.props["_Alpha"])[0], shape(0))
    other = with_alpha(clip, alpha.resize.Point(64, 48))[:1] + with_alpha(clip, alpha)[1:]
    assert vs.core.rife.RIFE(other).get_frame(1).props["_Alpha"].width == 64


def test_motion_is_estimated_once_for_both(monkeypatch: pytest.MonkeyPatch) -> None:
    from vsrife.engine.kernel_estimator import KernelEstimator

    runs: list[object] = []
    estimate = KernelEstimator.estimate
    monkeypatch.setattr(
        KernelEstimator, "estimate", lambda *given, **named: runs.append(None) or estimate(*given, **named)
    )
    clip, alpha = picture(), gray_clip([shape(n) for n in range(4)])
    made = vs.core.rife.RIFE(with_alpha(clip, alpha), device="cpu", precision="fp32")
    lines = logged(lambda: [made.get_frame(n).close() for n in (1, 3)])
    assert not [line for line in lines if "slower" in line]
    assert len(runs) == 2
