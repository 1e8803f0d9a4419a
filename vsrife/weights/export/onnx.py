"""Networks as ONNX files, in the two forms that vs-mlrt's script reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from vsrife.errors import RifeError, first_line
from vsrife.files import atomic_write
from vsrife.networks.blocks import SLOPE, ResidualConv
from vsrife.networks.fold import folded
from vsrife.weights.export.graph import Conv, Graph, draw, draw_motion, halved
from vsrife.weights.export.onnx_operations import OnnxOperations
from vsrife.weights.export.picture_step import Pair, make_sharp_picture

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from vsrife.networks import IFNet

__all__ = ["PLANES", "write_onnx"]

PLANES = (7, 11)
"""Input planes: left and right picture and times; then also the sampling grid, whose sizes are multiples already."""
OPSET, IR = 16, 8
"""GridSample came with opset 16; the IR version of its time."""
Size = tuple[int, int]
"""Width and height."""
LAST = np.iinfo(np.int64).max
HEIGHT, WIDTH = 2, 3
"""Axes of an N×C×H×W tensor."""


class OnnxGraph(Graph):
    """ONNX nodes; convolutions in fp16 where `half` is set, everything else always in fp32.

    Args:
        half: the precision of the convolutions.
    """

    def __init__(self, *, half: bool) -> None:
        super().__init__()
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.half = half
        self.grid: Sequence[str] = ()
        """Where columns are, where rows are, both in −1..1 at the outermost pixels; a column's and a row's size."""

    def put(self, kind: str, *inputs: str, scope: str = "", **attributes: Any) -> str:
        """Add a node; the name of its value."""
        from onnx import helper

        name = self.unique(f"{scope}/{kind}")
        self.nodes.append(helper.make_node(kind, inputs, [f"{name}_output_0"], name, **attributes))
        return f"{name}_output_0"

    def constant(self, values: NDArray[Any], name: str = "/Constant") -> str:
        """Add a constant tensor; its name."""
        from onnx import numpy_helper

        name = self.unique(name)
        self.weights.append(numpy_helper.from_array(np.array(values, order="C"), name))
        return name

    def whole(self, *numbers: int) -> str:
        """A constant of whole numbers, in one dimension."""
        return self.constant(np.array(numbers, np.int64))

    def number(self, value: float) -> str:
        """A constant number."""
        return self.constant(np.array(value, np.float32))

    def convolution(self, x: str, layer: Conv, scope: str, activation: nn.Module | None, activated: str) -> str:
        kind = "ConvTranspose" if isinstance(layer, nn.ConvTranspose2d) else "Conv"
        kernel, stride, pads = list(layer.kernel_size), list(layer.stride), [1] * 4
        parts = [self._weight(value, f"{scope}/{name}") for name, value in layer.named_parameters()]
        x = self.put(kind, x, *parts, scope=scope, kernel_shape=kernel, strides=stride, pads=pads, group=layer.groups)
        if isinstance(activation, nn.PReLU):
            return self.put("PRelu", x, self._weight(activation.weight.view(-1, 1, 1), activated), scope=activated)
        return self.put("LeakyRelu", x, scope=activated, alpha=SLOPE) if activation else x

    def residual(self, x: str, layer: ResidualConv, scope: str) -> str:
        raise NotImplementedError(f"{scope} is folded before it is drawn")

    def shuffle(self, x: str, scope: str) -> str:
        return self.put("DepthToSpace", x, scope=scope, blocksize=2, mode="CRD")

    def resize(self, x: str, factor: float, scope: str) -> str:
        if factor == 1:
            return x
        scales = self.constant(np.array((1, 1, factor, factor), np.float32))
        return self.put(
            "Resize", x, "", scales, scope=scope, mode="linear", coordinate_transformation_mode="half_pixel"
        )

    def concat(self, values: Sequence[str], scope: str = "") -> str:
        return self.put("Concat", *values, scope=scope, axis=1)

    def channels(self, x: str, first: int, end: int | None, scope: str = "") -> str:
        return self.put("Slice", x, self.whole(first), self.whole(end or LAST), self.whole(1), scope=scope)

    def scaled(self, x: str, factor: float, scope: str = "") -> str:
        return x if factor == 1 else self.put("Mul", x, self.number(factor), scope=scope)

    def divided(self, x: str, divisor: float, scope: str) -> str:
        return self.scaled(x, 1 / divisor, scope)

    def add(self, a: str, b: str, scope: str = "", factor: float = 1) -> str:
        return self.put("Add", a, self.scaled(b, factor, scope), scope=scope)

    def warp(self, x: str, flow: str) -> str:
        axes = []
        for index, (place, pixel) in enumerate(zip(self.grid[:2], self.grid[2:], strict=True)):
            axes.append(self.put("Add", self.put("Mul", self.channels(flow, index, index + 1), pixel), place))
        grid = self.put("Transpose", self.concat(axes), perm=[0, 2, 3, 1])
        return self.grid_sample(x, grid)

    def grid_sample(self, x: str, grid: str) -> str:
        """Bilinear lookup at places in −1..1, N×h×w×2."""
        return self.put("GridSample", x, grid, mode="bilinear", padding_mode="border", align_corners=1)

    def blend(self, warped0: str, warped1: str, mask: str) -> str:
        weight = self.put("Sigmoid", mask)
        other = self.put("Sub", self.number(1), weight)
        return self.add(self.put("Mul", warped0, weight), self.put("Mul", warped1, other))

    def enter(self, x: str) -> str:
        return self.cast(x, np.float16) if self.half else x

    def leave(self, x: str) -> str:
        return self.cast(x, np.float32) if self.half else x

    def padded(self, x: str, alignment: int, size: Size | None) -> tuple[str, str]:
        """A value replicated to the right and below up to multiples of `alignment`, and its height and width before."""
        if size:
            before = self.whole(*size[::-1])
            pads = self.whole(0, 0, 0, 0, 0, 0, *(-side % alignment for side in size[::-1]))
        else:
            before = self.size_of(x)
            lack = self.put("Mod", self.put("Neg", before), self.whole(alignment))
            pads = self.put("Concat", self.whole(0, 0, 0, 0, 0, 0), lack, axis=0)
        return self.put("Pad", x, pads, mode="edge"), before

    def size_of(self, x: str) -> str:
        """Height and width of a value."""
        return self.put("Slice", self.put("Shape", x), self.whole(HEIGHT), self.whole(WIDTH + 1))

    def cropped(self, x: str, size: str) -> str:
        """The first rows and columns of a value."""
        return self.put("Slice", x, self.whole(0, 0), size, self.whole(HEIGHT, WIDTH))

    def grid_of(self, x: str) -> tuple[str, ...]:
        """The sampling grid of a value's size."""
        sizes = self.put("Shape", x)
        places, pixels = [], []
        for axis, shape in ((WIDTH, (1, 1, 1, -1)), (HEIGHT, (1, 1, -1, 1))):
            first, second, index = (self.constant(np.array(value, np.int64)) for value in (0, 1, axis))
            size = self.put("Gather", sizes, index, axis=0)
            span = self.cast(self.put("Sub", size, second), np.float32)
            pixels.append(self.put("Div", self.number(2), span))
            numbers = self.cast(self.put("Range", first, size, second), np.float32)
            place = self.put("Sub", self.put("Mul", numbers, pixels[-1]), self.number(1))
            places.append(self.put("Reshape", place, self.whole(*shape)))
        return *places, *pixels

    def fixed_grid(self, *size: int) -> tuple[str, ...]:
        """The sampling grid of a known width and height."""
        columns, rows = (np.linspace(-1, 1, side, dtype=np.float32) for side in size)
        places = self.constant(columns[None, None, None, :]), self.constant(rows[None, None, :, None])
        return *places, *(self.number(2 / (side - 1)) for side in size)

    def _weight(self, value: Any, name: str) -> str:
        return self.constant(halved(value, name) if self.half else value.detach().numpy(), name)

    def cast(self, x: str, kind: type[np.generic]) -> str:
        """A value as another type."""
        from onnx import helper

        return self.put("Cast", x, to=helper.np_dtype_to_tensor_dtype(np.dtype(kind)))


