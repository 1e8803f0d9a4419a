"""One training process or several, as `torchrun` starts them."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from vsrife.engine.device import resolve_device

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

__all__ = ["Team", "join_team"]

PATIENCE = timedelta(hours=6)
"""The longest that the other processes wait while one reads the films."""


@dataclass(frozen=True)
class Team:
    """The processes that train together.

    Args:
        device: this process's device.
        rank: this process's number.
        size: number of processes.
    """

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def wrap(self, module: nn.Module) -> nn.Module:
        """A module whose gradients are the mean over all processes."""
        if self.size == 1:
            return module
        return DistributedDataParallel(module, [self.device.index or 0] if self.device.type == "cuda" else None)

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            dist.barrier()

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """The mean of values over all processes."""
        if self.size > 1:
            dist.all_reduce(values)
        return values / self.size


@contextmanager
def join_team(device: str) -> Iterator[Team]:
    """Join the team that the environment of `torchrun` describes; without it, this process trains alone.

    Args:
        device: `auto`, `cpu`, `cuda`, `mps` or `xpu`; each process takes the card of its number on its machine.

    Raises:
        RifeError: this machine has no such device.
    """
    chosen = resolve_device(device)
    if chosen.type in ("cuda", "xpu"):
        chosen = resolve_device(f"{chosen.type}:{os.environ.get('LOCAL_RANK', '0')}")
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    if "RANK" not in os.environ:
        yield Team(chosen)
        return
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Team(chosen, dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()
