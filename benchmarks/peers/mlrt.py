"""vs-mlrt: on the CPU its plugins `ov` (OpenVINO) and `ort` (ONNX Runtime), driven as its script vsmlrt.py drives them;
on a card `trt` and `trt_rtx` (TensorRT, TensorRT for RTX) by that script, which builds engines. Those were never run.

The network is the published form, with seven planes in (left, right, time) and its padding inside, which is vsmlrt.py's
second form; it is exported for just this size, which suits them better than an export of any size. The conversion to
and from RGBS is one `resize` each way; what vsmlrt.RIFE does about scene changes is left out, in their favour.
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import TYPE_CHECKING

import vapoursynth as vs

from peers.job import array

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from peers.job import Job

core = vs.core
BACKENDS = {"trt": "TRT", "trt_rtx": "TRT_RTX"}
"""Plugin → the script's name of it."""
TYPED = 110000
"""The version of TensorRT from which on engines keep the precisions of the file without being told."""


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
    if plugin in BACKENDS and find_spec("vsmlrt") is None:
        return "vs-mlrt's script vsmlrt.py is not installed"
    return None if _file(job, plugin).exists() else "no network for it, as onnx is not installed"


def known() -> dict[str, str]:
    """Versions of what the plugins were built with."""
    found = {}
    for plugin, key in (
        ("ov", "openvino_version"), ("ort", "onnxruntime_version"), ("trt", "tensorrt_version"),
    ):  # fmt: skip
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
    model = str(_file(job, plugin))
    if plugin in BACKENDS:
        return _by_script([left, right, time], model, job, plugin, streams)
    if plugin == "ort":
        return core.ort.Model([left, right, time], model, provider="CPU", num_streams=streams)
    hint = {} if precision == "auto" else {"INFERENCE_PRECISION_HINT": precision}
    return core.ov.Model([left, right, time], model, device="CPU", num_streams=streams, config=lambda: hint)


def _file(job: Job, plugin: str) -> Path:
    """The network: its convolutions in fp16 on a card, its coordinates in fp32."""
    return job.file("published-fp16" if plugin in BACKENDS else "published", "onnx")


def _by_script(clips: list[vs.VideoNode], model: str, job: Job, plugin: str, streams: int) -> vs.VideoNode:
    """The made frames by an engine that the script builds in the job's folder."""
    script = importlib.import_module("vsmlrt")
    keeps = plugin != "trt" or int(core.trt.Version()["tensorrt_version"]) >= TYPED
    backend = getattr(script.Backend, BACKENDS[plugin])(
        num_streams=streams,
        use_cuda_graph=True,
        engine_folder=job.folder,
        custom_args=[] if keeps else ["--stronglyTyped"],
    )
    return script.inference(clips, model, backend=backend)


def _select(clip: vs.VideoNode, cycle: int, offsets: list[int]) -> vs.VideoNode:
    """SelectEvery, also of cycles of one."""
    return clip.std.SelectEvery(cycle, offsets) if cycle > 1 else core.std.Interleave([clip] * len(offsets))
