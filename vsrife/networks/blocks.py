"""The parts of an IFNet, with the parameter names of the published files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsrife.networks.config import HeadConfig, IFNetConfig

__all__ = ["SLOPE", "Block", "BlockNetwork", "ResidualConv", "activated_conv", "build_head", "run_resized"]

SLOPE = 0.2


class ResidualConv(nn.Module):
    """LeakyReLU(conv(x)·β + x), the body layer from 4.5 on."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, groups=groups)
        self.beta = nn.Parameter(torch.ones(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.leaky_relu(self.conv(x) * self.beta + x, SLOPE)


def activated_conv(inputs: int, outputs: int, stride: int, *, prelu: bool) -> nn.Sequential:
    """A 3×3 convolution and its activation."""
    activation = nn.PReLU(outputs) if prelu else nn.LeakyReLU(SLOPE)
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, padding=1), activation)


class Block(nn.Module):
    """An IFBlock without its resizing: N×inputs×h×w in, h and w multiples of 4, a motion map out.

    The output is N×outputs×h×w, or N×outputs×h/2×w/2 where `config.shuffle` is off: 4 channels of flow in units of
    output pixels, 1 of mask logits, the rest hidden.

    Args:
        config: of the network.
        index: the block's number, 0 the coarsest.
        extra: input channels beside the usual ones, see `privileged_block`.
    """

    def __init__(self, config: IFNetConfig, index: int, extra: int = 0) -> None:
        super().__init__()
        width = config.widths[index]
        prelu = config.body == "prelu"
        self.skip = prelu
        self.conv0 = nn.Sequential(
            activated_conv(config.inputs(index) + extra, width // 2, 2, prelu=prelu),
            activated_conv(width // 2, width, 2, prelu=prelu),
        )
        self.convblock = nn.Sequential(
            *(
                ResidualConv(width, config.groups)
                if config.body == "residual"
                else activated_conv(width, width, 1, prelu=prelu)
                for _ in range(8)
            )
        )
        self.lastconv: nn.Module
        if config.shuffle:
            self.lastconv = nn.Sequential(nn.ConvTranspose2d(width, 4 * config.outputs, 4, 2, 1), nn.PixelShuffle(2))
        else:
            self.lastconv = nn.ConvTranspose2d(width, config.outputs, 4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv0(x)
        body: Tensor = self.convblock(x)
        out: Tensor = self.lastconv(body + x if self.skip else body)
        return out


class BlockNetwork[B: nn.Module](nn.Module):
    """A network of blocks, which have the names of the published files: `block0` is the coarsest."""

    def __init__(self, config: Any, block: Callable[[Any, int], B]) -> None:
        super().__init__()
        self.config = config
        for index in range(len(config.widths)):
            self.add_module(f"block{index}", block(config, index))

    @property
    def blocks(self) -> list[B]:
        """The blocks, coarsest first."""
        return [self.get_submodule(f"block{index}") for index in range(len(self.config.widths))]  # type: ignore[misc]


def run_resized(
    block: nn.Module, scale: float, up: float, inputs: Tensor, flow: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """A block between its two resizings: the step of flow (N×4) and of mask (N×1), and the other outputs, at full size.

    Args:
        block: a block whose input is `inputs`, then `flow` in its own pixels.
        scale: the block works at 1/scale of the picture's size.
        up: picture pixels per pixel of its output.
        inputs: N×C×H×W at the picture's size.
        flow: N×4×H×W in pixels; None for the first block.
    """
    x = interpolate(inputs, scale_factor=1 / scale, mode="bilinear")
    if flow is not None:
        x = torch.cat((x, interpolate(flow, scale_factor=1 / scale, mode="bilinear") / scale), 1)
    out = interpolate(block(x), scale_factor=up, mode="bilinear")
    return out[:, :4] * up, out[:, 4:5], out[:, 5:]


class NamedHead(nn.Module):
    """The feature encoder whose layers are called `cnn0`…`cnn3`; it clamps its input to 0..1.

    N×3×H×W in, N×channels×H×W out; H and W are even.
    """

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.cnn0 = nn.Conv2d(3, config.hidden, 3, 2, 1)
        self.cnn1 = nn.Conv2d(config.hidden, config.hidden, 3, 1, 1)
        self.cnn2 = nn.Conv2d(config.hidden, config.hidden, 3, 1, 1)
        self.cnn3 = nn.ConvTranspose2d(config.hidden, config.channels, 4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = x.clamp(0, 1)
        for layer in (self.cnn0, self.cnn1, self.cnn2):
            x = nn.functional.leaky_relu(layer(x), SLOPE)
        out: Tensor = self.cnn3(x)
        return out


def build_head(config: HeadConfig) -> nn.Module:
    """The feature encoder of a config."""
    if config.named:
        return NamedHead(config)
    layers: list[nn.Module] = [nn.Conv2d(3, config.hidden, 3, 2, 1)]
    for _ in range(config.layers - 2):
        layers += [nn.LeakyReLU(SLOPE), nn.Conv2d(config.hidden, config.hidden, 3, 1, 1)]
    if config.layers > 2:
        layers.append(nn.LeakyReLU(SLOPE))
    layers.append(nn.ConvTranspose2d(config.hidden, config.channels, 4, 2, 1))
    return nn.Sequential(*layers)
