"""Whatever is asked for, a frame is the same bytes in every order, from every history, with any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
import vapoursynth as vs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import clip_of, digest, gray_clip, lettered, texture

pytestmark = pytest.mark.vpy("unique-core")
W, H, LENGTH = 64, 48, 10


def film(form: int) -> vs.VideoNode:
    """Moving frames under still letters, some shown twice or thrice, a cut, and frames of different duration."""
    shots = [(1, 0), (1, 3), (1, 3), (1, 6), (1, 6), (1, 6), (2, 0), (2, 2), (2, 4), (2, 4)]
    clip = clip_of([lettered(texture(W, H, 2 * shift, shift, seed)) for seed, shift in shots])
    matrix = {} if form in (vs.RGBS, vs.RGB24) else {"matrix": 1}
    clip = clip.resize.Bicubic(format=form, **matrix)
    lasts = [clip[n].std.AssumeFPS(fpsnum=(24, 30, 60)[n % 3]) for n in range(LENGTH)]
    return vs.core.std.Splice(lasts)


RATES = [
    {"multi": 2},
    {"multi": 2.5},
    {"multi": 2 / 3},
    {"fps_num": 60, "fps_den": 1},
    {"positions": [0.5, 3.25, 8.9, 6]},
]
ARGUMENTS = st.fixed_dictionaries(
    {"rate": st.sampled_from(RATES)},
    optional={
        "dedup": st.just(1),
        "dedup_limit": st.sampled_from([2, 3]),
        "skip": st.just(1),
        "sc": st.sampled_from([0, 1]),
        "sc_mode": st.sampled_from(["nearest", "blend"]),
        "show": st.sampled_from(["flow", "time"]),
        "extra": st.just(True),
        "protect": st.just(True),
        "estimates": st.just("pair"),
        "borders": st.just(True),
        "still": st.just(True),
        "snap": st.sampled_from([0, 0.3]),
        "alpha": st.just(True),
        "level": st.sampled_from([0.02, 50]),
        "marks": st.sampled_from([0, 1]),
        "shutter": st.sampled_from([90, 360]),
        "pace": st.just(1),
    },
)


def outputs(form: int, chosen: dict[str, object]) -> list[vs.VideoNode]:
    chosen = dict(chosen)
    clip = film(form)
    if form == vs.RGBS:
        clip = clip.std.Expr(f"x {chosen.pop('level', 1)} *")
    if "marks" in chosen:
        clip = clip.std.SetFrameProps(_SceneChangePrev=chosen.pop("marks"))
    if chosen.pop("borders", None):
        clip = clip.std.Crop(top=8, bottom=6).std.AddBorders(top=8, bottom=6)
    if chosen.pop("alpha", None):
        clip = clip.std.ClipToProp(film(vs.GRAY8), prop="_Alpha")
    chosen.pop("level", None)
    arguments = {**chosen.pop("rate"), **chosen}
    if not {"positions", "skip", "pace"}.isdisjoint(arguments):
        arguments.pop("shutter", None)
    if arguments.pop("extra", None):
        arguments["extra"] = [film(vs.GRAY16).resize.Bilinear(width=32, height=24)]
    if arguments.pop("protect", None):
        mask = np.zeros((H, W), np.float32)
        mask[8:20, 10:30] = 1
        arguments["protect"] = gray_clip([mask])
    made = vs.core.rife.RIFE(clip, **arguments)
    return made if isinstance(made, list) else [made]


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(
    chosen=ARGUMENTS,
    form=st.sampled_from([vs.YUV420P8, vs.RGBS]),
    threads=st.sampled_from([1, 2, 8, 32]),
    data=st.data(),
)
def test_no_order_and_no_history_changes_a_frame(
    chosen: dict[str, object], form: int, threads: int, data: st.DataObject
) -> None:
    vs.core.num_threads = 1
    straight = [[digest(frame) for frame in node.frames()] for node in outputs(form, chosen)]
    asked = [(k, n) for k, frames in enumerate(straight) for n in range(len(frames))]
    order = data.draw(st.lists(st.sampled_from(asked), min_size=1, max_size=12))
    vs.core.num_threads = threads
    nodes = outputs(form, chosen)
    pending = [(k, n, nodes[k].get_frame_async(n)) for k, n in order]
    for k, n, future in pending:
        with future.result() as frame:
            assert digest(frame) == straight[k][n], (k, n)


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(order=st.lists(st.tuples(st.integers(0, 4), st.integers(0, LENGTH - 1)), min_size=1, max_size=12))
def test_nor_of_motion_and_maps_of_times(order: list[tuple[int, int]]) -> None:
    times = gray_clip([np.tile(np.linspace(0, 1, W, dtype=np.float32), (H, 1))])

    def nodes() -> list[vs.VideoNode]:
        clip = film(vs.YUV420P8)
        return [*vs.core.rife.Motion(clip, timestep=0.5)[1:], vs.core.rife.At(clip, timestep_clip=times)]

    fresh = {(k, n): digest(nodes()[k].get_frame(n)) for k, n in dict.fromkeys(order)}
    worn = nodes()
    for k, n in order:
        assert digest(worn[k].get_frame(n)) == fresh[k, n]
