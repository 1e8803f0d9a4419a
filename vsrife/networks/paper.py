"""The networks of the paper (Huang et al., ECCV 2022) in the form they were published in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vsrife.networks.blocks import activated_conv
from vsrife.networks.estimate import Estimate, Stages
from vsrife.networks.legacy import LegacyNetwork
from vsrife.networks.refine import ContextNet, UNet, residual
from vsrife.networks.warp import backward_warp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsrife.networks.config_legacy import PaperConfig

__all__ = ["PaperBlock", "PaperIFNet"]


class PaperBlock(nn.Module):
    """One IFBlock without its resizing (section 3.2): N×inputs×h×w in, 4 channels of flow and 1 of mask out.

    The output is half the input's size, with `config.fine` as large as the input; flow is in its pixels.

    Args:
        config: of the network.
        index: which of its blocks.
        extra: channels of input besides the usual ones, see `privileged_block`.
    """

    def __init__(self, config: PaperConfig, index: int, extra: int = 0) -> None:
        super().__init__()
        width = config.widths[index]
        self.conv0 = nn.Sequential(
            activated_conv(config.inputs(index) + extra, width // 2, 1 if config.fine else 2, prelu=True),
            activated_conv(width // 2, width, 2, prelu=True),
        )
        self.convblock = nn.Sequential(*(activated_conv(width, width, 1, prelu=True) for _ in range(8)))
        self.lastconv = nn.ConvTranspose2d(width, 5, 4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Run the block's convolutions."""
        x = self.conv0(x)
        out: Tensor = self.lastconv(self.convblock(x) + x)
        return out


class PaperIFNet(LegacyNetwork):
    """IFNet and RefineNet as in the paper; RIFEm, 2R and 2T by its config.

    2T averages two pictures, each made of two warps, which no single flow and mask can say; `estimate` gives the mean
    flow and mask of both and lets the residual make up the difference, so that the picture is the average exactly.
    """

    config: PaperConfig

    def __init__(self, config: PaperConfig) -> None:
        super().__init__(config)
        for index in range(len(config.widths)):
            self.add_module(f"block{index}", PaperBlock(config, index))
        if config.refines:
            self.contextnet = ContextNet(fine=config.fine)
            self.unet = UNet(fine=config.fine)

    def estimate(self, img0: Tensor, img1: Tensor, timestep: float | Tensor = 0.5, scale: float = 1) -> Estimate:
        """Motion, mask and residual of aligned N×3×H×W pictures in 0..1, see `LegacyNetwork.estimate`."""
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

    def stages(
        self,
        img0: Tensor,
        img1: Tensor,
        timestep: Tensor,
        truth: Tensor | None = None,
        teacher: PaperBlock | None = None,
    ) -> Stages:
        """What every block knows of aligned pictures, see `IFNet.stages`; the last with the residual (section 3.3)."""
        ends = self._ends(img0, img1, timestep)
        student = list(self._steps(img0, img1, ends))
        flow, mask, _ = student[-1]
        student[-1] = self._refined(img0, img1, student[-1])
        if teacher is None or truth is None:
            return Stages(tuple(student))
        warped = backward_warp(img0, flow[:, :2]), backward_warp(img1, flow[:, 2:])
        more_flow, more_mask = self._refine(
            teacher, self.config.scales[-1], torch.cat((ends, *warped, mask, truth), 1), flow
        )
        return Stages(tuple(student), Estimate(flow + more_flow, mask + more_mask))

    def _look(self, img0: Tensor, img1: Tensor, timestep: Tensor, scale: float) -> Estimate:
        """One pass over the pictures."""
        for found in self._steps(img0, img1, self._ends(img0, img1, timestep), scale):
            estimate = found
        return self._refined(img0, img1, estimate)

    def _ends(self, img0: Tensor, img1: Tensor, timestep: Tensor) -> Tensor:
        """What every block sees as it is."""
        return torch.cat((img0, img1, timestep) if self.config.any_time else (img0, img1), 1)

    def _steps(self, img0: Tensor, img1: Tensor, ends: Tensor, scale: float = 1) -> Iterator[Estimate]:
        """What is known after each block."""
        blocks, scales = self.blocks, self.config.block_scales(scale)
        flow, mask = self._refine(blocks[0], scales[0], ends, None)
        yield Estimate(flow, mask)
        for block, block_scale in zip(blocks[1:], scales[1:], strict=True):
            warped0, warped1 = backward_warp(img0, flow[:, :2]), backward_warp(img1, flow[:, 2:])
            more_flow, more_mask = self._refine(block, block_scale, torch.cat((ends, warped0, warped1, mask), 1), flow)
            flow, mask = flow + more_flow, mask + more_mask
            yield Estimate(flow, mask)

    def _refined(self, img0: Tensor, img1: Tensor, estimate: Estimate) -> Estimate:
        """An estimate with what RefineNet adds."""
        if not self.config.refines:
            return estimate
        return estimate._replace(
            residual=residual(self.contextnet, self.unet, img0, img1, estimate.flow, estimate.mask)
        )
