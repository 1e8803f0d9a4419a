"""A network of the 4.x line drawn layer by layer into the graph of another engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from torch import nn

from vsrife.errors import ModelError
from vsrife.networks.blocks import SLOPE, Block, NamedHead, ResidualConv

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray
    from torch import Tensor

    from vsrife.networks import IFNet

__all__ = ["Conv", "Drawn", "Graph", "draw", "draw_motion", "halved"]

Conv = nn.Conv2d | nn.ConvTranspose2d
RELU = "relu"
"""The name that the published networks give the activation of a head or of a residual layer."""


class Graph(ABC):
    """A graph to draw into; its values are known by name, and are N×C×H×W.

    A `scope` is the path of the module that a layer belongs to, such as `/block0`, empty for the network itself.
    """

    def __init__(self) -> None:
        self._names: Counter[str] = Counter()

    def unique(self, prefix: str, suffix: str = "") -> str:
        """The name of the next layer of its kind: `/Add`, `/Add_1`, and so on."""
        count = self._names[prefix]
        self._names[prefix] += 1
        return f"{prefix}_{count}{suffix}" if count else f"{prefix}{suffix}"

    @abstractmethod
    def convolution(self, x: str, layer: Conv, scope: str, activation: nn.Module | None, activated: str) -> str:
        """A convolution, or a transposed one, and its activation, whose module is `activated`."""

    @abstractmethod
    def residual(self, x: str, layer: ResidualConv, scope: str) -> str:
        """LeakyReLU(conv(x)·β + x)."""

    @abstractmethod
    def shuffle(self, x: str, scope: str) -> str:
        """A pixel shuffle to twice the size."""

    @abstractmethod
    def resize(self, x: str, factor: float, scope: str) -> str:
        """Bilinear resampling to `factor` times the size, pixel centres at halves (`align_corners=False`)."""

    @abstractmethod
    def concat(self, values: Sequence[str], scope: str = "") -> str:
        """Values one after the other, by channels."""

    @abstractmethod
    def channels(self, x: str, first: int, end: int | None, scope: str = "") -> str:
        """Channels `first` to `end`, without it."""

    @abstractmethod
    def scaled(self, x: str, factor: float, scope: str) -> str:
        """A value times a number."""

    @abstractmethod
    def divided(self, x: str, divisor: float, scope: str) -> str:
        """A value divided by a number."""

    @abstractmethod
    def add(self, a: str, b: str, scope: str = "", factor: float = 1) -> str:
        """a + b·factor."""

    @abstractmethod
    def warp(self, x: str, flow: str) -> str:
        """See `backward_warp`."""

    @abstractmethod
    def blend(self, warped0: str, warped1: str, mask: str) -> str:
        """warped0·σ(mask) + warped1·(1 − σ(mask))."""

    def picture(self, x: str) -> str:
        """A picture as head and blocks look at it."""
        return x

    def enter(self, x: str) -> str:
        """A value in the precision of the convolutions."""
        return x

    def leave(self, x: str) -> str:
        """What convolutions have computed, in the precision of motion and pictures."""
        return x


class Drawn(NamedTuple):
    """A network's motion in a graph.

    Args:
        flow: in pixels.
        mask: logits.
        maps: the output of each block, and the pixels of the picture to one of its own; flow is in its own pixels.
    """

    flow: str
    mask: str
    maps: tuple[tuple[str, float], ...]


def draw(network: IFNet, graph: Graph, img0: str, img1: str, timestep: str) -> str:
    """Draw a network as `IFNet.forward` runs it between its padding and its cropping.

    Args:
        network: without adaptive scale and without a RefineNet; its residual layers may be folded.
        graph: to draw into.
        img0: picture at time 0, RGB in 0..1.
        img1: picture at time 1.
        timestep: map of times.

    Returns:
        The interpolated picture.
    """
    flow, mask, _ = draw_motion(network, graph, img0, img1, timestep)
    return graph.blend(*_warp_pair(graph, (img0, img1), flow), mask)


def draw_motion(network: IFNet, graph: Graph, img0: str, img1: str, timestep: str) -> Drawn:
    """Draw a network without the picture that is made of its motion.

    Args: see `draw`.
    """
    config = network.config
    head = network.encode if config.head else None
    looks, features = [], []
    for picture in (img0, img1):
        looks.append(graph.picture(picture))
        if head is not None:
            features.append(_head(graph, head, looks[-1]))
    flow = mask = ""
    hidden: tuple[str, ...] = ()
    maps = []
    for index, (block, scale) in enumerate(zip(network.blocks, config.scales, strict=True)):
        scope, last = f"/block{index}", index == len(network.blocks) - 1
        if not flow:
            x = graph.resize(graph.concat((*looks, *features, timestep)), 1 / scale, scope)
        else:
            warped = _warp_pair(graph, (img0, img1), flow)
            described = _warp_pair(graph, features, flow) if features else ()
            inputs = graph.concat((*map(graph.picture, warped), *described, timestep, mask, *hidden))
            small = graph.resize(inputs, 1 / scale, scope), graph.resize(flow, 1 / scale, scope)
            x = graph.concat((small[0], graph.divided(small[1], scale, scope)), scope)
        up = config.map_scale(scale)
        maps.append((graph.leave(_block(graph, block, graph.enter(x), scope)), up))
        out = graph.resize(*maps[-1], scope)
        step = graph.channels(out, 0, 4, scope)
        if not flow:
            step = graph.scaled(step, up, scope)
        own = graph.channels(out, 4, 5, scope)
        if config.carries_hidden and not last:
            hidden = (graph.channels(out, 5, None, scope),)
        flow = graph.add(flow, step, factor=up) if flow else step
        mask = graph.add(mask, own) if mask and config.accumulates_mask else own
    return Drawn(flow, mask, tuple(maps))


def halved(values: Tensor, name: str) -> NDArray[Any]:
    """Weights in fp16.

    Raises:
        ModelError: they do not fit.
    """
    half = values.detach().half()
    if not half.isfinite().all():
        raise ModelError(f"{name} has weights that are too large for fp16")
    return half.contiguous().numpy()


def _warp_pair(graph: Graph, pair: Sequence[str], flow: str) -> tuple[str, str]:
    warped0 = graph.warp(pair[0], graph.channels(flow, 0, 2))
    return warped0, graph.warp(pair[1], graph.channels(flow, 2, 4))


def _head(graph: Graph, head: nn.Module, x: str) -> str:
    x = graph.enter(x)
    layers = [(name, layer) for name, layer in head.named_children() if isinstance(layer, Conv)]
    named, bare = isinstance(head, NamedHead), len(layers) == 2
    for index, (name, layer) in enumerate(layers):
        plain = bare or index == len(layers) - 1
        scope = f"/encode/{name}" if named else f"/encode/encode.{name}"
        x = graph.convolution(x, layer, scope, None if plain else nn.LeakyReLU(SLOPE), f"/encode/{RELU}")
    return graph.leave(x)


def _block(graph: Graph, block: Block, x: str, scope: str) -> str:
    for path, layer in _activated(block.conv0, f"{scope}/conv0/conv0"):
        x = _convolve(graph, layer, x, path)
    start = x
    for path, layer in _activated(block.convblock, f"{scope}/convblock/convblock"):
        x = graph.residual(x, layer, path) if isinstance(layer, ResidualConv) else _convolve(graph, layer, x, path)
    if block.skip:
        x = graph.add(x, start, scope)
    if isinstance(block.lastconv, nn.Sequential):
        x = graph.convolution(x, block.lastconv[0], f"{scope}/lastconv/lastconv.0", None, "")  # type: ignore[arg-type]
        return graph.shuffle(x, f"{scope}/lastconv/lastconv.1")
    return graph.convolution(x, block.lastconv, f"{scope}/lastconv", None, "")  # type: ignore[arg-type]


def _activated(layers: nn.Module, scope: str) -> Iterator[tuple[str, nn.Module]]:
    for index, layer in enumerate(layers.children()):
        yield f"{scope}.{index}", layer


def _convolve(graph: Graph, layer: nn.Module, x: str, path: str) -> str:
    """A convolution and its activation, which stand in a `Sequential`."""
    conv, activation = layer.children()
    own = f"{path}/{path.rpartition('/')[2]}"
    return graph.convolution(x, conv, f"{own}.0", activation, f"{own}.1")  # type: ignore[arg-type]
