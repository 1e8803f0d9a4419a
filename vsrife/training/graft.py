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
HEAD = "encode"


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
            narrowed = _narrowed_chain if name == HEAD else _narrowed
            part.load_state_dict(narrowed(wanted, given))
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


def _narrowed_chain(wanted: dict[str, Tensor], given: dict[str, Tensor]) -> dict[str, Tensor]:
    """The given tensors of layers that read one another, the last one transposed, in the wanted shapes.

    Of each layer the channels are kept that the next one reads with the largest weights.
    """
    layers = list(dict.fromkeys(key.rpartition(".")[0] for key in wanted))
    kept = torch.arange(given[f"{layers[0]}.weight"].shape[1])
    narrowed = {}
    for layer, following in zip(layers, [*layers[1:], None], strict=True):
        weight, bias = given[f"{layer}.weight"], given[f"{layer}.bias"]
        into, out = (0, 1) if following is None else (1, 0)
        weight = weight.index_select(into, kept)
        kept = torch.arange(weight.shape[out])
        if following is not None:
            reader = given[f"{following}.weight"].float().square()
            read = 0 if following == layers[-1] else 1
            total = reader.sum([d for d in range(4) if d != read])
            kept = total.topk(wanted[f"{layer}.bias"].numel()).indices.sort().values
        narrowed[f"{layer}.weight"] = weight.index_select(out, kept)
        narrowed[f"{layer}.bias"] = bias.index_select(0, kept)
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
