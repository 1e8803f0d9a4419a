"""Networks with their weights, by a model's name or from a user's file."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from vsrife.errors import ModelError, shown
from vsrife.networks import CONFIGS, make
from vsrife.networks.described import read_config
from vsrife.weights.detection import check, detect, network_part
from vsrife.weights.download import check_hash
from vsrife.weights.download import fetch as fetch_model
from vsrife.weights.files import read_weights
from vsrife.weights.names import resolve
from vsrife.weights.store import find, manifest, read_metadata

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from vsrife.networks import AnyConfig, IFNet, LegacyNetwork

__all__ = ["Weights", "load_network", "open_weights"]

UNNAMED = "unnamed"
"""The name of a network that is in no table and whose file gives no name."""


def load_network(
    model: str | None, path: Path | None, *, fetch: bool = True, log: Callable[[str], None] | None = None
) -> IFNet | LegacyNetwork:
    """Load a network with its weights, on the CPU in fp32, ready for inference.

    Args:
        model: a model's name, as `resolve` takes it; with `path`, the version the file must be of.
        path: a weights file of the user's own, or ncnn's folder.
        fetch: whether a published model that is absent is downloaded; `VSRIFE_OFFLINE=1` forbids it too.
        log: receives a line for each download that begins or ends.

    Raises:
        ModelError: there is no such model, or its file is missing, damaged or of another architecture.
    """
    if path is None:
        path, architecture = _file(resolve(model or "").name, fetch=fetch, log=log)
    else:
        architecture = resolve(model).name if model else None
    weights = open_weights(path, architecture)
    with torch.device("meta"):
        network = make(weights.config)
    network.load_state_dict({key: value.float() for key, value in weights.state.items()}, strict=True, assign=True)
    return network.eval().requires_grad_(False)


class Weights(NamedTuple):
    """A network's weights, with its name and config."""

    state: dict[str, Tensor]
    name: str
    config: AnyConfig


def open_weights(path: Path, architecture: str | None) -> Weights:
    """Read a network's weights and find out which network it is.

    Args:
        path: a weights file, or ncnn's folder.
        architecture: the version it must be of; without it, what the file's metadata or its shapes tell.

    Raises:
        ModelError: the file is damaged or of another architecture.
    """
    metadata = read_metadata(path)
    name = architecture or metadata.get("architecture")
    wanted: str | AnyConfig | None = name
    if architecture is None and "config" in metadata:
        wanted = read_config(metadata["config"])
    elif name is not None and name not in CONFIGS:
        raise ModelError(f"model must be one of {', '.join(CONFIGS)} for a file of one's own, got {shown(name)}")
    state = read_weights(path)
    config = detect(state, path.name) if wanted is None else check(state, wanted, path.name)
    part = network_part(state, config)
    for key, value in part.items():
        if not value.is_floating_point() or value.is_meta or not bool(torch.isfinite(value).all()):
            raise ModelError(f"{shown(path.name, 200)} is damaged: {shown(key, 200)} must hold finite real numbers")
    return Weights(part, name or next((key for key, other in CONFIGS.items() if other == config), UNNAMED), config)


def _file(name: str, *, fetch: bool, log: Callable[[str], None] | None) -> tuple[Path, str | None]:
    """A model's file, and its architecture where the manifest has it."""
    entry, path = manifest().get(name), find(name)
    if entry is None:
        if path is None:
            raise ModelError(f"model {name} cannot be downloaded; give its file as model_path")
        return path, None
    if path is None:
        if entry.bundled:
            raise ModelError(f"model {name} is missing its file {entry.path}; install the package again")
        if not fetch:
            raise ModelError(
                f'model {name} is not installed and may not be downloaded; run "vsrife models fetch {name}", '
                f"or put {entry.source} at {entry.path}"
            )
        path = fetch_model(entry, log)
    if path == entry.path:
        check_hash(entry)
    return path, entry.architecture
