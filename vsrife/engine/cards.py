"""What a CUDA card can do: whether this PyTorch has code for it, whether its fp16 is sound, and fp32 without TF32."""

from __future__ import annotations

import platform
import re
import threading
import time
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import conv2d

from vsrife.engine.levels import is_off
from vsrife.engine.memory import is_out_of_memory
from vsrife.engine.rocm import why_no_code

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "check_memory", "exact_fp32", "has_sound", "has_sound_fp16", "is_lost", "unfinished", "wait_for", "why_unusable",
]  # fmt: skip

BINARY, PORTABLE = re.compile(r"sm_(\d+)(\d)([af]?)"), re.compile(r"compute_(\d+)(\d)")
WORKING_BYTES = 112
"""Bytes for each pixel that a frame of 4.26 in fp16 needs while it is made, besides what is kept of source frames."""
LOST = (
    "device-side assert",
    "unspecified launch failure",
    "illegal memory access",
    "illegal address",
    "illegal instruction",
    "misaligned address",
    "invalid program counter",
    "hardware stack error",
    "launch timed out",
    "uncorrectable ecc",
    "device is lost",
    "no longer available",
    "has not finished",
)
"""Messages in lower case of errors after which a device does nothing more in a process."""
LIMIT = 60.0
"""Seconds after which a card that has been given all of a frame's work is taken to hang."""
POLL = 0.0005
"""Seconds between two looks at a card."""


def why_unusable(device: torch.device) -> str:
    """Why PyTorch cannot compute on a card, in one line; empty where it can, and for devices other than CUDA's.

    PyTorch sees cards that it has no code for; there the first operation fails. Binaries fit cards of the same major
    and no smaller minor compute capability, those with an `a` the very one, portable code every newer card.
    """
    if device.type == "cuda" and is_off():
        return "VSRIFE_CUDA is off"
    if device.type != "cuda":
        return ""
    if torch.version.hip:
        return why_no_code(device)
    capability = torch.cuda.get_device_capability(device)
    built_for = torch.cuda.get_arch_list()
    for name in built_for:
        if match := BINARY.fullmatch(name):
            major, minor = int(match[1]), int(match[2])
            if (major, minor) == capability or (major == capability[0] and minor < capability[1] and match[3] != "a"):
                return ""
        elif (match := PORTABLE.fullmatch(name)) and (int(match[1]), int(match[2])) <= capability:
            return ""
    card = f"{torch.cuda.get_device_name(device)} (sm_{capability[0]}{capability[1]})"
    return f"PyTorch {torch.__version__} has no code for {card}, only for {', '.join(built_for)}"


@cache
def has_sound_fp16(device: torch.device) -> bool:
    """Whether fp16 convolutions are right on a device: on GTX 16 cards some of cuDNN's give NaN."""
    return has_sound(torch.float16, device)


def has_sound(dtype: torch.dtype, device: torch.device) -> bool:
    """Whether convolutions in a type of 16 bits are right on a device; MPS has bf16 from macOS 14 on only."""
    for stride in (1, 2):
        try:
            x = torch.ones(1, 16, 16, 16, dtype=dtype, device=device).contiguous(memory_format=torch.channels_last)
            weight = torch.full((32, 16, 3, 3), 1 / 144, dtype=dtype, device=device)
            inside = conv2d(x, weight.contiguous(memory_format=torch.channels_last), stride=stride)
            if not bool(((inside.float() - 1).abs() < 0.01).all()):  # also where it is NaN
                return False
        except (RuntimeError, TypeError) as error:
            if is_out_of_memory(error):
                raise
            return False
    return True


def is_lost(error: BaseException | None) -> bool:
    """Whether an error, or one of its causes, means that a device does nothing more in this process."""
    if error is None or is_out_of_memory(error):
        return False
    text = str(error).lower()
    if isinstance(error, RuntimeError) and any(part in text for part in LOST):
        return True
    return is_lost(error.__cause__)


def wait_for(event: torch.cuda.Event, device: torch.device) -> None:
    """Sleep until a card has done the work before an event; CUDA's own way to wait for one has no time limit.

    Raises:
        RuntimeError: it has not after `LIMIT`, and is lost.
    """
    until = time.monotonic() + LIMIT
    while not event.query():  # type: ignore[no-untyped-call]
        if time.monotonic() > until:
            raise unfinished(device, LIMIT)
        time.sleep(POLL)


def unfinished(device: torch.device, seconds: float) -> RuntimeError:
    """The error of a device that hangs; `is_lost` knows it."""
    return RuntimeError(f"{device} has not finished its work after {seconds:g} s")


def check_memory(device: torch.device, pixels: int) -> None:
    """Refuse a frame that a card has no memory for, on Windows: its driver does not fail but uses the host's memory.

    Raises:
        torch.OutOfMemoryError: less than `WORKING_BYTES` a pixel are free, those that PyTorch keeps included.
    """
    if device.type != "cuda" or platform.system() != "Windows":
        return
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    free, needed = torch.cuda.mem_get_info(device)[0] + kept, pixels * WORKING_BYTES
    if free < needed:
        sizes = f"Tried to allocate {needed >> 20} MiB, {free >> 20} MiB are free"
        raise torch.OutOfMemoryError(f"CUDA out of memory. {sizes}")


_lock = threading.Lock()
_inside: list[list[tuple[Any, str, Any]]] = []
"""The process's switches of TF32 as they were before the first computation that is inside, once for each that is."""


@contextmanager
def exact_fp32(device: torch.device, dtype: torch.dtype) -> Iterator[None]:
    """Compute fp32 as such where a card would round to TF32, whose mantissa has 10 bits.

    PyTorch's switches are the whole process's. They are as before when the last of the computations inside ends,
    whatever the order in which they end.
    """
    if device.type != "cuda" or dtype != torch.float32:
        yield
        return
    with _lock:
        _inside.append(_inside[0] if _inside else _turn_off())
    try:
        yield
    finally:
        with _lock:
            before = _inside.pop()
            if not _inside:
                for owner, name, value in before:
                    setattr(owner, name, value)


def _turn_off() -> list[tuple[Any, str, Any]]:
    """Turn TF32 off; returns the switches' owners, names and values before.

    PyTorch has two sets of switches, and refuses the older one in a process that has used the newer one.
    """
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    try:
        before: list[tuple[Any, str, Any]] = [(each, "allow_tf32", each.allow_tf32) for each in (cudnn, matmul)]
        exact: Any = False
    except RuntimeError:
        owners: tuple[Any, Any] = getattr(cudnn, "conv"), matmul  # noqa: B009 - PyTorch's stubs lack it
        before = [(each, "fp32_precision", each.fp32_precision) for each in owners]
        exact = "ieee"
    for owner, name, _ in before:
        setattr(owner, name, exact)
    return before
