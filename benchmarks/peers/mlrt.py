"""vs-mlrt on the CPU: its plugins `ov` (OpenVINO) and `ort` (ONNX Runtime), driven as its script vsmlrt.py drives them.

The network is the published form with seven planes in (left, right, time), exported for just this size, which suits
them better than an export of any size. Padding to multiples of 64, and the conversion to and from RGBS, are one
`resize` each way; what vsmlrt.RIFE does about scene changes is left out, in their favour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import vapoursynth as vs
from peers.job import Job, array

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

core = vs.core


def network(job: Job, *, plugin: str, precision: str, streams: int = 1) -> Iterator[Callable[[], NDArray[np.float32]]]:
    """Frames of the model's clip, asked for as many at a time as there are streams; their padding is made before."""
    width, height = job.padded
    source = job.clip().resize.Bicubic(width, height, src_width=width, src_height=height)
    frames = list(source.frames())
    blank = core.std.BlankClip(source, keep=True)
    ready = core.std.ModifyFrame(blank, blank, lambda n, f: frames[n])
    made = _made(ready, job, plugin, precision, streams)
    for frame in made.std.Crop(right=width - job.width, bottom=height - job.height).frames(prefetch=streams):
        yield lambda frame=frame: array(frame)


def filtered(clip: vs.VideoNode, job: Job, *, plugin: str, precision: str, streams: int = 1) -> vs.VideoNode:
    """What its users write: to padded RGBS, interpolated, cropped and back."""
    width, height = job.padded
    window = {"src_width": width, "src_height": height}
    rgb = clip.resize.Bicubic(width, height, format=vs.RGBS, **window)
    made = _made(rgb, job, plugin, precision, streams)
    apart = [_select(made, job.num - 1, [n]) for n in range(job.num - 1)]
    whole = core.std.Interleave([_select(rgb, job.den, [0]), *apart])
    whole = whole.std.Crop(right=width - job.width, bottom=height - job.height)
    if clip.format.color_family == vs.RGB:
        return whole
    return whole.resize.Bicubic(format=clip.format.id, matrix=vs.MATRIX_BT709)


def missing(*, plugin: str, **_: object) -> str | None:
    """The plugin."""
    return None if hasattr(core, plugin) else f"vapoursynth-mlrt-{plugin} is not installed"


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
    model = str(job.file("published", "onnx", padded=True))
    if plugin == "ort":
        return core.ort.Model([left, right, time], model, provider="CPU", num_streams=streams)
    hint = {} if precision == "auto" else {"INFERENCE_PRECISION_HINT": precision}
    return core.ov.Model([left, right, time], model, device="CPU", num_streams=streams, config=lambda: hint)


def _select(clip: vs.VideoNode, cycle: int, offsets: list[int]) -> vs.VideoNode:
    """SelectEvery, also of cycles of one."""
    return clip.std.SelectEvery(cycle, offsets) if cycle > 1 else core.std.Interleave([clip] * len(offsets))
