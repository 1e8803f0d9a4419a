"""Our networks against the module files of the PyPI package vsrife 5.7.0, on the same weights and pictures.

The peer has our package's name, so its wheel is unpacked, not installed, and its network files are imported under
another name; they need torch alone. Without the wheel in `VSRIFE_PEER` or from pip the tests skip.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import subprocess
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import vapoursynth as vs
from support import planes, texture, video

from vsrife.networks import CATALOG, IFNet
from vsrife.weights import load_network

WHEEL = "vsrife-5.7.0-py3-none-any.whl"
SHA256 = "67c80c88605ea9c000300343a895f4af8510597817716518494abadfcdd9c7a1"


@pytest.fixture(scope="session")
def peer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("peer")
    wheel = Path(os.environ.get("VSRIFE_PEER", folder)) / WHEEL
    if not wheel.is_file():
        fetch = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), "vsrife==5.7.0"]
        if subprocess.run(fetch, capture_output=True, check=False).returncode:
            pytest.skip("the peer's wheel cannot be fetched (VSRIFE_PEER names a folder that holds it)")
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() == SHA256
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked" / "vsrife"


def peer_network(folder: Path, name: str, state: dict[str, torch.Tensor]) -> Any:
    """The peer's module with these weights, as a function of two aligned pictures and a time."""
    package = types.ModuleType("vsrife_peer")
    package.__path__ = [str(folder)]
    sys.modules["vsrife_peer"] = package
    module = importlib.import_module("vsrife_peer.IFNet_HDv3_v4_" + name.removeprefix("4.").replace(".", "_"))
    network = module.IFNet(1.0, False).eval()
    if hasattr(module, "Head"):
        network.encode = module.Head().eval()
    network.load_state_dict(state, strict=True)

    def run(first: torch.Tensor, last: torch.Tensor, t: float) -> torch.Tensor:
        height, width = first.shape[-2:]
        divisor = torch.tensor([(width - 1) / 2, (height - 1) / 2])
        across = torch.linspace(-1, 1, width).view(1, 1, 1, width).expand(-1, -1, height, -1)
        down = torch.linspace(-1, 1, height).view(1, 1, height, 1).expand(-1, -1, -1, width)
        features = (network.encode(first.clone()), network.encode(last.clone())) if CATALOG[name].head else ()
        time = torch.full((1, 1, height, width), t)
        return network(first, last, time, divisor, torch.cat([across, down], 1), *features)

    return run


def random_network(name: str) -> IFNet:
    torch.manual_seed(1)
    network = IFNet(CATALOG[name]).eval()
    for key, parameter in network.named_parameters():
        if key.endswith("beta"):
            torch.nn.init.uniform_(parameter, 0.2, 1)
        elif parameter.dim() > 1:
            torch.nn.init.normal_(parameter, 0, parameter[0].numel() ** -0.5)
    return network


REPRESENTATIVES = {config: name for name, config in CATALOG.items()}


@pytest.mark.parametrize("name", REPRESENTATIVES.values())
def test_every_architecture(name: str, peer_folder: Path) -> None:
    network = random_network(name)
    peer = peer_network(peer_folder, name, network.state_dict())
    first, last = (torch.from_numpy(texture(256, 128, 5 * t, 2 * t))[None] for t in (0, 1))
    with torch.inference_mode():
        for t in (0.25, 0.8):
            assert float((network(first, last, t) - peer(first, last, t)).abs().max()) <= 1e-4


@pytest.mark.vpy("unique-core")
@pytest.mark.parametrize(("clip", "frames"), [("bikes.mp4", (5, 50, 100, 160)), ("bigbuckbunny.mp4", (40,))])
def test_real_weights_on_real_frames(clip: str, frames: tuple[int, ...], peer_folder: Path) -> None:
    """The published form within 1e-4 of the peer, and the whole filter on RGBS within 2e-4."""
    network = load_network("4.26", None)
    peer = peer_network(peer_folder, "4.26", network.state_dict())
    source = video(clip)
    source = source.resize.Bicubic(640, 320, format=vs.RGBS, matrix_in=vs.MATRIX_BT709)
    source = source.std.Expr("x 0 max 1 min")
    made = vs.core.rife.RIFE(source, multi=4, precision="fp32", device="cpu")
    for n in frames:
        first, last = (torch.from_numpy(np.stack(planes(source.get_frame(n + k))))[None] for k in (0, 1))
        for step in (1, 2):
            with torch.inference_mode():
                theirs = peer(first, last, step / 4)
                assert float((network(first, last, step / 4) - theirs).abs().max()) <= 1e-4
            ours = torch.from_numpy(np.stack(planes(made.get_frame(4 * n + step))))[None]
            assert float((ours - theirs).abs().max()) <= 2e-4
