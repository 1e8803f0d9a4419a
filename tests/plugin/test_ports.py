"""Scripts written for the ncnn plugin and for vsrife, with their own argument names."""

from __future__ import annotations

import numpy as np
import pytest
import vapoursynth as vs
from support import digest, logged, moving_clip

from vsrife import at, estimate_motion, rife

pytestmark = pytest.mark.vpy("unique-core")


def frame(clip: vs.VideoNode, **arguments: object) -> str:
    return digest(vs.core.rife.RIFE(clip, **arguments).get_frame(1))


def test_a_script_for_the_ncnn_plugin_runs() -> None:
    clip = moving_clip(64, 64, length=3)
    said = logged(
        lambda: vs.core.rife.RIFE(
            clip, model=72, factor_num=2, factor_den=1, gpu_id=0, gpu_thread=2, tta=False, uhd=False, sc=True,
            skip=False, skip_threshold=60.0, list_gpu=False,
        ).get_frame(1)
    )  # fmt: skip
    assert said[0] == "RIFE: gpu_thread has no effect: the device runs as many frames at once as are fastest"
    assert sum("gpu_thread" in line for line in said) == 1


def test_arguments_by_position_are_the_ncnn_plugins() -> None:
    clip = moving_clip(64, 64, length=3)
    made = vs.core.rife.RIFE(clip, 72, 5, 2)
    assert (made.num_frames, made.fps) == (8, 60)
    named = vs.core.rife.RIFE(clip, model="4.26", factor_num=5, factor_den=2)
    assert digest(made.get_frame(1)) == digest(named.get_frame(1))
    # a script that means a factor learns what to write
    with pytest.raises(vs.Error, match=r"^RIFE: model 2 is .*, which this package does not have; for 2 times as many"):
        vs.core.rife.RIFE(clip, 2)


def test_the_ncnn_plugins_arguments_mean_what_they_meant() -> None:
    clip = moving_clip(64, 64, length=2)
    assert frame(clip, tta=1) == frame(clip, ensemble=8) != frame(clip)
    assert frame(clip, uhd=1) == frame(clip, scale=0.5) != frame(clip)
    assert frame(clip, gpu_id=-1) == frame(clip, device="cpu")
    assert frame(clip, tta=1, ensemble=2) == frame(clip, ensemble=2)
    with pytest.raises(vs.Error, match=r"^RIFE: gpu_id must be -1 to 9999, got -2$"):
        vs.core.rife.RIFE(clip, gpu_id=-2)


def test_a_card_that_is_not_here_is_said() -> None:
    clip = moving_clip(64, 64, length=2)
    said = logged(lambda: frame(clip, gpu_id=7))
    assert [line for line in said if "gpu_id" in line] == [
        "RIFE: gpu_id=7 is not a CUDA device here, device=auto is used"
    ]


def test_list_gpu_writes_on_the_picture_and_does_nothing_else() -> None:
    clip = vs.core.std.BlankClip(width=640, height=128, length=3, keep=True)
    listed = vs.core.rife.RIFE(clip, list_gpu=1)
    assert listed.num_frames == 3
    small = vs.core.std.BlankClip(width=32, height=32, length=1, keep=True)
    said = logged(lambda: vs.core.rife.RIFE(small, list_gpu=1).get_frame(0))
    assert said[-1].startswith("RIFE: devices: cpu: ")
    assert digest(listed.get_frame(0)) != digest(clip.get_frame(0))


def test_a_script_for_vsrife_runs() -> None:
    clip = moving_clip(64, 64, length=3)
    made: list[str] = []
    said = logged(
        lambda: made.append(
            digest(
                rife(
                    clip, device_index=0, model="4.26", auto_download=False, factor_num=2, factor_den=1, scale=1.0,
                    ensemble=False, sc=True, sc_threshold=None, trt=True, trt_static_shape=True,
                    trt_opt_shape=[1920, 1080], trt_cache_dir="x",
                ).get_frame(1)
            )
        )
    )  # fmt: skip
    assert said[0] == ("RIFE: trt, trt_static_shape, trt_opt_shape, trt_cache_dir have no effect: TensorRT is not used")
    assert made == [frame(clip)]


def test_integers_are_not_rounded() -> None:
    clip = moving_clip(64, 64, length=2)
    with pytest.raises(ValueError, match=r"^RIFE: factor_num must be an integer, got 2\.5$"):
        rife(clip, factor_num=2.5)
    with pytest.raises(ValueError, match=r"^At: ensemble must be an integer, got 1\.5$"):
        at(clip, 0.5, ensemble=1.5)
    with pytest.raises(ValueError, match=r"^Motion: dedup_limit must be an integer, got 2\.1$"):
        estimate_motion(clip, dedup_limit=2.1)
    assert rife(clip, factor_num=3.0).num_frames == 6


def test_numbers_are_not_text() -> None:
    clip = moving_clip(64, 64, length=2)
    with pytest.raises(ValueError, match=r"^RIFE: multi must be a number, got two$"):
        rife(clip, multi="two")
    with pytest.raises(ValueError, match=r"^RIFE: sc must be an integer, got yes$"):
        rife(clip, sc="yes")
    with pytest.raises(ValueError, match=r"^At: timestep must be a number, got x$"):
        at(clip, timestep="x")


def test_a_time_for_each_pixel_has_two_names() -> None:
    clip = moving_clip(64, 64, length=3)
    times = clip.std.BlankClip(format=vs.GRAYS, color=0.25)
    frames = [at(clip, times), at(clip, timestep_clip=times)]
    assert (np.asarray(frames[0].get_frame(0)[0]) == np.asarray(frames[1].get_frame(0)[0])).all()
    with pytest.raises(vs.Error, match=r"^At: timestep must be a number from 0 to 1, or timestep_clip a clip, got nei"):
        at(clip)
