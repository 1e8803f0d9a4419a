"""Opens clips and marks their scene cuts, for the demo's scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import vapoursynth as vs

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["every_other", "mark_cuts", "open_clip"]

CHANGE = 0.1
"""Of the range: the smallest mean difference of luma that is a cut."""

JUMP = 2.0
"""How often larger a cut's difference is than those before and after it. Fast motion grows and fades more slowly."""


def open_clip(path: str) -> vs.VideoNode:
    """A video file as YUV or grey, which is what Y4M can carry."""
    clip = vs.core.bs.VideoSource(path, cachemode=0, showprogress=0)
    if clip.format.color_family == vs.RGB:
        clip = clip.resize.Bicubic(format=vs.YUV444P8, matrix_s="709")
    return clip


def mark_cuts(clip: vs.VideoNode) -> vs.VideoNode:
    """Sets `_SceneChangeNext` on the last frame of every shot, where RIFE then makes nothing.

    A cut is a sudden change of thumbnails, where motion counts little. For a demo this does; for work there are
    `misc.SCDetect`, `wwxd.WWXD` and others.
    """
    thumbnails = clip.std.ShufflePlanes(0, vs.GRAY).resize.Bilinear(32, 18, format=vs.GRAY8)
    to_next = thumbnails.std.PlaneStats(thumbnails[1:] + thumbnails[-1])
    nothing = to_next[:1].std.SetFrameProps(PlaneStatsDiff=0.0)
    neighbours = [to_next, nothing + to_next[:-1], to_next[1:] + nothing]

    def mark(n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        change, before, after = (frame.props["PlaneStatsDiff"] for frame in f[1:])
        marked = f[0].copy()
        marked.props["_SceneChangeNext"] = int(change > CHANGE and change > JUMP * max(before, after))
        return marked

    return clip.std.ModifyFrame([clip, *neighbours], mark)


def every_other(clip: vs.VideoNode) -> vs.VideoNode:
    """Every other frame of a marked clip, with the cuts after the frames kept and those left out."""
    kept, dropped = clip[::2], clip[1::2]

    def mark(n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        marked = f[0].copy()
        marked.props["_SceneChangeNext"] = int(any(frame.props["_SceneChangeNext"] for frame in f))
        return marked

    return kept.std.ModifyFrame([kept, dropped], mark)
