"""Writer of the ncnn plugin's files, in the layout of the published ones: the counterpart of `vsrife.weights.ncnn`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from torch import nn

from vsrife.errors import ArgumentError
from vsrife.files import atomic_write
from vsrife.networks.blocks import SLOPE
from vsrife.weights.export.graph import RELU, Conv, Graph, draw, halved
from vsrife.weights.ncnn import FP16_TAG, MAGIC, files_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

    from vsrife.networks import IFNet
    from vsrife.networks.blocks import ResidualConv

__all__ = ["FOLDERS", "check_folder", "write_ncnn"]

FOLDERS = {32: "rife-v4", 64: "rife-v4.26", 128: "rife-v4.25-lite"}
"""Padding → what a folder's name must contain for the ncnn plugin to pad pictures to multiples of it."""
PADDINGS = {"rife-v4.25": 64, "rife-v4.25-lite": 128, "rife-v4.26": 64}
"""Part of a folder's name → padding, in the order in which the ncnn plugin looks for them; the last one holds."""
WEAK = 1 << 31
ADD, MULTIPLY, DIVIDE, SUBTRACT_FROM = 0, 2, 3, 7
"""Operations of a BinaryOp."""
LEAKY, SUM, BILINEAR = 2, 1, 2
"""An activation inside a convolution, a kind of Eltwise, a kind of Interp."""


