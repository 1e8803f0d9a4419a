"""One training process or several: what `torchrun` says of them, and what they tell one another."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from vsrife.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

__all__ = ["Team", "team"]

PATIENCE = timedelta(hours=6)
"""How long the others wait while one reads the films."""


@dataclass(frozen=True)
class Team:
    """The processes that train together.

    Args:
        device: of this one.
        rank: of this one.
        size: how many there are.
    """

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module, whose gradients are the mean over all processes."""
        if self.size == 1:
            return module
        return DistributedDataParallel(module, [self.device.index or 0] if self.device.type == "cuda" else None)

    def wait(self) -> None:
        """Until all are here."""
        if self.size > 1:
            dist.barrier()

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """The mean of all processes' values."""
        if self.size > 1:
            dist.all_reduce(values)
        return values / self.size


@contextmanager
def team(device: str) -> Iterator[Team]:
    """The team this process belongs to, as the environment of `torchrun` says; alone without it.

    Args:
        device: `auto`, `cpu`, `cuda`, `mps` or `xpu`; each process takes the card of its number on its machine.

    Raises:
        RifeError: the device is not here.
    """
    chosen = _device(device, int(os.environ.get("LOCAL_RANK", "0")))
    if "RANK" not in os.environ:
        yield Team(chosen)
        return
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Team(chosen, dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def _device(name: str, local: int) -> torch.device:
    here = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "xpu": torch.xpu.is_available(),
    }
    if name == "auto":
        name = "cuda" if here["cuda"] else "cpu"
    if not here[name]:
        raise ArgumentError("device", name, f"one of {', '.join(key for key, is_ in here.items() if is_)}")
    if name == "cuda":
        torch.cuda.set_device(local)
    return torch.device(name, local) if name in ("cuda", "xpu") else torch.device(name)
