"""Reader of the ncnn plugin's files: `flownet.param` lists the layers, `flownet.bin` holds their weights.

The layers of a 4.x network map one to one to the published ones. Their order alone distinguishes them, because only
some converters keep names: every block and every feature encoder ends in its one transposed convolution.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from vsrife.errors import ModelError, first_line, shown
from vsrife.networks.catalog import CATALOG

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["files_of", "read_ncnn"]

MAGIC = "7767517"
FP16_TAG, FP32_TAG = 0x01306B47, 0
CONVOLUTIONS = ("Convolution", "ConvolutionDepthWise", "Deconvolution")
LARGEST_PARAM = 1 << 22
LARGEST_SIDE = 1 << 16
BETA = re.compile(r"block(\d+)\.convblock\.(\d+)\.beta")

Params = dict[int, str]


class _DamagedError(Exception):
    """What is wrong with a file, without the file's name."""


@dataclass(frozen=True)
class _Layer:
    """A layer that has weights, or determines the network's structure.

    Args:
        kind: ncnn's name of its kind.
        name: its own name.
        stride: of a convolution.
        tensors: a convolution's weight and bias, a PReLU's slopes, a constant's values.
    """

    kind: str
    name: str
    stride: int = 1
    tensors: tuple[Tensor, ...] = ()

    def has_weights_of(self, other: _Layer) -> bool:
        pairs = zip(self.tensors, other.tensors, strict=False)
        return len(self.tensors) == len(other.tensors) and all(torch.equal(a, b) for a, b in pairs)


def files_of(path: Path) -> tuple[Path, Path] | None:
    """The .param and .bin file that a path stands for: their folder, or either of them; None for every other kind."""
    if path.is_dir():
        base = path / "flownet"
    elif path.suffix.lower() in (".param", ".bin"):
        base = path.with_suffix("")
    else:
        return None
    return base.with_name(base.name + ".param"), base.with_name(base.name + ".bin")


def read_ncnn(param: Path, binary: Path) -> dict[str, Tensor]:
    """Read the weights of a RIFE 4.x network in ncnn form: fp32, under their published names.

    Args:
        param: the text file that lists the layers.
        binary: the file of their weights.

    Raises:
        ModelError: a file is missing or damaged, or the network has another structure.
    """
    for file in (param, binary):
        if not file.is_file():
            raise ModelError(f"model_path must be ncnn's .param and .bin together, {shown(file, 200)} is missing")
    file = param
    try:
        lines = _lines(param)
        file = binary
        layers = _layers(lines, binary)
        file = param
        return _state(layers)
    except (_DamagedError, OSError) as error:
        name = shown(f"{file.parent.name}/{file.name}", 200)
        raise ModelError(f"{name} cannot be read as an ncnn network: {first_line(error)}") from error


def _lines(param: Path) -> list[tuple[str, str, Params]]:
    """Kind, name and parameters of every layer of a .param file."""
    if param.stat().st_size > LARGEST_PARAM:
        raise _DamagedError(f"it is larger than {LARGEST_PARAM} bytes")
    lines = param.read_text(encoding="utf-8", errors="replace").splitlines()
    if len(lines) < 2 or lines[0].strip() != MAGIC:
        raise _DamagedError(f"its first line is not {MAGIC}")
    layers = [_line(line) for line in lines[2:] if line.strip()]
    if lines[1].split()[:1] != [str(len(layers))]:
        raise _DamagedError(f"it names {len(layers)} layers and its second line says {shown(lines[1].strip(), 40)!r}")
    return layers


def _line(line: str) -> tuple[str, str, Params]:
    kind, name, *rest = [*line.split(), "", ""]
    counts = [_integer(word, f"layer {name}") for word in rest[:2]]
    params = {}
    for word in rest[2 + sum(counts) :]:
        if word:
            key, _, value = word.partition("=")
            params[_integer(key, f"layer {name}", lowest=-30000)] = value
    return kind, name, params


