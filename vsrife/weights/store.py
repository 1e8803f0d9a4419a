"""Models by name: the manifest, the files that came with the package, and networks made from them."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from vsrife.errors import ModelError
from vsrife.networks import CATALOG, IFNet
from vsrife.weights.detect import check, detect
from vsrife.weights.files import read_metadata, read_weights

if TYPE_CHECKING:
    from torch import Tensor

    from vsrife.networks import IFNetConfig

__all__ = ["Entry", "load_network", "manifest", "models_folder"]


@dataclass(frozen=True)
class Entry:
    """One model of the manifest.

    Args:
        file: its file, relative to the models folder.
        architecture: the version in `CATALOG` whose network it fits.
        sha256: of the file; another file is refused.
        license: SPDX name.
        source: where the weights come from.
    """

    file: str
    architecture: str
    sha256: str
    license: str
    source: str


def models_folder() -> Path:
    """The folder of the bundled models: inside an installed package, or beside it in a source checkout."""
    package = Path(__file__).parents[1]
    return next(
        (p for p in (package / "models", package.parent / "models") if (p / "manifest.toml").is_file()), package
    )


@cache
def manifest() -> dict[str, Entry]:
    """Name → entry of every model in the manifest."""
    with (models_folder() / "manifest.toml").open("rb") as file:
        return {name: Entry(**entry) for name, entry in tomllib.load(file)["models"].items()}


def load_network(model: str | None, path: Path | None) -> IFNet:
    """A network with its weights, on the CPU in fp32, ready for inference.

    Args:
        model: a name in the manifest; with `path`, the architecture the file must have.
        path: a weights file of the user's own.

    Raises:
        ModelError: there is no such model, or its file is missing, damaged or of another architecture.
    """
    if path is None:
        return _bundled(model or "")
    state = read_weights(path)
    name = model or read_metadata(path).get("architecture")
    if name is not None and name not in CATALOG:
        raise ModelError(f"RIFE: model must be one of {', '.join(CATALOG)}, got {name}")
    return _network(state, check(state, name) if name else detect(state))


def _bundled(model: str) -> IFNet:
    if model not in manifest():
        have = ", ".join(manifest())
        if model in CATALOG:
            raise ModelError(
                f"RIFE: model {model} does not come with this package (it has {have}); give its file as model_path"
            )
        raise ModelError(f"RIFE: model must be {have}, or any RIFE 4.x version with model_path, got {model}")
    entry = manifest()[model]
    path = models_folder() / entry.file
    if not path.is_file():
        raise ModelError(f"RIFE: model {model} is missing its file {path}; install the package again")
    if hashlib.sha256(path.read_bytes()).hexdigest() != entry.sha256:
        raise ModelError(
            f"RIFE: model {model} is damaged: {path} has not the hash of the manifest; install the package again"
        )
    state = read_weights(path)
    return _network(state, check(state, entry.architecture))


def _network(state: dict[str, Tensor], config: IFNetConfig) -> IFNet:
    with torch.device("meta"):
        network = IFNet(config)
    network.load_state_dict({name: value.float() for name, value in state.items()}, strict=True, assign=True)
    return network.eval().requires_grad_(False)
