"""The keyword arguments of the Python twins, for editors and type checkers: those of `Arguments`, by function.

`vsrife.plugin.arguments.Arguments` says what each means and checks it; a test holds names and types against it. Beside
those, `device` may be a list of names.
"""

from __future__ import annotations

from collections.abc import Sequence  # noqa: TC003 - a test reads the hints
from typing import TypedDict

from vapoursynth import VideoNode as Clip  # noqa: TC002 - likewise

__all__ = ["AtArguments", "MotionArguments", "ReplaceArguments", "RifeArguments", "VsrifeArguments"]


class _When(TypedDict, total=False):
    factor_num: int | None
    factor_den: int | None
    fps_num: int | None
    fps_den: int | None
    timecodes: str | None
    vfr: int | None
    positions: Sequence[float] | None
    snap: float | None


class _How(TypedDict, total=False):
    model: str | None
    model_path: str | None
    auto_download: int | None
    scale: float | None
    ensemble: int | None
    ensemble_mask: str | None
    picture: str | None
    estimates: str | None
    bars: int | None
    still: int | None
    matrix: str | None
    device: str | Sequence[str] | None
    precision: str | None
    sc: int | None
    sc_threshold: float | None
    sc_mode: str | None
    sc_clip: Clip | None


class _Dedup(TypedDict, total=False):
    dedup: int | None
    dedup_limit: int | None


class MotionArguments(_When, _How, _Dedup, total=False):
    """Of `core.rife.Motion`, beside the clip."""

    timestep: float | None
    multi: float | None


class AtArguments(_How, total=False):
    """Of `core.rife.At`, beside the clip, `timestep` and `extra`."""

    timestep_clip: Clip | None
    protect: Clip | None


class ReplaceArguments(_How, total=False):
    """Of `core.rife.Replace`, beside the clip, `frames` and `extra`."""

    prop: str | None
    prop_clip: Clip | None
    limit: int | None


class VsrifeArguments(TypedDict, total=False):
    """What vsrife's function took up to 5.7 and `core.rife.RIFE` does not: the device, and what tunes TensorRT."""

    device_index: int | None
    num_streams: int | None
    fusion: bool | None
    cuda_graphs: bool | None
    trt: bool | None
    trt_static_shape: bool | None
    trt_min_shape: list[int] | None
    trt_opt_shape: list[int] | None
    trt_max_shape: list[int] | None
    trt_debug: bool | None
    trt_workspace_size: int | None
    trt_max_aux_streams: int | None
    trt_optimization_level: int | None
    trt_cache_dir: str | None


class RifeArguments(_When, _How, _Dedup, VsrifeArguments, total=False):
    """Of `core.rife.RIFE`, beside the clip, `multi` and `extra`."""

    skip: int | None
    skip_threshold: float | None
    protect: Clip | None
    show: str | None
    shutter: float | None
    pace: int | None
    gpu_id: int | None
    gpu_thread: int | None
    tta: int | None
    uhd: int | None
    list_gpu: int | None
