"""RefineNet (Huang et al., ECCV 2022, section 3.1): what blending cannot make, added in RGB."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from vsrife.networks.blocks import activated_conv
from vsrife.networks.warp import backward_warp

__all__ = ["ContextNet", "UNet", "residual"]

WIDTH = 16
"""Channels of the context of a picture's finest level; each level has twice those of the one before."""


class Pair(nn.Module):
    """Two 3×3 convolutions with PReLU, the first of which may halve the size."""

    def __init__(self, inputs: int, outputs: int, stride: int = 2) -> None:
        super().__init__()
        self.conv1 = activated_conv(inputs, outputs, stride, prelu=True)
        self.conv2 = activated_conv(outputs, outputs, 1, prelu=True)

    def forward(self, x: Tensor) -> Tensor:
        """N×inputs×H×W in, N×outputs×H/stride×W/stride out."""
        out: Tensor = self.conv2(self.conv1(x))
        return out


def doubling_conv(inputs: int, outputs: int) -> nn.Sequential:
    """A transposed convolution to twice the size, and PReLU."""
    return nn.Sequential(nn.ConvTranspose2d(inputs, outputs, 4, 2, 1), nn.PReLU(outputs))


class ContextNet(nn.Module):
    """Features of one picture on four levels, each warped to the wanted time.

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
        """N×3×H×W and its N×2×H×W flow in pixels to four feature maps, the finest first, each half the one before."""
        warped = []
        for level, layer in enumerate((self.conv1, self.conv2, self.conv3, self.conv4)):
            picture = layer(picture)
            if level or not self.fine:
                flow = interpolate(flow, scale_factor=0.5, mode="bilinear") * 0.5
            warped.append(backward_warp(picture, flow))
        return warped


class UNet(nn.Module):
    """Both pictures, unwarped and warped, mask, flow and context to a residual.

    Args:
        fine: first look at full size, and halve at the end instead.
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
        known = []
        for down, level in zip((self.down0, self.down1, self.down2, self.down3), context, strict=True):
            x = down(x)
            known.append(x)
            x = torch.cat((x, level), 1)
        x = self.up0(x)
        for up, skip in zip((self.up1, self.up2, self.up3), reversed(known[:3]), strict=True):
            x = up(torch.cat((x, skip), 1))
        out: Tensor = self.conv(x)
        return out.sigmoid() * 2 - 1


def residual(contextnet: ContextNet, unet: UNet, img0: Tensor, img1: Tensor, flow: Tensor, mask: Tensor) -> Tensor:
    """What RefineNet adds to the blend of two aligned N×3×H×W pictures.

    Args:
        contextnet: gives each picture's features.
        unet: puts all together.
        img0: at time 0, in 0..1.
        img1: at time 1.
        flow: N×4×H×W in pixels.
        mask: N×1×H×W logits.
    """
    to0, to1 = flow[:, :2], flow[:, 2:]
    seen = torch.cat((img0, img1, backward_warp(img0, to0), backward_warp(img1, to1), mask, flow), 1)
    levels = zip(contextnet(img0, to0), contextnet(img1, to1), strict=True)
    out: Tensor = unet(seen, [torch.cat(level, 1) for level in levels])
    return out
