"""Initial weights: fresh ones, and those of a trained network grafted onto one of other sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from vsrife.networks.paper import PaperBlock

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["graft", "kaiming_init", "zero_init_output"]

PRELU = 0.25
"""The initial slope of PyTorch's PReLU."""
FAINT = 0.1
"""The factor on PyTorch's initial weights of a block's last layer."""
READERS = ("conv0.1.", "convblock.", "lastconv.")
"""Layers of a block that read channels of its own, by the beginning of their names."""
HEAD = "encode"


def kaiming_init(module: nn.Module) -> None:
    """Initialise the paper's blocks within a module for training from scratch (He et al. 2015).

    PyTorch's own weights halve the signal in each of the ten convolutions, so that the deeper ones see no differences
    and train slowly at first. The motion starts near zero. Blocks of the 4.x line do not gain and stay as they are.
    """
    for block in module.modules():
        for layer in block.modules() if isinstance(block, PaperBlock) else ():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, a=PRELU)
            elif isinstance(layer, nn.ConvTranspose2d):
                layer.weight.data.mul_(FAINT)
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and layer.bias is not None:
                nn.init.zeros_(layer.bias)


def zero_init_output(block: nn.Module) -> None:
    """Zero a block's last layer, so that it adds nothing at first."""
    last = [module for module in block.modules() if isinstance(module, nn.ConvTranspose2d)][-1]
    nn.init.zeros_(last.weight)
    if last.bias is not None:
        nn.init.zeros_(last.bias)


def graft(network: nn.Module, trained: dict[str, Tensor]) -> None:
    """Initialise a network from another one's state: parts that fit, and of wider parts the strongest channels.

    Blocks that fit nowhere add nothing at first.

    Args:
        network: changed in place.
        trained: the other network's state.
    """
    own = network.state_dict()
    for name, part in network.named_children():
        prefix = f"{name}."
        wanted = {key.removeprefix(prefix): own[key] for key in own if key.startswith(prefix)}
        given = {key.removeprefix(prefix): trained[key] for key in trained if key.startswith(prefix)}
        if _fits_within(wanted, given):
            part.load_state_dict((_narrow_chain if name == HEAD else _narrow)(wanted, given))
        elif name.startswith("block"):
            zero_init_output(part)


def _fits_within(wanted: dict[str, Tensor], given: dict[str, Tensor]) -> bool:
    """Whether the given tensors are the wanted ones, at least as wide."""
    return wanted.keys() == given.keys() and all(
        value.dim() == given[key].dim() and all(a <= b for a, b in zip(value.shape, given[key].shape, strict=True))
        for key, value in wanted.items()
    )


def _narrow(wanted: dict[str, Tensor], given: dict[str, Tensor]) -> dict[str, Tensor]:
    """The given tensors in the wanted shapes; a dimension that shrinks keeps the same channels in every tensor."""
    kept: dict[tuple[int, int], Tensor] = {}
    narrowed = {}
    for key, value in wanted.items():
        taken = given[key]
        for dim, (size, before) in enumerate(zip(value.shape, taken.shape, strict=True)):
            if size < before:
                if (before, size) not in kept:
                    kept[before, size] = _strongest(given, before, size)
                taken = taken.index_select(dim, kept[before, size])
        narrowed[key] = taken
    return narrowed


def _narrow_chain(wanted: dict[str, Tensor], given: dict[str, Tensor]) -> dict[str, Tensor]:
    """The given tensors of layers that read one another, the last one transposed, in the wanted shapes.

    Each layer keeps the channels that the next one reads with the largest weights.
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


def _strongest(given: dict[str, Tensor], before: int, size: int) -> Tensor:
    """The `size` of `before` channels that are read with the largest weights, in their order."""
    total = torch.zeros(before)
    for key, value in given.items():
        if value.dim() == 4 and key.startswith(READERS):
            read = 0 if key.startswith("lastconv.") else 1  # transposed convolutions have their inputs first
            if value.shape[read] == before and min(value.shape[:2]) > 1:
                total += value.float().square().sum([d for d in range(4) if d != read])
    return total.topk(size).indices.sort().values