def _integer(word: str, what: str, *, lowest: int = 0, highest: int = 1 << 31) -> int:
    number = int(word) if re.fullmatch(r"-?[0-9]{1,10}", word) else None
    if number is None or not lowest <= number <= highest:
        raise _DamagedError(f"{what} has {shown(word, 20)!r} where a number is expected")
    return number


class _Weights:
    """A sequential reader of the numbers in a .bin file."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return self._data.size - self._at

    def plain(self, count: int, kind: str = "<f4") -> Tensor:
        """Read `count` numbers of a numpy kind, which end on a multiple of four bytes."""
        size = count * np.dtype(kind).itemsize
        if size > self.left:
            raise _DamagedError(f"it ends {size - self.left} bytes early")
        values = self._data[self._at : self._at + size].view(kind).astype(np.float32)
        self._at += min(size + -size % 4, self.left)
        if not np.isfinite(values).all():
            raise _DamagedError("it holds values that are no finite numbers")
        return torch.from_numpy(values)

    def tagged(self, count: int) -> Tensor:
        """Read `count` numbers in the precision of the tag before them."""
        if self.left < 4:
            raise _DamagedError("it ends early")
        tag = int(self._data[self._at : self._at + 4].view("<u4")[0])
        self._at += 4
        if tag not in (FP16_TAG, FP32_TAG):
            raise _DamagedError(f"its weights have the tag {tag:#010x}, neither fp16 nor fp32")
        return self.plain(count, "<f2" if tag == FP16_TAG else "<f4")


def _layers(lines: list[tuple[str, str, Params]], binary: Path) -> list[_Layer]:
    """The layers that determine the network, with their weights, in the file's order."""
    # A map rather than a read: nothing is allocated before the sizes in the .param file are checked against the file.
    weights = _Weights(np.memmap(binary, np.uint8, "r") if binary.stat().st_size else np.empty(0, np.uint8))
    layers = []
    for kind, name, params in lines:
        if kind in CONVOLUTIONS:
            layers.append(_convolution(kind, name, params, weights))
        elif kind == "PReLU":
            slopes = weights.plain(_param(params, 0, name, highest=LARGEST_SIDE))
            layers.append(_Layer(kind, name, tensors=(slopes,)))
        elif kind == "MemoryData":
            sides = [_param(params, key, name, default=0, highest=LARGEST_SIDE) or 1 for key in (0, 1, 2)]
            read = weights.plain if _param(params, 21, name, default=1) else weights.tagged
            layers.append(_Layer(kind, name, tensors=(read(sides[0] * sides[1] * sides[2]),)))
        elif kind == "PixelShuffle":
            layers.append(_Layer(kind, name))
    if weights.left:
        raise _DamagedError(f"it has {weights.left} bytes more than the layers of its .param file")
    return layers


def _convolution(kind: str, name: str, params: Params, weights: _Weights) -> _Layer:
    outputs = _param(params, 0, name, lowest=1, highest=LARGEST_SIDE)
    width = _param(params, 1, name, lowest=1, highest=64)
    height = _param(params, 11, name, default=width, lowest=1, highest=64)
    count = _param(params, 6, name, lowest=1)
    inputs, rest = divmod(count, outputs * width * height)
    if rest:
        raise _DamagedError(f"layer {name} has {count} weights for {outputs} outputs of {width}x{height}")
    weight = weights.tagged(count).reshape(outputs, inputs, height, width)
    if kind == "Deconvolution":
        weight = weight.transpose(0, 1).contiguous()
    bias = (weights.plain(outputs),) if _param(params, 5, name, default=0) else ()
    return _Layer(kind, name, _param(params, 3, name, default=1), (weight, *bias))


def _param(
    params: Params, key: int, name: str, *, default: int | None = None, lowest: int = 0, highest: int = 1 << 31
) -> int:
    if key not in params and default is not None:
        return default
    return _integer(params.get(key, ""), f"parameter {key} of layer {name}", lowest=lowest, highest=highest)


