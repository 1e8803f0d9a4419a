"""Weights files in the form the package ships: `python -m vsrife.weights.convert IN OUT`.

fp16 safetensors, inference part only, with the architecture as metadata. The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError
from safetensors.torch import save_file

from vsrife.errors import ModelError, shown
from vsrife.files import atomic_write
from vsrife.networks import CATALOG, CONFIGS, OWN
from vsrife.networks.described import described
from vsrife.weights.download import sha256
from vsrife.weights.loading import Weights, open_weights
from vsrife.weights.names import resolve
from vsrife.weights.store import find, imported_path

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["import_weights", "write_weights"]


def import_weights(source: Path, name: str | None, architecture: str | None) -> tuple[str, str, Path]:
    """Keep a weights file in the user's folder, in fp16, as a model.

    Args:
        source: any file `read_weights` reads.
        name: the model's name; without it, the file's.
        architecture: the version it is of; without it, what the name, the file's metadata or its shapes tell.

    Returns:
        The model's name, a name of its network and its file.

    Raises:
        ModelError: the file fits no network, or the name is not allowed or is taken.
    """
    try:
        name = _model_name(name or (source.name if source.is_dir() else source.stem))
    except OSError as error:
        raise ModelError(f"the file cannot be examined ({error.strerror}), got {shown(source, 200)}") from error
    target, present = imported_path(name), find(name)
    if present:
        raise ModelError(f"model {name} is already installed, {present}; delete it or give another name")
    asked = resolve(architecture).name if architecture else None
    if name in CONFIGS and asked not in (None, name):
        raise ModelError(f"model {name} must be a {name} network, got {asked}; give another name")
    weights = open_weights(source, name if name in CONFIGS else asked)
    write_weights(weights, target)
    return name, weights.name, target


def _model_name(name: str) -> str:
    """The name in the spelling that `resolve` makes of it."""
    if name.isdigit():
        raise ModelError(f"a model's name must not be a number, those are the ncnn plugin's, got {shown(name)}")
    try:
        return resolve(name).name
    except ModelError:
        return name


def write_weights(weights: Weights, target: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write a network's weights in fp16, with its name, and the config of one that is in no table.

    Args:
        weights: from `open_weights`.
        target: .safetensors; written completely or not at all.
        metadata: more metadata.

    Raises:
        ModelError: the weights do not fit into fp16.
        RifeError: the file cannot be written.
    """
    halved = {name: value.half().contiguous() for name, value in weights.state.items()}
    for name, value in halved.items():
        if not value.isfinite().all():
            raise ModelError(f"{name} has weights that are too large for fp16 or no numbers")
    own = {} if CONFIGS.get(weights.name) == weights.config else {"config": described(weights.config)}
    with atomic_write(target, failures=(OSError, SafetensorError)) as partial:
        partial.parent.mkdir(parents=True, exist_ok=True)
        save_file(halved, partial, {**(metadata or {}), "architecture": weights.name, **own})
        partial.chmod(0o644)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m vsrife.weights.convert", description=__doc__)
    parser.add_argument("source", type=Path, help="published .pkl, .pth or .safetensors")
    parser.add_argument("target", type=Path, help=".safetensors to write")
    parser.add_argument("--model", required=True, choices=(*CATALOG, *OWN), help="the version the weights are of")
    options = parser.parse_args()
    write_weights(open_weights(options.source, options.model), options.target)
    for path in (options.source, options.target):
        print(f"{sha256(path)}  {path.name}  {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
