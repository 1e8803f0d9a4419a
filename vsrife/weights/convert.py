"""Turns a published weights file into the form the package ships: `python -m vsrife.weights.convert IN OUT`.

fp16 safetensors, inference part only, with the architecture as metadata. The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors.torch import save_file

from vsrife.errors import ModelError
from vsrife.networks import CATALOG, CONFIGS, OWN
from vsrife.networks.described import described
from vsrife.weights.download import sha256
from vsrife.weights.files import replacing
from vsrife.weights.loading import Opened, open_weights
from vsrife.weights.names import NAMES, resolve
from vsrife.weights.store import find, imported_path
from vsrife.weights.wording import said

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["convert", "import_weights", "write_weights"]


def convert(source: Path, target: Path, architecture: str) -> None:
    """Write the weights of `source`, checked against `architecture`, to `target` in fp16.

    Raises:
        ModelError: the source cannot be read, has another architecture or weights too large for fp16.
    """
    write_weights(open_weights(source, architecture), target)


def import_weights(source: Path, name: str | None, architecture: str | None) -> tuple[str, str, Path]:
    """Keep a weights file in the user's folder, in fp16, as a model.

    Args:
        source: any file `read_weights` reads.
        name: what to call it; without it, what the file is called.
        architecture: the version it is of; without it, what the name or the file says or its shapes tell.

    Returns:
        The model's name, a name of its network and its file.

    Raises:
        ModelError: the file fits no network, or the name is none or is taken.
    """
    try:
        name = _model_name(name or (source.name if source.is_dir() else source.stem))
    except OSError as error:
        raise ModelError(f"the file cannot be looked at ({error.strerror}), got {said(source)}") from error
    target, here = imported_path(name), find(name)
    if here:
        raise ModelError(f"model {name} is here already, {here}; delete that or give another name")
    asked = resolve(architecture).name if architecture else None
    if name in NAMES and asked not in (None, name):
        raise ModelError(f"model {name} must be a {name} network, got {asked}; give another name")
    opened = open_weights(source, name if name in NAMES else asked)
    write_weights(opened, target)
    return name, opened.name, target


def _model_name(name: str) -> str:
    """The name in the spelling that `resolve` makes of it."""
    if name.isdigit():
        raise ModelError(f"a model's name must not be a number, those are the ncnn plugin's, got {said(name)}")
    try:
        return resolve(name).name
    except ModelError:
        return name


def write_weights(weights: Opened, target: Path, said: Mapping[str, str] | None = None) -> None:
    """Write a network's weights in fp16, with what it is: its name, and the config of one that is in no table.

    Args:
        weights: what `open_weights` gives.
        target: .safetensors; it is there whole or not at all.
        said: metadata beside those.

    Raises:
        ModelError: they do not fit into fp16, or the file cannot be written.
    """
    halved = {name: value.half().contiguous() for name, value in weights.state.items()}
    for name, value in halved.items():
        if not value.isfinite().all():
            raise ModelError(f"{name} has weights that are too large for fp16 or no numbers")
    metadata = {"architecture": weights.name}
    if CONFIGS.get(weights.name) != weights.config:
        metadata["config"] = described(weights.config)
    with replacing(target) as partial:
        save_file(halved, partial, {**(said or {}), **metadata})
        partial.chmod(0o644)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m vsrife.weights.convert", description=__doc__)
    parser.add_argument("source", type=Path, help="published .pkl, .pth or .safetensors")
    parser.add_argument("target", type=Path, help=".safetensors to write")
    parser.add_argument("--model", required=True, choices=(*CATALOG, *OWN), help="the version the weights are of")
    options = parser.parse_args()
    convert(options.source, options.target, options.model)
    for path in (options.source, options.target):
        print(f"{sha256(path)}  {path.name}  {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
