"""The engines a filter runs on, and the one it turns to when they have no memory."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

import torch

from vsrife.engine.device import resolve_devices, resolve_precision
from vsrife.engine.executor import check_not_forked
from vsrife.engine.memory import is_out_of_memory, release_memory
from vsrife.errors import RifeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsrife.engine.engine import Engine

__all__ = ["choose_engines"]

CPU = torch.device("cpu")


class Make(Protocol):
    """Makes the engine of a device, see `vsrife.engine.engine.shared_engine`."""

    def __call__(self, device: torch.device, dtype: torch.dtype, *, part: int = 0, parts: int = 1) -> Engine:
        """See there."""
        ...


def choose_engines(
    device: str, precision: str, make: Make, tell: Callable[[str], None]
) -> tuple[list[Engine], Callable[[], Engine] | None]:
    """The engines of the devices that were named, each in its own precision where that is `auto`.

    Args:
        device: see `resolve_devices`. Devices of several kinds round differently: a frame's last bits are those of its
            device, which its number decides.
        precision: see `resolve_precision`.
        make: makes one.
        tell: takes a line for each device that the network has no room on, and for a precision that is not computed in.

    Returns:
        The engines, and what makes the CPU's, where the user left it to the filter or named several devices.

    Raises:
        RifeError: a name cannot be used, no device has room for the network, or this process was forked from one that
            had an engine.
    """
    devices = resolve_devices(device)
    check_not_forked()  # before convolutions are tried, whose threads a child does not have
    dtypes = [resolve_precision(precision, each, tell) for each in devices]
    left_to_us = (device == "auto" or len(devices) > 1) and CPU not in devices

    def spare() -> Engine:
        return make(CPU, resolve_precision("auto" if precision == "fp16" else precision, CPU, tell))

    engines = []
    for index, (each, dtype) in enumerate(zip(devices, dtypes, strict=True)):
        shared = {"part": devices[:index].count(each), "parts": devices.count(each)}
        engine = _made(partial(make, each, dtype, **shared), each)
        if engine is None:
            tell(f"out of memory: the network has no room on {each}, which is not used")
        else:
            engines.append(engine)
    if engines:
        return engines, spare if left_to_us else None
    last = _made(spare, CPU) if left_to_us else None
    if last is None:
        raise RifeError(f"out of memory: the network has no room on {', '.join(map(str, devices))}")
    return [last], None


def _made(make: Callable[[], Engine], device: torch.device) -> Engine | None:
    """An engine, at the second attempt where there is only then memory for it; None where there never is."""
    for _ in range(2):
        try:
            return make()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        release_memory(device)
    return None
