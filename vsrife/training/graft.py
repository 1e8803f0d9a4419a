"""Weights of one network taken over by another of other sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from vsrife.training.trainee import silence

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["graft"]

READERS = ("conv0.1.", "convblock.", "lastconv.")
"""Layers of a block that read channels of its own, by the beginning of their names."""


def graft(network: nn.Module, known: dict[str, Tensor]) -> None:
    """Take over what fits whole, and of wider blocks the channels that weigh most; other blocks add nothing at first.

    Args:
        network: changed in place.
        known: the state of another one.
    """
    own = network.state_dict()
    for name, part in network.named_children():
        prefix = f"{name}."
        wanted = {key.removeprefix(prefix): own[key] for key in own if key.startswith(prefix)}
        given = {key.removeprefix(prefix): known[key] for key in known if key.startswith(prefix)}
        if _within(wanted, given):
            part.load_state_dict(_narrowed(wanted, given))
        elif name.startswith("block"):
            silence(part)


def _within(wanted: dict[str, Tensor], given: dict[str, Tensor]) -> bool:
    """Whether all that is wanted is given at least as wide."""
    return wanted.keys() == given.keys() and all(
        value.dim() == given[key].dim() and all(a <= b for a, b in zip(value.shape, given[key].shape, strict=True))
        for key, value in wanted.items()
    )


def _narrowed(wanted: dict[str, Tensor], given: dict[str, Tensor]) -> dict[str, Tensor]:
    """The given tensors in the wanted shapes; a dimension that shrinks keeps the same channels in every tensor."""
    kept: dict[tuple[int, int], Tensor] = {}
    narrowed = {}
    for key, value in wanted.items():
        taken = given[key]
        for dim, (size, before) in enumerate(zip(value.shape, taken.shape, strict=True)):
            if size < before:
                if (before, size) not in kept:
                    kept[before, size] = _weightiest(given, before, size)
                taken = taken.index_select(dim, kept[before, size])
        narrowed[key] = taken
    return narrowed


def _weightiest(given: dict[str, Tensor], before: int, size: int) -> Tensor:
    """Of so many channels those that are read with the largest weights, in their order."""
    total = torch.zeros(before)
    for key, value in given.items():
        if value.dim() == 4 and key.startswith(READERS):
            read = 0 if key.startswith("lastconv.") else 1  # transposed convolutions have their inputs first
            if value.shape[read] == before and min(value.shape[:2]) > 1:
                total += value.float().square().sum([d for d in range(4) if d != read])
    return total.topk(size).indices.sort().values
