"""The layers of a 4.x network on packed channels, between the kernels that write and read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vsrife.engine.convolutions import Convolution
from vsrife.engine.winograd import at_half_size
from vsrife.motion.packing import FLOW_AND_MASK
from vsrife.networks.blocks import SLOPE

if TYPE_CHECKING:
    from vsrife.engine.precision import PrecisionPlan
    from vsrife.motion.kernels import BlockInput
    from vsrife.motion.packing import Packing
    from vsrife.networks.blocks import Block
    from vsrife.networks.config import IFNetConfig

__all__ = ["KernelBlock", "KernelHead"]

LAST_CHANNELS = 8
"""Channels of the last block's map, which has no hidden ones."""


class KernelBlock:
    """One block, from its packed input, written strip by strip, to its map as `PackedMap` stores it.

    Args:
        block: the block with β folded into its convolutions.
        config: the network's.
        index: number of the block.
        packing: the network's.
        plan: precision of its layers.
        device: where they run.
    """

    def __init__(
        self,
        block: Block,
        config: IFNetConfig,
        index: int,
        packing: Packing,
        plan: PrecisionPlan,
        device: torch.device,
    ) -> None:
        self._skip = block.skip
        last = index == len(config.widths) - 1
        self.channels = FLOW_AND_MASK + (0 if last else config.hidden_channels)
        self._stored = LAST_CHANNELS if last else packing.map_channels
        self._shuffles = config.shuffle
        layers = [_parts(part) for part in (*block.conv0, *block.convblock)]
        positions = packing.input_positions(first=index == 0)
        layers[0] = (_pack_input(layers[0][0], positions, packing.input_channels), layers[0][1])
        entry, rest = plan.entries[index], plan.bodies[index]
        self._first, self._second = (_Step(*layer, entry, device) for layer in layers[:2])
        self._body = [_Step(*layer, rest, device) for layer in layers[2:]]
        head = block.lastconv[0] if isinstance(block.lastconv, nn.Sequential) else block.lastconv
        assert isinstance(head, nn.ConvTranspose2d)
        self._last = Convolution(self._pack_output(head), None, rest, device)

    def __call__(self, block_input: BlockInput, strip: Tensor, top: int, bottom: int) -> Tensor:
        """The map of the rows `top` to `bottom` of the input, as `PackedMap.stored` has it.

        Args:
            block_input: the input; rows outside it are 0.
            strip: N×(rows + 1)×w×C memory that all strips are written to; rows is even.
            top: the first row.
            bottom: the row after the last.
        """
        count, rows, width, _ = strip.shape
        half: Tensor | None = None
        if self.writes_rows(bottom - top, width):
            half = torch.empty(count, (bottom - top) // 2, width // 2, self._first.outputs)
        parts = []
        for start in range(top, bottom, rows - 1):
            part = strip[:, : bottom - start + 1]
            if start == top:
                block_input.fill(start - 1, part)
            else:
                part[:, 0] = strip[:, -1]  # the row before, which two strips read
                block_input.fill(start, part[:, 1:])
            begin = (start - top) // 2
            rows_of = None if half is None else half[:, begin : begin + part.shape[1] // 2]
            parts.append(self._first(part.permute(0, 3, 1, 2), rows_of))
        x = self._second(_stack_rows(parts) if half is None else half.permute(0, 3, 1, 2))
        body = x
        for step in self._body:
            body = step(body)
        out = self._last(body + x if self._skip else body).permute(0, 2, 3, 1).contiguous()
        return out.view(*out.shape[:3], 2, 2, self._stored) if self._shuffles else out

    def writes_rows(self, height: int, width: int) -> bool:
        """Whether the bits for an input of this size do not depend on the strips' height."""
        return self._first.writes_rows((height + 1, width))

    def _pack_output(self, conv: nn.ConvTranspose2d) -> nn.ConvTranspose2d:
        """The last convolution with its channels in stored order, without those that nothing reads."""
        parts = 4 if self._shuffles else 1
        packed = nn.ConvTranspose2d(conv.in_channels, parts * self._stored, 4, 2, 1)
        assert conv.bias is not None
        assert packed.bias is not None
        with torch.no_grad():
            packed.weight.zero_()
            packed.bias.zero_()
            for part in range(parts):
                stored = slice(part * self._stored, part * self._stored + self.channels)
                published = slice(part, parts * self.channels, parts)
                packed.weight[:, stored] = conv.weight[:, published]
                packed.bias[stored] = conv.bias[published]
        return packed


class _Step:
    """A convolution and its activation."""

    def __init__(self, conv: nn.Conv2d, activation: nn.Module, dtype: torch.dtype, device: torch.device) -> None:
        self._slopes: Tensor | None = None
        slope: float | None = SLOPE
        if isinstance(activation, nn.PReLU):
            self._slopes, slope = activation.weight.detach().to(device, dtype), None
        self._convolution = Convolution(conv, slope, dtype, device)
        self.outputs = conv.out_channels

    def writes_rows(self, size: tuple[int, int]) -> bool:
        """Whether the step writes rows of its output, see `Convolution.writes_rows`."""
        return self._slopes is None and self._convolution.writes_rows(size)

    def __call__(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        x = self._convolution(x, out)
        return x if self._slopes is None else torch.nn.functional.prelu(x, self._slopes)


class KernelHead:
    """The feature encoder: N×3×H×W picture in 0..1 to N×4·features×H/2×W/2, see `vsrife.motion.kernels.Kernels.encode`.

    Its transposed convolution runs as a convolution at half the size that gives each pixel's four parts, which costs a
    CPU less.

    Args:
        head: the network's.
        plan: precision of its layers.
        device: where they run.
    """

    def __init__(self, head: nn.Module, plan: PrecisionPlan, device: torch.device) -> None:
        layers = [layer for layer in head.children() if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))]
        *convs, last = layers
        assert isinstance(last, nn.ConvTranspose2d)
        slope = SLOPE if len(layers) > 2 else None
        self._steps = [
            Convolution(conv, slope, plan.head if k else plan.head_entry, device) for k, conv in enumerate(convs)
        ]
        self._steps.append(Convolution(at_half_size(last), None, plan.head, device))

    def __call__(self, picture: Tensor) -> Tensor:
        x = picture.contiguous(memory_format=torch.channels_last)
        for step in self._steps:
            x = step(x)
        return x


def _parts(layer: nn.Module) -> tuple[nn.Conv2d, nn.Module]:
    """A convolution and its activation."""
    conv, activation = layer.children()
    assert isinstance(conv, nn.Conv2d)
    return conv, activation


def _stack_rows(parts: list[Tensor]) -> Tensor:
    """Parts of a channels-last picture, one below another."""
    if len(parts) == 1:
        return parts[0]
    return torch.cat([part.permute(0, 2, 3, 1) for part in parts], 1).permute(0, 3, 1, 2)


def _pack_input(conv: nn.Conv2d, positions: list[int], inputs: int) -> nn.Conv2d:
    """The convolution with input channel k at `positions[k]` of `inputs`, for an input with a row of zeros above."""
    packed = nn.Conv2d(inputs, conv.out_channels, 3, 2, (0, 1))
    assert conv.bias is not None
    with torch.no_grad():
        packed.weight.zero_()
        packed.weight[:, positions] = conv.weight
        packed.bias = nn.Parameter(conv.bias.detach().clone())
    return packed
