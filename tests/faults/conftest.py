"""A network of a few thousand weights, so that a frame costs milliseconds."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from vsrife.networks import IFNetConfig, make
from vsrife.networks.described import described

TINY = IFNetConfig((8, 8), scales=(4, 2))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("tiny") / "tiny.safetensors"
    save_file({name: value * 0.5 for name, value in make(TINY).state_dict().items()}, path, {"config": described(TINY)})
    return str(path)
