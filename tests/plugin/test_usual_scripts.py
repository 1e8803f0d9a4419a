"""What users do with a filter's output: chunks, filters after filters, clips that begin in black, metadata."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import vapoursynth as vs
from support import clip_of, digest, moving_clip, planes, texture

pytestmark = pytest.mark.vpy("unique-core")
CHUNK = 37
FAST = {"model": "nano", "device": "cpu", "precision": "fp32"}


def on_twos(length: int) -> vs.VideoNode:
    """Drawings that are each shown twice, in 8 bits."""
    drawings = [texture(64, 48, 3.0 * k, 1.0 * k) for k in range(length // 2 + 1)]
    return clip_of([drawings[n // 2] for n in range(length)]).resize.Bicubic(format=vs.RGB24)


def of_variable_rate(clip: vs.VideoNode) -> vs.VideoNode:
    def last(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        out.props["_DurationNum"], out.props["_DurationDen"] = 1, 30 if n % 3 else 20
        return out

    return vs.core.std.ModifyFrame(clip, clip, last)


@pytest.mark.parametrize(
    "arguments",
    [
        {"multi": 2.5, "dedup": 1},
        {"fps_num": 60, "fps_den": 1, "vfr": 1},
        {"multi": 2, "device": "cpu,cpu"},
        {"multi": 3, "estimates": "pair"},
    ],
    ids=lambda arguments: "-".join(arguments),
)
def test_chunks_are_parts_of_the_whole(arguments: dict[str, object]) -> None:
    clip = of_variable_rate(on_twos(44)) if "vfr" in arguments else on_twos(44)
    whole = vs.core.rife.RIFE(clip, **(FAST | arguments))
    wanted = [digest(frame) for frame in whole.frames(close=True)]
    assert len(wanted) > 2 * CHUNK
    for first in range(0, len(wanted), CHUNK):
        chunk = vs.core.rife.RIFE(clip, **(FAST | arguments))[first : first + CHUNK]
        assert [digest(frame) for frame in chunk.frames(close=True)] == wanted[first : first + CHUNK]


def test_a_filter_after_a_filter() -> None:
    clip = moving_clip(64, 48, length=4, form=vs.YUV420P8)
    once = vs.core.rife.RIFE(clip, multi=2, **FAST)
    twice = vs.core.rife.RIFE(once, multi=2, **FAST)
    assert (twice.num_frames, twice.fps) == (16, clip.fps * 4)
    for n in range(8):
        assert all(map(np.array_equal, planes(twice.get_frame(2 * n)), planes(once.get_frame(n))))
    made = [frame.props["RifeMade"] for frame in twice.frames(close=True)]
    assert made == [0, 1] * 7 + [0, 0]
    assert sum(Fraction(f.props["_DurationNum"], f.props["_DurationDen"]) for f in twice.frames()) == 4 / clip.fps


def test_black_at_the_ends_neither_melts_nor_fails() -> None:
    scene = [texture(96, 64, 2.0 * k, 0.0) for k in range(3)]
    black = [np.zeros_like(scene[0])] * 2
    clip = clip_of([*black, *scene, *black]).resize.Bicubic(format=vs.YUV420P8, matrix=vs.MATRIX_BT709)
    made = vs.core.rife.RIFE(clip, multi=2, **FAST)
    for n in (1, 3, 9, 11):
        assert all(map(np.array_equal, planes(made.get_frame(n)), planes(clip.get_frame(n // 2))))
    assert [made.get_frame(n).props["RifeCut"] for n in (3, 9)] == [1, 1]
    assert [made.get_frame(n).props["RifeMade"] for n in (5, 7)] == [1, 1]


def test_a_tail_of_repeats_is_the_last_picture() -> None:
    pictures = [texture(64, 48, 3.0 * min(n, 4), 0.0) for n in range(9)]
    clip = clip_of(pictures).resize.Bicubic(format=vs.RGB24)
    made = vs.core.rife.RIFE(clip, multi=2, dedup=1, **FAST)
    assert made.num_frames == 18
    for n in range(8, 18):
        assert all(map(np.array_equal, planes(made.get_frame(n)), planes(clip.get_frame(8))))


def test_dynamic_metadata_is_that_of_the_left_frame() -> None:
    clip = moving_clip(64, 48, length=3, form=vs.YUV420P10)
    blobs = [bytes([n, 0, 255, 10, n]) * 50 for n in range(3)]

    def stamp(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        out.props["HDR10Plus"], out.props["DolbyVisionRPU"] = blobs[n], blobs[n][::-1]
        out.props["MasteringDisplayPrimariesX"] = [0.68, 0.265, 0.15]
        return out

    made = vs.core.rife.RIFE(vs.core.std.ModifyFrame(clip, clip, stamp), multi=3, **FAST)
    for n, frame in enumerate(made.frames()):
        left = min(n // 3, 2)
        assert bytes(frame.props["HDR10Plus"]) == blobs[left]
        assert bytes(frame.props["DolbyVisionRPU"]) == blobs[left][::-1]
        assert list(frame.props["MasteringDisplayPrimariesX"]) == [0.68, 0.265, 0.15]
