"""The networks of the paper (Huang et al., ECCV 2022) in the form they were published in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vsrife.networks.ancestor import Ancestor
from vsrife.networks.blocks import activated_conv
from vsrife.networks.estimate import Estimate
from vsrife.networks.refine import ContextNet, UNet, residual
from vsrife.networks.warp import backward_warp

if TYPE_CHECKING:
    from vsrife.networks.config_ancestors import PaperConfig

__all__ = ["PaperIFNet"]


class PaperBlock(nn.Module):
    """One IFBlock without its resizing (section 3.2): N×inputs×h×w in, 4 channels of flow and 1 of mask out.

    The output is half the input's size, with `config.fine` as large as the input; flow is in its pixels.
    """

    def __init__(self, config: PaperConfig, index: int) -> None:
        super().__init__()
        width = config.widths[index]
        self.conv0 = nn.Sequential(
            activated_conv(config.inputs(index), width // 2, 1 if config.fine else 2, prelu=True),
            activated_conv(width // 2, width, 2, prelu=True),
        )
        self.convblock = nn.Sequential(*(activated_conv(width, width, 1, prelu=True) for _ in range(8)))
        self.lastconv = nn.ConvTranspose2d(width, 5, 4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Run the block's convolutions."""
        x = self.conv0(x)
        out: Tensor = self.lastconv(self.convblock(x) + x)
        return out


class PaperIFNet(Ancestor):
    """IFNet and RefineNet as in the paper; RIFEm, 2R and 2T by its config.

    2T averages two pictures, each made of two warps, which no single flow and mask can say; `estimate` gives the mean
    flow and mask of both and lets the residual make up the difference, so that the picture is the average exactly.
    """

    config: PaperConfig

    def __init__(self, config: PaperConfig) -> None:
        super().__init__(config)
        for index in range(len(config.widths)):
            self.add_module(f"block{index}", PaperBlock(config, index))
        self.contextnet = ContextNet(fine=config.fine)
        self.unet = UNet(fine=config.fine)

    def estimate(self, img0: Tensor, img1: Tensor, timestep: float | Tensor = 0.5, scale: float = 1) -> Estimate:
        """Motion, mask and residual of aligned N×3×H×W pictures in 0..1, see `Ancestor.estimate`."""
        self._check_time(timestep)
        if not isinstance(timestep, Tensor):
            timestep = torch.full_like(img0[:, :1], timestep)
        upright = self._look(img0, img1, timestep, scale)
        if not self.config.turned:
            return upright
        ends = img0.flip(2, 3), img1.flip(2, 3)
        turned = self._look(*ends, timestep.flip(2, 3), scale)
        mean = Estimate((upright.flow - turned.flow.flip(2, 3)) / 2, (upright.mask + turned.mask.flip(2, 3)) / 2)
        picture = (upright.picture(img0, img1) + turned.picture(*ends).flip(2, 3)) / 2
        return mean._replace(residual=picture - mean.blend(img0, img1))

    def _look(self, img0: Tensor, img1: Tensor, timestep: Tensor, scale: float) -> Estimate:
        """One pass over the pictures."""
        ends = torch.cat((img0, img1, timestep) if self.config.any_time else (img0, img1), 1)
        first, *rest = self.config.block_scales(scale)
        flow, mask = self._refine(0, first, ends, None)
        for index, block_scale in enumerate(rest, 1):
            warped0, warped1 = backward_warp(img0, flow[:, :2]), backward_warp(img1, flow[:, 2:])
            more_flow, more_mask = self._refine(index, block_scale, torch.cat((ends, warped0, warped1, mask), 1), flow)
            flow, mask = flow + more_flow, mask + more_mask
        return Estimate(flow, mask, residual(self.contextnet, self.unet, img0, img1, flow, mask))
