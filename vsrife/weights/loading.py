"""Networks with their weights, by a model's name or from a user's file."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from vsrife.errors import ModelError
from vsrife.networks import CONFIGS, make
from vsrife.networks.described import read_config
from vsrife.weights.detection import check, detect, network_part
from vsrife.weights.download import check_hash
from vsrife.weights.download import fetch as fetch_model
from vsrife.weights.files import read_weights
from vsrife.weights.names import resolve
from vsrife.weights.store import find, manifest, read_metadata
from vsrife.weights.wording import said

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from vsrife.networks import AnyConfig, IFNet
    from vsrife.networks.legacy import LegacyNetwork

__all__ = ["load_network", "open_weights"]

UNNAMED = "unnamed"
"""What a network is called that is in no table and whose file says nothing else."""


def load_network(
    model: str | None, path: Path | None, *, fetch: bool = True, log: Callable[[str], None] | None = None
) -> IFNet | LegacyNetwork:
    """A network with its weights, on the CPU in fp32, ready for inference.

    Args:
        model: a model's name, as `resolve` takes it; with `path`, the version the file must be of.
        path: a weights file of the user's own, or ncnn's folder.
        fetch: whether a published model that is not here is downloaded; `VSRIFE_OFFLINE=1` forbids it too.
        log: is told, in a line each, what is downloaded.

    Raises:
        ModelError: there is no such model, or its file is missing, damaged or of another architecture.
    """
    if path is None:
        path, architecture = _file(resolve(model or "").name, fetch=fetch, log=log)
    else:
        architecture = resolve(model).name if model else None
    state, _, config = open_weights(path, architecture)
    with torch.device("meta"):
        network = make(config)
    network.load_state_dict({key: value.float() for key, value in state.items()}, strict=True, assign=True)
    return network.eval().requires_grad_(False)


class Opened(NamedTuple):
    """The weights a network needs, what it is called and what it is."""

    state: dict[str, Tensor]
    name: str
    config: AnyConfig


def open_weights(path: Path, architecture: str | None) -> Opened:
    """The weights a network needs, and which network that is.

    Args:
        path: a weights file, or ncnn's folder.
        architecture: the version it must be of; without it, what the file says or its shapes tell.

    Raises:
        ModelError: the file is damaged or of another architecture.
    """
    told = read_metadata(path)
    name = architecture or told.get("architecture")
    own = None
    if architecture is None and "config" in told:
        own = read_config(told["config"])
    elif name is not None and name not in CONFIGS:
        raise ModelError(f"model must be one of {', '.join(CONFIGS)} for a file of one's own, got {said(name)}")
    state = read_weights(path)
    if own is not None:
        config = check(state, own, path.name)
    else:
        config = check(state, name, path.name) if name else detect(state, path.name)
    part = network_part(state, config)
    for key, value in part.items():
        if not value.is_floating_point() or value.is_meta or not bool(torch.isfinite(value).all()):
            raise ModelError(f"{said(path.name)} is damaged: {said(key)} must hold finite real numbers")
    return Opened(part, name or next((key for key, other in CONFIGS.items() if other == config), UNNAMED), config)


def _file(name: str, *, fetch: bool, log: Callable[[str], None] | None) -> tuple[Path, str | None]:
    """A model's file, and its architecture where the manifest says it."""
    entry, path = manifest().get(name), find(name)
    if entry is None:
        if path is None:
            raise ModelError(f"model {name} is not fetched from anywhere; give its file as model_path")
        return path, None
    if path is None:
        if entry.bundled:
            raise ModelError(f"model {name} is missing its file {entry.path}; install the package again")
        if not fetch:
            raise ModelError(
                f'model {name} is not here and may not be fetched; run "vsrife models fetch {name}", '
                f"or put {entry.source} at {entry.path}"
            )
        path = fetch_model(entry, log)
    if path == entry.path:
        check_hash(entry)
    return path, entry.architecture
