"""RefineNet (Huang et al., ECCV 2022, section 3.1): an RGB residual for what blending cannot make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from vsrife.networks.blocks import activated_conv
from vsrife.networks.estimate import Estimate, backward_warp

if TYPE_CHECKING:
    from vsrife.networks.blocks import BlockNetwork

__all__ = ["ContextNet", "UNet", "add_residual"]

WIDTH = 16
"""Channels of the context of a picture's finest level; each level has twice those of the one before."""


class Pair(nn.Module):
    """Two 3×3 convolutions with PReLU: N×inputs×H×W in, N×outputs×H/stride×W/stride out."""

    def __init__(self, inputs: int, outputs: int, stride: int = 2) -> None:
        super().__init__()
        self.conv1 = activated_conv(inputs, outputs, stride, prelu=True)
        self.conv2 = activated_conv(outputs, outputs, 1, prelu=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv2(self.conv1(x))
        return out


def doubling_conv(inputs: int, outputs: int) -> nn.Sequential:
    """A transposed convolution to twice the size, with PReLU."""
    return nn.Sequential(nn.ConvTranspose2d(inputs, outputs, 4, 2, 1), nn.PReLU(outputs))


class ContextNet(nn.Module):
    """Features of a picture on four levels, each warped by the picture's flow.

    Args:
        fine: keep the first level at the picture's own size instead of half of it.
    """

    def __init__(self, *, fine: bool = False) -> None:
        super().__init__()
        self.fine = fine
        self.conv1 = Pair(3, WIDTH, 1 if fine else 2)
        self.conv2 = Pair(WIDTH, 2 * WIDTH)
        self.conv3 = Pair(2 * WIDTH, 4 * WIDTH)
        self.conv4 = Pair(4 * WIDTH, 8 * WIDTH)

    def forward(self, picture: Tensor, flow: Tensor) -> list[Tensor]:
        """Four feature maps of an N×3×H×W picture with N×2×H×W flow in pixels, the finest first, each half the last."""
        warped = []
        for level, layer in enumerate((self.conv1, self.conv2, self.conv3, self.conv4)):
            picture = layer(picture)
            if level or not self.fine:
                flow = interpolate(flow, scale_factor=0.5, mode="bilinear") * 0.5
            warped.append(backward_warp(picture, flow))
        return warped


class UNet(nn.Module):
    """The residual, from both pictures, unwarped and warped, mask, flow and context.

    Args:
        fine: keep the first level at full size and halve at the end instead.
    """

    def __init__(self, *, fine: bool = False) -> None:
        super().__init__()
        self.down0 = Pair(17, 2 * WIDTH, 1 if fine else 2)
        self.down1 = Pair(4 * WIDTH, 4 * WIDTH)
        self.down2 = Pair(8 * WIDTH, 8 * WIDTH)
        self.down3 = Pair(16 * WIDTH, 16 * WIDTH)
        self.up0 = doubling_conv(32 * WIDTH, 8 * WIDTH)
        self.up1 = doubling_conv(16 * WIDTH, 4 * WIDTH)
        self.up2 = doubling_conv(8 * WIDTH, 2 * WIDTH)
        self.up3 = doubling_conv(4 * WIDTH, WIDTH)
        self.conv = nn.Conv2d(WIDTH, 3, 3, 2 if fine else 1, 1)

    def forward(self, x: Tensor, context: list[Tensor]) -> Tensor:
        """N×17×H×W and four levels of both pictures' context to N×3×H×W in −1..1."""
        skips = []
        for down, level in zip((self.down0, self.down1, self.down2, self.down3), context, strict=True):
            x = down(x)
            skips.append(x)
            x = torch.cat((x, level), 1)
        x = self.up0(x)
        for up, skip in zip((self.up1, self.up2, self.up3), reversed(skips[:3]), strict=True):
            x = up(torch.cat((x, skip), 1))
        out: Tensor = self.conv(x)
        return out.sigmoid() * 2 - 1


def add_residual(network: BlockNetwork[Any], img0: Tensor, img1: Tensor, estimate: Estimate) -> Estimate:
    """An estimate of aligned N×3×H×W pictures in 0..1 with its residual; unchanged where there is no RefineNet."""
    if not network.config.refines:
        return estimate
    contextnet, unet = network.get_submodule("contextnet"), network.get_submodule("unet")
    flow, mask, _ = estimate
    to0, to1 = flow[:, :2], flow[:, 2:]
    inputs = torch.cat((img0, img1, backward_warp(img0, to0), backward_warp(img1, to1), mask, flow), 1)
    levels = zip(contextnet(img0, to0), contextnet(img1, to1), strict=True)
    return estimate._replace(residual=unet(inputs, [torch.cat(level, 1) for level in levels]))
