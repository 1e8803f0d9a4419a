"""The engines that a filter runs on, and the spare one for when they have no memory."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

import torch

from vsrife.engine.device import resolve_devices, resolve_precision
from vsrife.engine.executor import check_not_forked
from vsrife.engine.memory import is_out_of_memory, release_memory
from vsrife.engine.unproven import is_unfit, is_unproven
from vsrife.errors import RifeError, first_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsrife.engine.engine import Engine

__all__ = ["choose_engines"]

CPU = torch.device("cpu")


class CreateEngine(Protocol):
    """Creates the engine of a device; the arguments are those of `vsrife.engine.engine.shared_engine`."""

    def __call__(self, device: torch.device, dtype: torch.dtype, *, part: int = 0, parts: int = 1) -> Engine: ...


def choose_engines(
    device: str, precision: str, create: CreateEngine, log: Callable[[str], None]
) -> tuple[list[Engine], Callable[[], Engine] | None]:
    """The engines of the named devices, each in its own precision where that is `auto`.

    Args:
        device: names, see `resolve_devices`. Devices of several kinds round differently: a frame's last bits are those
            of its device, which its number decides.
        precision: name, see `resolve_precision`.
        create: creates an engine.
        log: takes a line for each device that has no memory for the network or cannot compute it, and for a precision
            that is replaced.

    Returns:
        The engines, and a function that creates the CPU's where the user left the device to the filter, named several
        devices, none of them the CPU, or an Intel or Apple GPU, which may lack an operation; else None.

    Raises:
        RifeError: a name cannot be used, no device can take the network, or this process was forked from one that had
            an engine.
    """
    devices = resolve_devices(device)
    check_not_forked()  # before convolutions are tried, whose threads a child does not have
    dtypes = [resolve_precision(precision, each, log) for each in devices]
    has_spare = (device == "auto" or len(devices) > 1 or is_unproven(devices[0])) and CPU not in devices

    def spare() -> Engine:
        return create(CPU, resolve_precision("auto" if precision == "fp16" else precision, CPU, log))

    engines = []
    for index, (each, dtype) in enumerate(zip(devices, dtypes, strict=True)):
        shared = {"part": devices[:index].count(each), "parts": devices.count(each)}
        engine = _create(partial(create, each, dtype, **shared), each)
        if isinstance(engine, str):
            log(f"{engine}, which is not used")
        else:
            engines.append(engine)
    if engines:
        return engines, spare if has_spare else None
    last = _create(spare, CPU) if has_spare else ""
    if isinstance(last, str):
        raise RifeError(f"out of memory: the network has no room on {', '.join(map(str, devices))}")
    return [last], None


def _create(create: Callable[[], Engine], device: torch.device) -> Engine | str:
    """An engine, at the second attempt with all cached memory given up; the reason where the device cannot take it."""
    for _ in range(2):
        try:
            return create()
        except Exception as error:
            if is_unfit(error, device):
                return f"the network cannot run ({first_line(error)}) on {device}"
            if not is_out_of_memory(error):
                raise
        release_memory(device)
    return f"out of memory: the network has no room on {device}"
