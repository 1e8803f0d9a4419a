"""Detection of a state dict's network by the shapes of its tensors."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import torch

from vsrife.errors import ModelError, shown
from vsrife.networks import CATALOG, CONFIGS, OWN, AnyConfig, make

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


__all__ = ["check", "detect", "names_of", "network_part"]

Shapes = dict[str, tuple[int, ...]]

REFINEMENT = ("contextnet.", "unet.")
"""Parts of the RefineNet: files of 3.x and 4.0 contain them although their fast form does not run them."""


@cache
def expected_shapes(config: AnyConfig) -> Shapes:
    """Name → shape of every tensor of a network, without allocating it."""
    with torch.device("meta"):
        return {name: tuple(value.shape) for name, value in make(config).state_dict().items()}


def network_part(state: Mapping[str, Tensor], config: AnyConfig) -> dict[str, Tensor]:
    """The part of a state dict that a network uses: without the RefineNet, if the network has none."""
    return {name: value for name, value in state.items() if config.refines or not name.startswith(REFINEMENT)}


def mismatches(state: Mapping[str, Tensor], config: AnyConfig) -> list[str]:
    """The differences between a state dict and a network, a line each; empty where it fits."""
    expected = expected_shapes(config)
    actual = {name: tuple(value.shape) for name, value in network_part(state, config).items()}
    lines = [
        f"{name} has shape {actual[name]}, expected {shape}"
        for name, shape in expected.items()
        if name in actual and actual[name] != shape
    ]
    lines += [f"{name} {shape} is missing" for name, shape in expected.items() if name not in actual]
    return lines + [f"{name} {shape} is not part of it" for name, shape in actual.items() if name not in expected]


def check(state: Mapping[str, Tensor], name: str | AnyConfig, file: str = "the file") -> AnyConfig:
    """Check that a state dict fits a network; returns its config.

    Args:
        state: without training-only parts.
        name: in `CONFIGS`, or a config that is in no table.
        file: the name of the state dict in errors.

    Raises:
        ModelError: it does not fit; the message names the first tensor that differs.
    """
    config = CONFIGS[name] if isinstance(name, str) else name
    wrong = mismatches(state, config)
    if wrong:
        kind = f"a {name}" if isinstance(name, str) else "the described"
        raise ModelError(f"the weights in {shown(file, 200)} are not those of {kind} network: {_summary(wrong)}")
    return config


def detect(state: Mapping[str, Tensor], file: str = "the file") -> AnyConfig:
    """Find the config whose tensors have these names and shapes.

    Where several fit, the 4.x line comes first, so that a file with an unused RefineNet is 4.0. The others that fit,
    see `names_of`, have to be asked for by name.

    Raises:
        ModelError: none fits; the message says how the nearest one differs.
    """
    file = shown(file, 200)
    configs: dict[AnyConfig, str] = {}
    for name, config in CONFIGS.items():
        configs.setdefault(config, name)
    wrong = {config: mismatches(state, config) for config in configs}
    nearest = min(configs, key=lambda config: len(wrong[config]))
    if not wrong[nearest]:
        return nearest
    if not any(name in expected_shapes(config) for config in configs for name in state):
        first = shown(next(iter(state), None), 200)
        raise ModelError(f"the weights in {file} are no RIFE network's, they begin with {first}")
    near = f"nearest is {configs[nearest]}: {_summary(wrong[nearest])}"
    raise ModelError(f"the weights in {file} fit no known network; {near}")


def names_of(state: Mapping[str, Tensor]) -> list[str]:
    """The names of all networks a state dict fits, without our own that have a published architecture."""
    published = set(CATALOG.values())
    return [
        name
        for name, config in CONFIGS.items()
        if not mismatches(state, config) and not (name in OWN and config in published)
    ]


def _summary(wrong: list[str]) -> str:
    return shown(wrong[0], 200) + (f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else "")
