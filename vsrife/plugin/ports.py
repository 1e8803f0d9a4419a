"""The arguments of other RIFE filters, translated."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vsrife.errors import ArgumentError, RifeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsrife.plugin.arguments import Arguments

__all__ = ["ported", "translated"]

TUNING = ("num_streams", "fusion", "cuda_graphs")
"""Arguments for speed of HolyWu's vsrife up to 5.7; all others that begin with trt are for TensorRT."""


def ported(arguments: Arguments, log: Callable[[str], None]) -> Arguments:
    """Translate the ncnn plugin's own arguments: `gpu_id`, `tta` and `uhd`; `gpu_thread` has no effect.

    A `device`, `scale` or `ensemble` other than the default takes precedence.
    """
    changed: dict[str, Any] = {}
    if arguments.gpu_thread is not None:
        log("gpu_thread has no effect: the device runs as many frames at once as are fastest")
    if arguments.tta and arguments.ensemble == 0:
        changed["ensemble"] = 8
    if arguments.uhd and arguments.scale == 1:
        changed["scale"] = 0.5
    if arguments.gpu_id is not None and arguments.device == "auto":
        changed["device"] = _device(arguments.gpu_id, "gpu_id", log)
    return replace(arguments, **changed) if changed else arguments


def translated(arguments: dict[str, Any], log: Callable[[str], None]) -> dict[str, Any]:
    """Translate the keyword arguments of HolyWu's vsrife up to 5.7 into those of `core.rife.RIFE`."""
    dropped = [name for name in arguments if name in TUNING or name.startswith("trt")]
    kept = {name: value for name, value in arguments.items() if name not in (*dropped, "device_index")}
    if dropped:
        log(f"{', '.join(dropped)} ha{'s' if len(dropped) == 1 else 've'} no effect: TensorRT is not used")
    if "device_index" in arguments and "device" not in arguments:
        kept["device"] = _device(arguments["device_index"], "device_index", log)
    given = {name: value for name, value in kept.items() if value is not None and not (name == "extra" and not value)}
    return {name: int(value) if isinstance(value, bool) else value for name, value in given.items()}


def _device(index: object, name: str, log: Callable[[str], None]) -> str:
    """The device with a number; `auto` if there is no such GPU."""
    if not isinstance(index, int) or not -1 <= index <= 9999:
        raise ArgumentError(name, repr(index), "-1 to 9999")
    if index == -1:
        return "cpu"
    from vsrife.engine import resolve_device

    try:
        resolve_device(f"cuda:{index}")
    except RifeError:
        log(f"{name}={index} is not a CUDA device here, device=auto is used")
        return "auto"
    return f"cuda:{index}"
