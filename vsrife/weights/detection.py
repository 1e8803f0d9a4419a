"""Which network a state dict belongs to, read off the shapes of its tensors."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import torch

from vsrife.errors import ModelError
from vsrife.networks import CATALOG, CONFIGS, OWN, AnyConfig, make
from vsrife.weights.wording import said

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


__all__ = ["check", "detect", "names_of", "network_part"]

Shapes = dict[str, tuple[int, ...]]

REFINEMENT = ("contextnet.", "unet.")
"""Parts that files of 3.x and 4.0 carry although their fast form does not run them; other networks need them."""


@cache
def expected_shapes(config: AnyConfig) -> Shapes:
    """Name → shape of every tensor of a network, without making it."""
    with torch.device("meta"):
        return {name: tuple(value.shape) for name, value in make(config).state_dict().items()}


def network_part(state: Mapping[str, Tensor], config: AnyConfig) -> dict[str, Tensor]:
    """A state dict without the parts of a RefineNet, if the network has none."""
    return {name: value for name, value in state.items() if config.refines or not name.startswith(REFINEMENT)}


def mismatches(state: Mapping[str, Tensor], config: AnyConfig) -> list[str]:
    """What keeps a state dict from fitting a network, a line each; empty where it fits."""
    expected = expected_shapes(config)
    found = {name: tuple(value.shape) for name, value in network_part(state, config).items()}
    lines = [
        f"{name} has shape {found[name]}, expected {shape}"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    ]
    lines += [f"{name} {shape} is missing" for name, shape in expected.items() if name not in found]
    return lines + [f"{name} {shape} is not part of it" for name, shape in found.items() if name not in expected]


def check(state: Mapping[str, Tensor], name: str | AnyConfig, file: str = "the file") -> AnyConfig:
    """The config of version `name`, if the state dict fits it.

    Args:
        state: without training-only parts.
        name: in `CONFIGS`, or a config that is not.
        file: what an error calls the state dict.

    Raises:
        ModelError: it does not; the message names the first tensor that is in the way.
    """
    config = CONFIGS[name] if isinstance(name, str) else name
    wrong = mismatches(state, config)
    if wrong:
        kind = f"a {name}" if isinstance(name, str) else "the described"
        raise ModelError(f"the weights in {said(file)} are not those of {kind} network: {_summary(wrong)}")
    return config


def detect(state: Mapping[str, Tensor], file: str = "the file") -> AnyConfig:
    """The config whose tensors have these names and shapes.

    Where several fit, the 4.x line comes first, so that a file with an unused RefineNet is 4.0. The others that fit,
    see `names_of`, have to be asked for by name.

    Raises:
        ModelError: none fits; the message says what is in the way of the nearest one.
    """
    configs: dict[AnyConfig, str] = {}
    for name, config in CONFIGS.items():
        configs.setdefault(config, name)
    wrong = {config: mismatches(state, config) for config in configs}
    nearest = min(configs, key=lambda config: len(wrong[config]))
    if not wrong[nearest]:
        return nearest
    if not any(name in expected_shapes(config) for config in configs for name in state):
        first = said(next(iter(state), None))
        raise ModelError(f"the weights in {said(file)} are no RIFE network's, they begin with {first}")
    near = f"nearest is {configs[nearest]}: {_summary(wrong[nearest])}"
    raise ModelError(f"the weights in {said(file)} fit no known network; {near}")


def names_of(state: Mapping[str, Tensor]) -> list[str]:
    """All the names whose networks a state dict fits, but for those of ours that are a published one's: they say so."""
    published = set(CATALOG.values())
    return [
        name
        for name, config in CONFIGS.items()
        if not mismatches(state, config) and not (name in OWN and config in published)
    ]


def _summary(wrong: list[str]) -> str:
    return said(wrong[0]) + (f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else "")
