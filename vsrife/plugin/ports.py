"""Scripts written for other RIFE filters: what their arguments mean here."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vsrife.errors import RifeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsrife.plugin.arguments import Arguments

__all__ = ["ported", "translated"]

TUNING = ("num_streams", "fusion", "cuda_graphs")
"""What vsrife, up to 5.7, takes to be faster, beside all that begins with trt, for TensorRT."""


def ported(arguments: Arguments, log: Callable[[str], None]) -> Arguments:
    """The ncnn plugin's own arguments in ours: `gpu_id`, `tta` and `uhd` have a meaning, `gpu_thread` has none.

    Another `device`, `scale` or `ensemble` than the default wins.
    """
    changed: dict[str, Any] = {}
    if arguments.gpu_thread is not None:
        log("gpu_thread means nothing here, frames are made as fast as the device can")
    if arguments.tta and arguments.ensemble == 0:
        changed["ensemble"] = 8
    if arguments.uhd and arguments.scale == 1:
        changed["scale"] = 0.5
    if arguments.gpu_id is not None and arguments.device == "auto":
        changed["device"] = _device(arguments.gpu_id, "gpu_id", log)
    return replace(arguments, **changed) if changed else arguments


def translated(arguments: dict[str, Any], log: Callable[[str], None]) -> dict[str, Any]:
    """The keyword arguments of vsrife's function, up to 5.7, in those of `core.rife.RIFE`; others stay as they are."""
    dropped = [name for name in arguments if name in TUNING or name.startswith("trt")]
    kept = {name: value for name, value in arguments.items() if name not in (*dropped, "device_index")}
    if dropped:
        log(f"{', '.join(dropped)} mean{'s' if len(dropped) == 1 else ''} nothing here, TensorRT is not used")
    if "device_index" in arguments and "device" not in arguments:
        kept["device"] = _device(arguments["device_index"], "device_index", log)
    given = {name: value for name, value in kept.items() if value is not None and not (name == "extra" and not value)}
    return {name: int(value) if isinstance(value, bool) else value for name, value in given.items()}


def _device(index: object, name: str, log: Callable[[str], None]) -> str:
    """The device of a number; where there is no such card, the one that would be taken anyway."""
    if not isinstance(index, int) or not -1 <= index <= 9999:
        raise RifeError(f"{name} must be -1 to 9999, got {index!r:.60}")
    if index == -1:
        return "cpu"
    from vsrife.engine import resolve_device

    try:
        resolve_device(f"cuda:{index}")
    except RifeError:
        log(f"{name}={index} is not a CUDA device here, device=auto is used")
        return "auto"
    return f"cuda:{index}"
