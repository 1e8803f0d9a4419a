"""The 3.x family (HDv3) in the form it was published in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vsrife.networks.blocks import activated_conv
from vsrife.networks.estimate import Estimate, warp_pair
from vsrife.networks.legacy import LegacyNetwork
from vsrife.tta import swap_ends

if TYPE_CHECKING:
    from vsrife.networks.config_legacy import HDv3Config

__all__ = ["HDv3IFNet"]

FAR_MOTION = 16
"""Adaptive scale of 3.8: a coarse first pass must find more pixels of its input than this to double the scales."""


class HDv3Block(nn.Module):
    """A 3.x IFBlock without its resizing: N×11×h×w (pictures, mask, flow) in, 4 channels of flow and 1 of mask out.

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
    """The flow network of RIFE 3.5 to 3.8: midpoint-only, no RefineNet; symmetric in the ends with `config.swaps`."""

    config: HDv3Config

    def __init__(self, config: HDv3Config) -> None:
        super().__init__(config, HDv3Block)

    def estimate(self, img0: Tensor, img1: Tensor, timestep: float | Tensor = 0.5, scale: float = 1) -> Estimate:
        self._check_time(timestep)
        scales = self.config.block_scales(scale)
        flow, mask = torch.zeros_like(img0[:, :1]).expand(-1, 4, -1, -1), torch.zeros_like(img0[:, :1])
        if self.config.adapts:
            coarse, _ = self._step(self.blocks[0], 2 * scales[0], torch.cat((img0, img1, mask), 1), flow)
            if coarse.abs().max() > FAR_MOTION * scales[0]:
                scales = tuple(2 * s for s in scales)
        for block, block_scale in zip(self.blocks, scales, strict=True):
            warped0, warped1 = warp_pair(img0, img1, flow)
            step, mask_step = self._step(block, block_scale, torch.cat((warped0, warped1, mask), 1), flow)
            if self.config.swaps:
                inputs = torch.cat((warped1, warped0, -mask), 1)
                back, mask_back = self._step(block, block_scale, inputs, swap_ends(flow))
                step, mask_step = (step + swap_ends(back)) / 2, (mask_step - mask_back) / 2
            flow, mask = flow + step, mask + mask_step
        return Estimate(flow, mask)
