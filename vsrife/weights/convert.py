"""Turns a published weights file into the form the package ships: `python -m vsrife.weights.convert IN OUT`.

fp16 safetensors, inference part only, with the architecture as metadata. The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from safetensors.torch import save_file

from vsrife.networks import CATALOG
from vsrife.weights.detect import check
from vsrife.weights.files import read_weights

__all__ = ["convert"]


def convert(source: Path, target: Path, architecture: str) -> None:
    """Write the weights of `source`, checked against `architecture`, to `target` in fp16.

    Raises:
        ModelError: the source cannot be read or has another architecture.
    """
    state = read_weights(source)
    check(state, architecture)
    partial = target.with_suffix(".partial")
    save_file(
        {name: value.half().contiguous() for name, value in state.items()}, partial, {"architecture": architecture}
    )
    partial.chmod(0o644)
    partial.replace(target)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m vsrife.weights.convert", description=__doc__)
    parser.add_argument("source", type=Path, help="published .pkl, .pth or .safetensors")
    parser.add_argument("target", type=Path, help=".safetensors to write")
    parser.add_argument("--model", required=True, choices=CATALOG, help="the version the weights are of")
    options = parser.parse_args()
    convert(options.source, options.target, options.model)
    for path in (options.source, options.target):
        print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}  {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
