"""The device that computes, and its precision."""

from __future__ import annotations

import platform
import re
from typing import TYPE_CHECKING

import torch

from vsrife.engine.cards import has_sound, has_sound_fp16, why_unusable
from vsrife.engine.convolutions import computes_bf16
from vsrife.engine.rocm import convolve_channels_last
from vsrife.engine.unproven import UNPROVEN, is_unproven
from vsrife.errors import ArgumentError, RifeError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "DEVICES",
    "PRECISIONS",
    "described_devices",
    "resolve_device",
    "resolve_devices",
    "resolve_precision",
    "why_auto",
]

DEVICES = ("auto", "cpu", "cuda", "cuda:N", "mps", "xpu", "xpu:N")
MOST_DEVICES = 16
PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def resolve_device(name: str, *, proves: bool = False) -> torch.device:
    """The device of a name; `auto` is the first usable one of CUDA cards, Intel's and Apple's GPUs, and the CPU.

    Args:
        name: one of `DEVICES`.
        proves: whether the caller compares known frames with the CPU's, see `vsrife.engine.proof`: without
            that, `auto` is no Intel or Apple GPU.

    Raises:
        RifeError: the name is none of `DEVICES`, this machine has no such device, or PyTorch has no code for it.
    """
    if name == "auto":
        cards = (torch.device("cuda", index) for index in range(_device_count("cuda")))
        others = [torch.device(kind, 0) for kind in UNPROVEN if proves and _device_count(kind)]
        return next((card for card in (*cards, *others) if not why_unusable(card)), torch.device("cpu"))
    kind, _, index = name.partition(":")
    allowed = f"device must be one of {', '.join(DEVICES)}, got {name[:60]}"
    if (f"{kind}:N" not in DEVICES and (kind not in DEVICES or index)) or (
        ":" in name and not re.fullmatch("[0-9]{1,4}", index)
    ):
        raise RifeError(allowed)
    if kind == "cpu":
        return torch.device("cpu")
    count = _device_count(kind)
    if int(index or 0) >= count:
        raise RifeError(f"device {name} does not exist: PyTorch {torch.__version__} sees {count} {kind} devices")
    device = torch.device(kind, int(index or 0))
    if why := why_unusable(device):
        raise RifeError(f"device {name} cannot be used: {why}")
    return device


def resolve_devices(names: str) -> list[torch.device]:
    """The devices of a list of names, `cuda:0,cuda:1`; the CPU may be named several times.

    Raises:
        RifeError: see `resolve_device`; or a device that is not the CPU is named twice, or `auto` beside others.
    """
    parts = [name.strip() for name in names.split(",")]
    if len(parts) == 1:
        return [resolve_device(names, proves=True)]
    if len(parts) > MOST_DEVICES or "auto" in parts:
        allowed = f"one name, or up to {MOST_DEVICES} with commas between them and without auto"
        raise ArgumentError("device", names, allowed)
    devices = [resolve_device(name) for name in parts]
    for device in devices:
        if device.type != "cpu" and devices.count(device) > 1:
            raise ArgumentError("device", names, "each card once", verb="name")
    return devices


def _device_count(kind: str) -> int:
    match kind:
        case "cuda":
            return torch.cuda.device_count() if torch.cuda.is_available() else 0
        case "xpu":
            return torch.xpu.device_count()
        case _:
            return int(torch.backends.mps.is_available())


def described_devices() -> list[str]:
    """The devices of this machine, one a line: the name that `device` takes, then the hardware."""
    lines = [f"cpu: {platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"]
    lines += [f"cuda:{n}: {torch.cuda.get_device_name(n)}" for n in range(torch.cuda.device_count())]
    lines += [f"xpu:{n}: {torch.xpu.get_device_name(n)}" for n in range(_device_count("xpu"))]
    return lines + ["mps: Apple GPU"] * _device_count("mps")


def resolve_precision(name: str, device: torch.device, log: Callable[[str], None] | None = None) -> torch.dtype:
    """The dtype of the convolutions; `auto` is the fastest that the device computes in hardware.

    Where oneDNN has no bf16 convolutions on this CPU, fp32 takes their place: PyTorch's own are slower. It takes the
    place of fp16 on devices that compute that wrongly, and of bf16 on Intel and Apple GPUs that do or have none.

    Args:
        name: `auto` or one of `PRECISIONS`.
        device: where they run.
        log: takes a line where another precision replaces the named one.

    Raises:
        RifeError: the name is neither `auto` nor in `PRECISIONS`.
    """
    convolve_channels_last(device)
    if name == "auto":
        if device.type == "cpu":
            return torch.bfloat16 if _cpu_has_bf16() and computes_bf16() else torch.float32
        return torch.float16 if has_sound_fp16(device) else torch.float32
    if name not in PRECISIONS:
        raise ArgumentError("precision", name, f"one of auto, {', '.join(PRECISIONS)}")
    if name == "bf16" and device.type == "cpu" and not computes_bf16():
        if log is not None:
            lacks = "AVX-512 (avx512bw) or AVX-NE-CONVERT" if _is_x86() else "bf16 instructions"
            needs = f"this CPU has no {lacks}, which oneDNN's bf16 convolutions need"
            log(f"bf16: {needs}: computing in fp32 instead")
        return torch.float32
    if name == "fp16" and device.type != "cpu" and not has_sound_fp16(device):
        if log is not None:
            like = ", as GTX 16 cards do" if device.type == "cuda" else ""
            log(f"fp16: {device} computes it wrongly{like}: computing in fp32 instead")
        return torch.float32
    if name == "bf16" and is_unproven(device) and not has_sound(torch.bfloat16, device):
        if log is not None:
            log(f"bf16: {device} has none, or computes it wrongly: computing in fp32 instead")
        return torch.float32
    return PRECISIONS[name]


def why_auto(device: str, precision: str, where: torch.device, dtype: torch.dtype) -> str:
    """The reason for what `auto` chose, in a few words; empty where neither was `auto`.

    Args:
        device: name that the user gave.
        precision: name that the user gave.
        where: the chosen device.
        dtype: the chosen precision.
    """
    reasons = []
    if device == "auto" and where.type == "cpu" and _device_count("cuda"):
        reasons.append(why_unusable(torch.device("cuda", 0)))
    elif device == "auto" and where.type == "cpu":
        without = torch.version.cuda is None and torch.version.hip is None
        reasons.append(f"this PyTorch {'is built without' if without else 'sees no'} CUDA")
    elif device == "auto":
        names = {"cuda": torch.cuda.get_device_name, "xpu": torch.xpu.get_device_name}
        reasons.append(names.get(where.type, lambda _: "an Apple GPU")(where))
    if precision == "auto" and where.type == "cpu":
        reasons.append(f"the CPU has {'' if dtype == torch.bfloat16 else 'no '}bf16")
    elif precision == "auto" and dtype == torch.float32:
        reasons.append("its fp16 is wrong")
    return ", ".join(reasons)


def _cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bf16 in hardware (AVX-512 BF16 or AMX); elsewhere bf16 is slower than fp32."""
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return _is_x86() and any(getattr(torch.cpu, check, lambda: False)() for check in checks)


def _is_x86() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64")
