"""Which network a state dict belongs to, read off the shapes of its tensors."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import torch

from vsrife.errors import ModelError
from vsrife.networks import CATALOG, IFNet, IFNetConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

__all__ = ["check", "detect"]

Shapes = dict[str, tuple[int, ...]]


@cache
def expected_shapes(config: IFNetConfig) -> Shapes:
    """Name → shape of every tensor of a network, without making it."""
    with torch.device("meta"):
        return {name: tuple(value.shape) for name, value in IFNet(config).state_dict().items()}


def mismatches(state: Mapping[str, Tensor], config: IFNetConfig) -> list[str]:
    """What keeps a state dict from fitting a network, a line each; empty where it fits."""
    expected = expected_shapes(config)
    found = {name: tuple(value.shape) for name, value in state.items()}
    lines = [f"{name} is missing" for name in expected if name not in found]
    lines += [f"{name} is not part of it" for name in found if name not in expected]
    lines += [
        f"{name} has shape {found[name]} where {shape} is expected"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    ]
    return lines


def check(state: Mapping[str, Tensor], name: str) -> IFNetConfig:
    """The config of version `name`, if the state dict fits it.

    Raises:
        ModelError: it does not; the message names the first tensor that is in the way.
    """
    wrong = mismatches(state, CATALOG[name])
    if wrong:
        raise ModelError(f"RIFE: the weights are not those of a {name} network: {wrong[0]}")
    return CATALOG[name]


def detect(state: Mapping[str, Tensor]) -> IFNetConfig:
    """The one config whose tensors have these names and shapes.

    Versions that share a config (4.25 and 4.26, say) are the same network and need not be told apart.

    Raises:
        ModelError: none fits; the message says what is in the way of the nearest one.
    """
    configs = {config: name for name, config in CATALOG.items()}
    wrong = {config: mismatches(state, config) for config in configs}
    nearest = min(configs, key=lambda config: len(wrong[config]))
    if wrong[nearest]:
        raise ModelError(
            f"RIFE: the weights fit no known network; nearest is {configs[nearest]}, where {wrong[nearest][0]}"
        )
    return nearest