def write_onnx(
    network: IFNet, target: Path, *, planes: int, half: bool, size: Size | None, sharp: bool = False
) -> None:
    """Write an ONNX file with one input, called `input`, and the interpolated picture as output.

    The input is 1×7×H×W: both pictures in RGB, and the map of times; it is padded inside. Or it is 1×11×H×W: then also
    where each column and each row is in −1..1, and 2/(W − 1) and 2/(H − 1), the size of a pixel there; H and W are
    multiples of `config.alignment(1)`. Both are fp32.

    Args:
        network: any that `draw` takes.
        target: the file.
        planes: 7 or 11.
        half: fp16 for weights and convolutions; coordinates, flow and pictures stay in fp32.
        size: width and height; None for any.
        sharp: whether the filter's picture step follows the network.

    Raises:
        RifeError: `onnx` is not installed, or the file cannot be written.
        ModelError: the weights do not fit into fp16.
    """
    try:
        import onnx
    except ImportError as error:
        raise RifeError(f"ONNX files need the package onnx ({first_line(error)}); pip install onnx") from error
    graph, alignment = OnnxGraph(half=half), network.config.alignment(1)
    inputs, before = "input", ""
    if planes == PLANES[0]:
        inputs, before = graph.padded(inputs, alignment, size)
        graph.grid = graph.fixed_grid(*(side + -side % alignment for side in size)) if size else graph.grid_of(inputs)
    else:
        graph.grid = [graph.channels(inputs, plane, plane + 1) for plane in range(*PLANES)]
    limits = graph.number(0), graph.number(1)
    pictures = graph.channels(inputs, 0, 3), graph.channels(inputs, 3, 6)
    img0, img1 = (graph.put("Clip", picture, *limits) for picture in pictures)
    times = graph.channels(inputs, 6, 7)
    if sharp:
        shape = size[::-1] if size else before or graph.size_of(inputs)
        ops = OnnxOperations(graph, shape, crops=bool(before))
        flow, mask, maps = draw_motion(folded(network), graph, img0, img1, times)
        left, right, look0, look1 = map(ops.value, (*pictures, img0, img1))
        cell_flow = ops.cell_flow((ops.value(out), scale) for out, scale in maps)
        pair = Pair((left, right), (look0, look1), ops.value(flow), ops.value(mask), ops.value(times), cell_flow)
        picture = make_sharp_picture(ops, pair).name
    else:
        picture = draw(folded(network), graph, img0, img1, times)
        if before:
            picture = graph.cropped(picture, before)
    graph.nodes[-1].output[0] = "output"
    sides = size[::-1] if size else ("height", "width")
    values = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, (1, channels, *sides))
        for name, channels in (("input", planes), ("output", 3))
    ]
    used = {name for node in graph.nodes for name in node.input}
    weights = [weight for weight in graph.weights if weight.name in used]
    content = onnx.helper.make_graph(graph.nodes, "rife", values[:1], values[1:], weights)
    opsets = [onnx.helper.make_opsetid("", OPSET)]
    model = onnx.helper.make_model(content, producer_name="vsrife", opset_imports=opsets, ir_version=IR)
    onnx.checker.check_model(model)
    with atomic_write(target) as partial:
        partial.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(model.SerializeToString(deterministic=True))
