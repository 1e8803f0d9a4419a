"""TorchScript: the network's own pictures, at sizes and times it was not traced with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import save_file
from support import clip_of
from weights.export.networks import CONFIGS, decibels, filtered, moving, pair

from vsrife.networks import HDv3Config, PaperConfig, estimate
from vsrife.networks.described import described
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


@pytest.mark.vpy("unique-core")
@pytest.mark.filterwarnings("ignore:.torch.jit")
@pytest.mark.parametrize("name", [*ANY_TIME, *MIDPOINT])
def test_the_filters_picture_step(name: str, tmp_path: Path) -> None:
    config = (ANY_TIME | MIDPOINT)[name]
    network = moving(config)
    form = Form("torchscript", picture_step="sharp")
    traced = torch.jit.load(export_network(network, "mine", form, tmp_path / "mine.pt"))
    weights = tmp_path / "mine.safetensors"
    save_file(network.state_dict(), weights, {"config": described(config)})
    for width, height in ((101, 75), (128, 64)):
        img0, img1, _ = pair(width, height)
        clip = clip_of([img0[0].numpy(), img1[0].numpy()])
        for parts in (2, 5) if config.any_time else (2,):
            times = (torch.tensor(1 / parts),) if config.any_time else ()
            made = traced(img0, img1, *times)[0].numpy()
            near, far = (
                filtered(clip, parts, model_path=str(weights), picture=step) for step in ("sharp", "published")
            )
            assert decibels(made, near) > max(65, decibels(made, far) + 20)


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_no_device_is_kept_in_it(tmp_path: Path) -> None:
    warp = estimate.backward_warp
    _, traced = loaded(CONFIGS["4.25"], tmp_path)
    assert 'value="cpu"' not in str(traced.inlined_graph)
    assert "prim::device" in str(traced.inlined_graph)
    assert estimate.backward_warp is warp
