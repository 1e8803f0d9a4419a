"""vs-mlrt on the CPU: its plugins `ov` (OpenVINO) and `ort` (ONNX Runtime), driven as its script vsmlrt.py drives them.

The network is the published form, with seven planes in (left, right, time) and its padding inside, which is vsmlrt.py's
second form; it is exported for just this size, which suits them better than an export of any size. The conversion to
and from RGBS is one `resize` each way; what vsmlrt.RIFE does about scene changes is left out, in their favour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import vapoursynth as vs

from peers.job import array

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from peers.job import Job

core = vs.core


def network(job: Job, *, plugin: str, precision: str, streams: int = 1) -> Iterator[Callable[[], NDArray[np.float32]]]:
    """Frames of the model's clip, asked for as many at a time as there are streams."""
    for frame in _made(job.clip(), job, plugin, precision, streams).frames(prefetch=streams):
        yield lambda frame=frame: array(frame)


def filtered(clip: vs.VideoNode, job: Job, *, plugin: str, precision: str, streams: int = 1) -> vs.VideoNode:
    """What its users write: to RGBS, interpolated, and back."""
    rgb = clip if clip.format.color_family == vs.RGB else clip.resize.Bicubic(format=vs.RGBS)
    made = _made(rgb, job, plugin, precision, streams)
    apart = [_select(made, job.num - 1, [n]) for n in range(job.num - 1)]
    whole = core.std.Interleave([_select(rgb, job.den, [0]), *apart])
    return whole if rgb is clip else whole.resize.Bicubic(format=clip.format.id, matrix=vs.MATRIX_BT709)


def missing(job: Job, *, plugin: str, **_: object) -> str | None:
    """The plugin, or what its network is exported with."""
    if not hasattr(core, plugin):
        return f"vapoursynth-mlrt-{plugin} is not installed"
    return None if job.file("published", "onnx").exists() else "no network for it, as onnx is not installed"


def known() -> dict[str, str]:
    """Versions of what the plugins were built with."""
    found = {}
    for plugin, key in (("ov", "openvino_version"), ("ort", "onnxruntime_version")):
        if hasattr(core, plugin):
            found[key.removesuffix("_version")] = str(getattr(core, plugin).Version()[key])
    return found


def _made(rgb: vs.VideoNode, job: Job, plugin: str, precision: str, streams: int) -> vs.VideoNode:
    """The made frames alone, in order, of whole cycles of `job.den` source frames."""
    cycle = [n * job.den for n in range(1, job.num)]
    offsets = [place // job.num for place in cycle]
    left, right = (_select(clip, job.den, offsets) for clip in (rgb[:-1], rgb[1:]))
    blank = rgb.std.BlankClip(format=vs.GRAYS, length=1, keep=True)
    times = [blank.std.BlankClip(color=place % job.num / job.num, length=1, keep=True) for place in cycle]
    time = core.std.Loop(core.std.Splice(times), -(-len(left) // len(times)))[: len(left)]
    model = str(job.file("published", "onnx"))
    if plugin == "ort":
        return core.ort.Model([left, right, time], model, provider="CPU", num_streams=streams)
    hint = {} if precision == "auto" else {"INFERENCE_PRECISION_HINT": precision}
    return core.ov.Model([left, right, time], model, device="CPU", num_streams=streams, config=lambda: hint)


def _select(clip: vs.VideoNode, cycle: int, offsets: list[int]) -> vs.VideoNode:
    """SelectEvery, also of cycles of one."""
    return clip.std.SelectEvery(cycle, offsets) if cycle > 1 else core.std.Interleave([clip] * len(offsets))
