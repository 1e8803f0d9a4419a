"""The 3.x family (HDv3) in the form it was published in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vsrife.networks.blocks import activated_conv
from vsrife.networks.estimate import Estimate
from vsrife.networks.legacy import LegacyNetwork
from vsrife.networks.warp import backward_warp

if TYPE_CHECKING:
    from vsrife.networks.config_legacy import HDv3Config

__all__ = ["HDv3IFNet"]

FAR_MOTION = 16
"""Pixels of the coarsest block's input that a first look must find for 3.8 to look again at twice the scale."""


class HDv3Block(nn.Module):
    """One 3.x IFBlock without its resizing: N×11×h×w (pictures, mask, flow) in, 4 channels of flow and 1 of mask out.

    The output is as large as the input, without `config.two_steps` half of it; flow is in its pixels.
    """

    def __init__(self, config: HDv3Config, index: int) -> None:
        super().__init__()
        width = config.widths[index]
        self.conv0 = nn.Sequential(
            activated_conv(11, width // 2, 2, prelu=True), activated_conv(width // 2, width, 2, prelu=True)
        )
        for pair in range(4):
            layers = (activated_conv(width, width, 1, prelu=True) for _ in range(2))
            self.add_module(f"convblock{pair}", nn.Sequential(*layers))
        self.conv1: nn.Module
        self.conv2: nn.Module
        if config.two_steps:
            self.conv1, self.conv2 = _two_steps(width, 4), _two_steps(width, 1)
        else:
            self.conv1 = nn.Sequential(nn.ConvTranspose2d(width, 4, 4, 2, 1))
            self.conv2 = nn.ConvTranspose2d(width, 1, 4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Run the block's convolutions."""
        x = self.conv0(x)
        for pair in range(4):
            x = self.get_submodule(f"convblock{pair}")(x) + x
        return torch.cat((self.conv1(x), self.conv2(x)), 1)


def _two_steps(width: int, outputs: int) -> nn.Sequential:
    """Two transposed convolutions, to four times the size."""
    half = width // 2
    return nn.Sequential(
        nn.ConvTranspose2d(width, half, 4, 2, 1), nn.PReLU(half), nn.ConvTranspose2d(half, outputs, 4, 2, 1)
    )


class HDv3IFNet(LegacyNetwork):
    """The flow network of RIFE 3.5 to 3.8: no timestep, no RefineNet. With `config.swaps` it treats both ends alike."""

    config: HDv3Config

    def __init__(self, config: HDv3Config) -> None:
        super().__init__(config)
        for index in range(len(config.widths)):
            self.add_module(f"block{index}", HDv3Block(config, index))

    def estimate(self, img0: Tensor, img1: Tensor, timestep: float | Tensor = 0.5, scale: float = 1) -> Estimate:
        """Motion and mask of aligned N×3×H×W pictures in 0..1, see `LegacyNetwork.estimate`."""
        self._check_time(timestep)
        scales = self.config.block_scales(scale)
        flow, mask = torch.zeros_like(img0[:, :1]).expand(-1, 4, -1, -1), torch.zeros_like(img0[:, :1])
        if self.config.adapts:
            found, _ = self._refine(self.blocks[0], 2 * scales[0], torch.cat((img0, img1, mask), 1), flow)
            if found.abs().max() > FAR_MOTION * scales[0]:
                scales = tuple(2 * s for s in scales)
        for block, block_scale in zip(self.blocks, scales, strict=True):
            warped0, warped1 = backward_warp(img0, flow[:, :2]), backward_warp(img1, flow[:, 2:])
            more_flow, more_mask = self._refine(block, block_scale, torch.cat((warped0, warped1, mask), 1), flow)
            if self.config.swaps:
                inputs = torch.cat((warped1, warped0, -mask), 1)
                swapped_flow, swapped_mask = self._refine(block, block_scale, inputs, _swapped(flow))
                more_flow = (more_flow + _swapped(swapped_flow)) / 2
                more_mask = (more_mask - swapped_mask) / 2
            flow, mask = flow + more_flow, mask + more_mask
        return Estimate(flow, mask)


def _swapped(flow: Tensor) -> Tensor:
    """Flow to both ends, the ends exchanged."""
    return torch.cat((flow[:, 2:], flow[:, :2]), 1)
