"""ONNX files, run by ONNX Runtime and, where they are installed, by vs-mlrt's plugins, against the published form."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
import vapoursynth as vs
from support import clip_of, gray_clip
from weights.export.networks import CONFIGS, decibels, filtered, moving, pair

from vsrife.errors import ArgumentError, ModelError, RifeError
from vsrife.weights import load_network
from vsrife.weights.export import Form, export_network

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from vsrife.networks import IFNet

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


def written(network: IFNet, folder: Path, **options: Any) -> Path:
    return export_network(network, "4.26", Form("onnx", **options), folder / "rife.onnx")


def ran(path: Path, *inputs: Tensor) -> NDArray[np.float32]:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (out,) = session.run(["output"], {"input": torch.cat(inputs, 1).numpy()})
    return out


def grid(height: int, width: int) -> tuple[Tensor, ...]:
    """The planes that vs-mlrt's script adds in its first form."""
    full = torch.ones(1, 1, height, width)
    x, y = torch.linspace(-1, 1, width), torch.linspace(-1, 1, height)[:, None]
    return x * full, y * full, full * (2 / (width - 1)), full * (2 / (height - 1))


@pytest.mark.parametrize("name", CONFIGS)
def test_every_architecture(name: str, tmp_path: Path) -> None:
    network = moving(CONFIGS[name])
    img0, img1, times = pair(90, 70)
    expected = network(img0, img1, times).numpy()
    assert decibels(expected, ((img0 + img1) / 2).numpy()) < 40
    assert decibels(ran(written(network, tmp_path), img0, img1, times), expected) > 100


@pytest.mark.parametrize(("half", "lowest"), [(False, 110), (True, 80)])
@pytest.mark.parametrize("planes", [7, 11])
@pytest.mark.parametrize("fixed", [False, True])
def test_both_forms(planes: int, half: bool, fixed: bool, lowest: float, tmp_path: Path) -> None:
    network = load_network("4.26", None)
    width, height = (100, 75) if planes == 7 else (128, 64)
    inputs = pair(width, height)
    path = written(network, tmp_path, planes=planes, half=half, size=(width, height) if fixed else None)
    more = () if planes == 7 else grid(height, width)
    with torch.inference_mode():
        expected = network(*inputs).numpy()
    assert decibels(ran(path, *inputs, *more), expected) > lowest


def test_the_eleven_planes_are_where_it_samples(tmp_path: Path) -> None:
    network = moving(CONFIGS["4.25"])
    img0, img1, times = pair(128, 64)
    right, down, per_column, per_row = grid(64, 128)
    path = written(network, tmp_path, planes=11)
    plain = ran(path, img0, img1, times, right, down, per_column, per_row)
    moved = ran(path, img0, img1, times, right + 1, down, per_column, per_row)
    assert decibels(plain, moved) < 40


@pytest.mark.parametrize(("half", "kind"), [(False, 1), (True, 10)])
def test_what_vs_mlrt_reads_of_it(half: bool, kind: int, tmp_path: Path) -> None:
    model = onnx.load(written(moving(CONFIGS["4.25"]), tmp_path, half=half))
    (given,), (made,) = model.graph.input, model.graph.output
    assert (given.name, made.name) == ("input", "output")
    assert [dim.dim_value for dim in given.type.tensor_type.shape.dim] == [1, 7, 0, 0]
    assert {value.type.tensor_type.elem_type for value in (given, made)} == {1}
    kinds = {each.name: each.data_type for each in model.graph.initializer}
    assert {kinds[node.input[1]] for node in model.graph.node if node.op_type in ("Conv", "ConvTranspose")} == {kind}
    assert [opset.version for opset in model.opset_import] == [16]


@pytest.mark.vpy("unique-core")
@pytest.mark.parametrize(
    ("planes", "fixed", "half", "lowest"),
    [(7, False, False, 90), (7, True, True, 55), (11, False, False, 90), (11, True, False, 90)],
)
def test_the_filters_picture_step(planes: int, fixed: bool, half: bool, lowest: float, tmp_path: Path) -> None:
    """At odd sizes, at a time beside the middle and, as the filter warps planes as they are, in values beyond 0..1."""
    network = load_network("4.26", None)
    width, height = (101, 75) if planes == 7 else (128, 64)
    img0, img1, _ = pair(width, height)
    img0, img1 = img0 * 1.1, img1 * 1.1
    size = (width, height) if fixed else None
    path = written(network, tmp_path, planes=planes, half=half, size=size, picture_step="sharp")
    clip = clip_of([img0[0].numpy(), img1[0].numpy()])
    more = () if planes == 7 else grid(height, width)
    for parts in (2, 5):
        made = ran(path, img0, img1, torch.full((1, 1, height, width), 1 / parts), *more)[0]
        near, far = (decibels(made, filtered(clip, parts, picture=step)) for step in ("sharp", "published"))
        assert near > max(lowest, far + 10)


def test_engines_need_compute_no_size_where_it_is_fixed(tmp_path: Path) -> None:
    model = onnx.load(written(moving(CONFIGS["4.25"]), tmp_path, size=(101, 75), picture_step="sharp"))
    assert not {"Shape", "Range"} & {node.op_type for node in model.graph.node}


def test_pictures_are_clamped(tmp_path: Path) -> None:
    network = moving(CONFIGS["4.25"])
    img0, img1, times = pair(70, 64)
    beyond = img0 * 1.5 - 0.2
    out = ran(written(network, tmp_path), beyond, img1, times)
    assert decibels(out, network(beyond, img1, times).numpy()) > 100
    assert out.min() >= -1e-6
    assert out.max() <= 1 + 1e-6


@pytest.mark.vpy("unique-core")
@pytest.mark.parametrize("plugin", ["ort", "ov"])
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("step", ["published", "sharp"])
def test_plugins_of_vs_mlrt(plugin: str, half: bool, step: str, tmp_path: Path) -> None:
    if not hasattr(vs.core, plugin):
        pytest.skip(f"vapoursynth-mlrt-{plugin} is not installed")
    network = load_network("4.26", None)
    img0, img1, _ = pair(100, 75)
    clips = [clip_of([picture[0].numpy()]) for picture in (img0, img1)]
    path = str(written(network, tmp_path, half=half, picture_step=step))
    times = gray_clip([np.full((75, 100), 1 / 3, np.float32)])
    frame = getattr(vs.core, plugin).Model([*clips, times], path).get_frame(0)
    expected = filtered(clips[0] + clips[1], 3, picture=step)
    assert decibels(np.stack([np.asarray(frame[plane]) for plane in range(3)]), expected) > (50 if half else 60)


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    network = moving(CONFIGS["4.6"])
    first = written(network, tmp_path).read_bytes()
    assert written(network, tmp_path).read_bytes() == first


def test_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = moving(CONFIGS["4.25"])
    with pytest.raises(
        ArgumentError, match=r"^size must be WIDTHxHEIGHT, .*multiples of 64 with 11 planes, got 96x64$"
    ):
        written(network, tmp_path, planes=11, size=(96, 64))
    with pytest.raises(ArgumentError, match=r"^size must be WIDTHxHEIGHT, 16 to 16384, got 8x64$"):
        written(network, tmp_path, size=(8, 64))
    network.block0.conv0[0][0].weight.fill_(1e6)
    with pytest.raises(ModelError, match="too large for fp16"):
        written(network, tmp_path, half=True)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(RifeError, match=r"^ONNX files need the package onnx \(.*\); pip install onnx$"):
        written(network, tmp_path)
    assert list(tmp_path.iterdir()) == []
