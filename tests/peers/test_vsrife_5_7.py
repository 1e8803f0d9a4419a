"""Our networks against the module files of the PyPI package vsrife 5.7.0, on the same weights and pictures.

The peer has our package's name, so its wheel is unpacked, not installed, and its network files are imported under
another name; they need torch alone. Without the wheel in `VSRIFE_PEER` or from pip the tests skip.
"""

from __future__ import annotations

import importlib
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
import vapoursynth as vs
from peers_support import Wheel, as_package, fetched, randomised
from support import planes, texture, video

from vsrife.networks import CATALOG, IFNet
from vsrife.weights import load_network

if TYPE_CHECKING:
    from pathlib import Path

WHEEL = Wheel("vsrife", "5.7.0", "67c80c88605ea9c000300343a895f4af8510597817716518494abadfcdd9c7a1")


@pytest.fixture(scope="session")
def peer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fetched(WHEEL, tmp_path_factory.mktemp("peer")) / "vsrife"


def peer_file(name: str) -> str:
    return "IFNet_HDv3_v4_" + name.removeprefix("4.").replace(".", "_")


def peer_network(
    folder: Path, name: str, state: dict[str, torch.Tensor], scale: float = 1, ensemble: bool = False
) -> Any:
    """The peer's module with these weights, as a function of two aligned pictures and a time."""
    as_package("vsrife_peer", folder)
    module = importlib.import_module(f"vsrife_peer.{peer_file(name)}")
    network = module.IFNet(scale, ensemble).eval()
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
        made: torch.Tensor = network(first, last, time, divisor, torch.cat([across, down], 1), *features)
        return made

    return run


@pytest.mark.parametrize("name", CATALOG)
def test_every_name(name: str, peer_folder: Path) -> None:
    """At three times, at two more flow scales, and with the ensemble where there is one: within 1e-4 of the peer.

    Names whose peer files are the same bytes are compared once; the others of them must share our config too.
    """
    texts = {other: (peer_folder / f"{peer_file(other)}.py").read_bytes() for other in CATALOG}
    first_of_its_kind = next(other for other in CATALOG if texts[other] == texts[name])
    if first_of_its_kind != name:
        assert CATALOG[name] == CATALOG[first_of_its_kind]
        return
    network = randomised(IFNet(CATALOG[name])).eval()
    first, last = (torch.from_numpy(texture(256, 256, 5 * t, 2 * t))[None] for t in (0, 1))
    for scale, ensemble in itertools.product((0.5, 1, 2), (False, True)):
        if ensemble and not CATALOG[name].ensemble:
            continue
        peer = peer_network(peer_folder, name, network.state_dict(), scale, ensemble)
        with torch.inference_mode():
            for t in (0.25, 0.5, 0.8) if scale == 1 else (0.3,):
                ours = network(first, last, t, scale=scale, ensemble=ensemble)
                assert float((ours - peer(first, last, t)).abs().max()) <= 1e-4


@pytest.mark.vpy("unique-core")
@pytest.mark.parametrize(("clip", "frames"), [("bikes.mp4", (5, 50, 100, 160)), ("bigbuckbunny.mp4", (40,))])
def test_real_weights_on_real_frames(clip: str, frames: tuple[int, ...], peer_folder: Path) -> None:
    """The published form within 1e-4 of the peer, and the whole filter on RGBS within 2e-4."""
    network = load_network("4.26", None)
    peer = peer_network(peer_folder, "4.26", network.state_dict())
    source = video(clip)
    source = source.resize.Bicubic(640, 320, format=vs.RGBS, matrix_in=vs.MATRIX_BT709)
    source = source.std.Expr("x 0 max 1 min")
    made = vs.core.rife.RIFE(source, multi=4, picture="published", precision="fp32", device="cpu")
    for n in frames:
        first, last = (torch.from_numpy(np.stack(planes(source.get_frame(n + k))))[None] for k in (0, 1))
        for step in (1, 2):
            with torch.inference_mode():
                theirs = peer(first, last, step / 4)
                assert float((network(first, last, step / 4) - theirs).abs().max()) <= 1e-4
            ours = torch.from_numpy(np.stack(planes(made.get_frame(4 * n + step))))[None]
            assert float((ours - theirs).abs().max()) <= 2e-4