@dataclass(frozen=True)
class _Layer:
    """A line of the .param file and its part of the .bin file."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    params: str = ""
    data: bytes = b""

    def line(self) -> str:
        """The line, without its end."""
        counts = f"{len(self.inputs)} {len(self.outputs)}"
        text = f"{self.kind:<24} {self.name:<24} {counts} {' '.join((*self.inputs, *self.outputs))}"
        return f"{text} {self.params}" if self.params else text


class NcnnGraph(Graph):
    """Layers in the order of the published files, named by the converters that made them."""

    def __init__(self, network: IFNet) -> None:
        super().__init__()
        self.layers = [_Layer("Input", name, (), (name,)) for name in ("in0", "in1", "in2")]
        for name, beta in network.named_parameters():
            if name.endswith(".beta"):
                self._put("MemoryData", name, (), f"0=1 1=1 2={beta.numel()}", _plain(beta), name)

    def convolution(self, x: str, layer: Conv, scope: str, activation: nn.Module | None, activated: str) -> str:
        transposed = isinstance(layer, nn.ConvTranspose2d)
        weight = layer.weight.transpose(0, 1) if transposed else layer.weight
        params = f"0={layer.out_channels} 1={layer.kernel_size[0]}" + (" 3=2" if layer.stride[0] == 2 else "")
        params += f" 4=1 5=1 6={weight.numel()}" + (f" 7={layer.groups}" if layer.groups > 1 else "")
        data = _tagged(weight, scope) + _plain(layer.bias)
        kind = "Deconvolution" if transposed else "Convolution" if layer.groups == 1 else "ConvolutionDepthWise"
        name = self.unique(scope, "/ConvTranspose" if transposed else "/Conv")
        if isinstance(activation, nn.LeakyReLU):
            params += f" 9={LEAKY} -23310=1,{SLOPE:e}"
            return self._put(kind, name, (x,), params, data, f"{self.unique(activated, '/LeakyRelu')}_output_0")
        x = self._put(kind, name, (x,), params, data)
        if isinstance(activation, nn.PReLU):
            slopes = activation.weight
            x = self._put("PReLU", f"{activated}/PRelu", (x,), f"0={slopes.numel()}", _plain(slopes))
        return x

    def residual(self, x: str, layer: ResidualConv, scope: str) -> str:
        out = self.convolution(x, layer.conv, f"{scope}/conv", None, "")
        beta = ".".join([scope.split("/")[1], scope.rpartition("/")[2], "beta"])
        out = self._binary(MULTIPLY, f"{scope}/Mul", out, beta)
        out = self._binary(ADD, f"{scope}/Add", out, x)
        return self._put("ReLU", f"{scope}/{RELU}/LeakyRelu", (out,), f"0={SLOPE:e}")

    def shuffle(self, x: str, scope: str) -> str:
        return self._put("PixelShuffle", f"{scope}/DepthToSpace", (x,), "0=2")

    def resize(self, x: str, factor: float, scope: str) -> str:
        size = "" if factor == 1 else f" 1={factor:e} 2={factor:e}"
        return self._put("Interp", self.unique(f"{scope}/Resize"), (x,), f"0={BILINEAR}{size}")

    def concat(self, values: Sequence[str], scope: str = "") -> str:
        return self._put("Concat", self.unique(f"{scope}/Concat"), values)

    def channels(self, x: str, first: int, end: int | None, scope: str = "") -> str:
        params = f"-23309=1,{first} -23310=1,{WEAK - 1 if end is None else end} -23311=1,0"
        return self._put("Crop", self.unique(f"{scope}/Slice"), (x,), params)

    def scaled(self, x: str, factor: float, scope: str) -> str:
        return self._by_number(MULTIPLY, self.unique(f"{scope}/Mul"), x, factor)

    def divided(self, x: str, divisor: float, scope: str) -> str:
        return x if divisor == 1 else self._by_number(DIVIDE, self.unique(f"{scope}/Div"), x, divisor)

    def add(self, a: str, b: str, scope: str = "", factor: float = 1) -> str:
        name = self.unique(f"{scope}/Add")
        if factor == 1:
            return self._binary(ADD, name, a, b)
        return self._put("Eltwise", name, (a, b), f"0={SUM} -23301=2,{1:e},{factor:e}")

    def warp(self, x: str, flow: str) -> str:
        return self._put("rife.Warp", self.unique("/warp"), (x, flow), "0=6")

    def blend(self, warped0: str, warped1: str, mask: str) -> str:
        weight = self._put("Sigmoid", self.unique("/Sigmoid"), (mask,))
        part0 = self._binary(MULTIPLY, self.unique("/Mul"), warped0, weight)
        other = self._by_number(SUBTRACT_FROM, self.unique("/Sub"), weight, 1)
        part1 = self._binary(MULTIPLY, self.unique("/Mul"), warped1, other)
        return self.add(part0, part1)

    def picture(self, x: str) -> str:
        """The picture through a Crop that keeps it whole, as the published files have it."""
        return self.channels(x, 0, 3)

    def timestep(self) -> str:
        """The map of times: input in2 over a map of ones, which the published files make of the pictures."""
        ones = self._by_number(MULTIPLY, self.unique("/Mul"), self.channels(self.concat(("in0", "in1")), 0, 1), 0)
        ones = self._by_number(ADD, self.unique("/Add"), ones, 1)
        return self._binary(MULTIPLY, self.unique("/Mul"), ones, "in2")

    def finished(self, output: str) -> list[_Layer]:
        """The layers, with a Split after each value that several of them read; the output is called out0."""
        readers = Counter(name for layer in self.layers for name in layer.inputs)
        left, splits, layers = dict(readers), Counter[str](), []
        for layer in self.layers:
            inputs = []
            for name in layer.inputs:
                left[name] -= 1
                inputs.append(name if readers[name] == 1 else f"{name}_splitncnn_{left[name]}")
            (name,) = layer.outputs
            layers.append(replace(layer, inputs=tuple(inputs), outputs=("out0" if name == output else name,)))
            if readers[name] > 1:
                kind = "input" if layer.kind == "Input" else ""
                copies = tuple(f"{name}_splitncnn_{index}" for index in range(readers[name]))
                layers.append(_Layer("Split", f"splitncnn_{kind}{splits[kind]}", (name,), copies))
                splits[kind] += 1
        return layers

    def _by_number(self, operation: int, name: str, x: str, number: float) -> str:
        params = (f"0={operation}" if operation else "", "1=1", f"2={number:e}" if number else "")
        return self._put("BinaryOp", name, (x,), " ".join(filter(None, params)))

    def _binary(self, operation: int, name: str, a: str, b: str) -> str:
        return self._put("BinaryOp", name, (a, b), f"0={operation}" if operation else "")

    def _put(
        self, kind: str, name: str, inputs: Sequence[str], params: str = "", data: bytes = b"", output: str = ""
    ) -> str:
        output = output or f"{name}_output_0"
        self.layers.append(_Layer(kind, name, tuple(inputs), (output,), params, data))
        return output


def check_folder(folder: Path, alignment: int) -> None:
    """Check that the plugin pads pictures for a network in this folder: it tells the padding from the folder's name.

    Raises:
        ArgumentError: the name stands for another kind of network or another padding.
    """
    name = folder.name
    found = [padding for part, padding in PADDINGS.items() if part in name] or [32]
    other = "rife-v4" not in name or any(part in name for part in ("rife-v2", "rife-v3"))
    if other or found[-1] % alignment:
        wanted = next((text for size, text in FOLDERS.items() if size % alignment == 0), "another name")
        note = f"; by its name the ncnn plugin pads pictures to multiples of {alignment}"
        raise ArgumentError("output", name, wanted, verb="contain", note=note)


def write_ncnn(network: IFNet, folder: Path) -> None:
    """Write `flownet.param` and `flownet.bin`: weights in fp16, biases and factors in fp32.

    Args:
        network: any that `draw` takes, not folded.
        folder: made where it is missing.

    Raises:
        ModelError: the weights do not fit into fp16.
        RifeError: a file cannot be written.
    """
    graph = NcnnGraph(network)
    layers = graph.finished(draw(network, graph, "in0", "in1", graph.timestep()))
    blobs = sum(len(layer.outputs) for layer in layers)
    text = "\n".join((MAGIC, f"{len(layers)} {blobs}", *(layer.line() for layer in layers)))
    contents = text.encode() + b"\n", b"".join(layer.data for layer in layers)
    for path, content in zip(files_of(folder / "flownet.param") or (), contents, strict=True):
        with atomic_write(path) as partial:
            partial.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(content)


def _plain(values: Tensor | None) -> bytes:
    assert values is not None
    return values.detach().numpy().astype("<f4").tobytes()


def _tagged(values: Tensor, name: str) -> bytes:
    data = halved(values, name).astype("<f2").tobytes()
    return FP16_TAG.to_bytes(4, "little") + data + bytes(-len(data) % 4)
