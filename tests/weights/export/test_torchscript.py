"""TorchScript: the network's own pictures, at sizes and times it was not traced with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from weights.export.networks import CONFIGS, moving, pair

from vsrife.networks import HDv3Config, PaperConfig, estimate
from vsrife.weights.export import Form, export_network

if TYPE_CHECKING:
    from pathlib import Path

    from vsrife.networks import AnyConfig

WIDTHS = (10, 8, 6)
ANY_TIME = {"4.25": CONFIGS["4.25"], "4.6": CONFIGS["4.6"], "paper-m": PaperConfig(any_time=True, widths=WIDTHS)}
MIDPOINT = {
    "paper-large": PaperConfig(fine=True, turned=True, widths=WIDTHS),
    "3.6": HDv3Config(widths=WIDTHS),
}


def loaded(config: AnyConfig, folder: Path) -> tuple[Any, Any]:
    """A network, and the same from its file."""
    network = moving(config)
    path = export_network(network, "mine", Form("torchscript"), folder / "mine.pt")
    return network, torch.jit.load(path)


@pytest.mark.filterwarnings("ignore:.torch.jit")
@pytest.mark.parametrize("name", ANY_TIME)
def test_any_size_and_any_time(name: str, tmp_path: Path) -> None:
    network, traced = loaded(ANY_TIME[name], tmp_path)
    for width, height in ((70, 50), (128, 64)):
        img0, img1, times = pair(width, height)
        assert torch.equal(traced(img0, img1, times), network(img0, img1, times))
        assert torch.equal(traced(img0, img1, torch.tensor(0.3)), network(img0, img1, 0.3))


@pytest.mark.filterwarnings("ignore:.torch.jit")
@pytest.mark.parametrize("name", MIDPOINT)
def test_networks_for_the_middle(name: str, tmp_path: Path) -> None:
    network, traced = loaded(MIDPOINT[name], tmp_path)
    for width, height in ((70, 50), (96, 64)):
        img0, img1, _ = pair(width, height)
        assert torch.equal(traced(img0, img1), network(img0, img1))


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_no_device_is_kept_in_it(tmp_path: Path) -> None:
    warp = estimate.backward_warp
    _, traced = loaded(CONFIGS["4.25"], tmp_path)
    assert 'value="cpu"' not in str(traced.inlined_graph)
    assert "prim::device" in str(traced.inlined_graph)
    assert estimate.backward_warp is warp