def _state(layers: list[_Layer]) -> dict[str, Tensor]:
    """The state dict of a network, from its layers in the order they run."""
    residual = any(layer.kind == "PixelShuffle" for layer in layers)
    state: dict[str, Tensor] = {}
    blocks = heads = 0
    for part in _parts([layer for layer in layers if layer.kind not in ("MemoryData", "PixelShuffle")]):
        halvings = sum(layer.stride == 2 for layer in part[:-1])
        if halvings == 2:
            state |= _block(part, f"block{blocks}.", residual=residual)
            blocks += 1
        elif halvings == 1 and not heads:
            state |= _head(part)
            heads += 1
        else:
            raise _DamagedError(f"up to layer {part[-1].name} it is not laid out like RIFE 4.x")
    if not blocks:
        raise _DamagedError("it is not laid out like RIFE 4.x")
    for layer in layers:
        if layer.kind == "MemoryData":  # the factors β; none where the converter has folded them into convolutions
            if not BETA.fullmatch(layer.name):
                raise _DamagedError(f"layer {layer.name} is a constant that RIFE 4.x does not have")
            state[layer.name] = layer.tensors[0].reshape(1, -1, 1, 1)
    return state


def _parts(layers: list[_Layer]) -> list[list[_Layer]]:
    """Blocks and encoder, each of which ends in a transposed convolution.

    The encoder stands twice in the graph, once for each picture, and in ensemble forms so does every block, with the
    same weights: a part that only repeats the one before it is left out.
    """
    parts: list[list[_Layer]] = []
    part: list[_Layer] = []
    for layer in layers:
        part.append(layer)
        if layer.kind == "Deconvolution":
            repeats = parts and len(part) == len(parts[-1])
            if not repeats or not all(a.has_weights_of(b) for a, b in zip(part, parts[-1], strict=True)):
                parts.append(part)
            part = []
    if part:
        raise _DamagedError(f"layer {part[0].name} belongs to no block of RIFE 4.x")
    return parts


def _block(part: list[_Layer], prefix: str, *, residual: bool) -> dict[str, Tensor]:
    """A block's weights: two convolutions that halve, those of the body, the transposed one."""
    state: dict[str, Tensor] = {}
    count = 0
    for layer in part[:-1]:
        if layer.kind == "PReLU":
            count -= 1
        name = prefix + (f"conv0.{count}." if count < 2 else f"convblock.{count - 2}.")
        if layer.kind == "PReLU":
            state |= _tensors(layer, f"{name}1.")
        elif residual and count >= 2:
            state |= _tensors(layer, f"{name}conv.")
            state[f"{name}beta"] = torch.ones(1, len(layer.tensors[0]), 1, 1)
        else:
            state |= _tensors(layer, f"{name}0.")
        count += 1
    return state | _tensors(part[-1], prefix + ("lastconv.0." if residual else "lastconv."))


def _head(part: list[_Layer]) -> dict[str, Tensor]:
    """The encoder's weights.

    From 4.13 on its layers are called cnn0 to cnn3 and clamp their input to 0..1; nothing else differs. Where the
    converter has dropped the names, these are assumed, unless the networks of these sizes are all older.
    """
    hidden, channels = len(part[0].tensors[0]), part[-1].tensors[0].shape[1]
    heads = [config.head for config in CATALOG.values() if config.head]
    alike = [head for head in heads if (head.hidden, head.channels, head.layers) == (hidden, channels, len(part))]
    named = not alike or any(head.named for head in alike)
    if "encode" in part[0].name:
        named = "cnn" in part[0].name
    state: dict[str, Tensor] = {}
    for index, layer in enumerate(part):
        place = f"cnn{index}" if named else str(index if len(part) == 2 else 2 * index)
        state |= _tensors(layer, f"encode.{place}.")
    return state


def _tensors(layer: _Layer, prefix: str) -> dict[str, Tensor]:
    return {f"{prefix}{name}": value for name, value in zip(("weight", "bias"), layer.tensors, strict=False)}
