"""The parts of an IFNet, with the parameter names of the published files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from vsrife.networks.config import HeadConfig, IFNetConfig

__all__ = ["Block", "NamedHead", "build_head"]

SLOPE = 0.2


class ResidualConv(nn.Module):
    """LeakyReLU(conv(x)·β + x), the body layer from 4.5 on."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, groups=groups)
        self.beta = nn.Parameter(torch.ones(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W in, the same out."""
        return nn.functional.leaky_relu(self.conv(x) * self.beta + x, SLOPE)


def activated_conv(inputs: int, outputs: int, stride: int, *, prelu: bool) -> nn.Sequential:
    """A 3×3 convolution and its activation."""
    activation = nn.PReLU(outputs) if prelu else nn.LeakyReLU(SLOPE)
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, padding=1), activation)


class Block(nn.Module):
    """One IFBlock without its resizing: pictures at the block's size in, a motion map out.

    The input is N×inputs×h×w, h and w multiples of 4. The output is N×outputs×h×w, or N×outputs×h/2×w/2 where
    `config.shuffle` is off: 4 channels of flow in units of output pixels, 1 of mask logits, the rest handed on.

    Args:
        config: of the network.
        index: which of its blocks.
        extra: channels of input besides those, see `privileged_block`.
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
        """Run the block's convolutions."""
        x = self.conv0(x)
        body: Tensor = self.convblock(x)
        out: Tensor = self.lastconv(body + x if self.skip else body)
        return out


class NamedHead(nn.Module):
    """The feature encoder whose layers have names of their own; it clamps what it looks at to 0..1."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.cnn0 = nn.Conv2d(3, config.hidden, 3, 2, 1)
        self.cnn1 = nn.Conv2d(config.hidden, config.hidden, 3, 1, 1)
        self.cnn2 = nn.Conv2d(config.hidden, config.hidden, 3, 1, 1)
        self.cnn3 = nn.ConvTranspose2d(config.hidden, config.channels, 4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """N×3×H×W picture in, N×channels×H×W features out; H and W even."""
        x = x.clamp(0, 1)
        for layer in (self.cnn0, self.cnn1, self.cnn2):
            x = nn.functional.leaky_relu(layer(x), SLOPE)
        out: Tensor = self.cnn3(x)
        return out


def build_head(config: HeadConfig) -> nn.Module:
    """The feature encoder a config asks for."""
    if config.named:
        return NamedHead(config)
    layers: list[nn.Module] = [nn.Conv2d(3, config.hidden, 3, 2, 1)]
    for _ in range(config.layers - 2):
        layers += [nn.LeakyReLU(SLOPE), nn.Conv2d(config.hidden, config.hidden, 3, 1, 1)]
    if config.layers > 2:
        layers.append(nn.LeakyReLU(SLOPE))
    layers.append(nn.ConvTranspose2d(config.hidden, config.channels, 4, 2, 1))
    return nn.Sequential(*layers)
