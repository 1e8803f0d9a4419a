"""The networks of the paper (Huang et al., ECCV 2022) in the form they were published in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vsrife.networks.blocks import activated_conv
from vsrife.networks.estimate import Estimate, Stages, warp_pair
from vsrife.networks.legacy import LegacyNetwork
from vsrife.networks.refine import ContextNet, UNet, add_residual

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsrife.networks.config_legacy import PaperConfig

__all__ = ["PaperBlock", "PaperIFNet"]


class PaperBlock(nn.Module):
    """An IFBlock without its resizing (section 3.2): N×inputs×h×w in, 4 channels of flow and 1 of mask out.

    The output is half the input's size, with `config.fine` as large as the input; flow is in its pixels.

    Args:
        config: of the network.
        index: the block's number, 0 the coarsest.
        extra: input channels beside the usual ones, see `privileged_block`.
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
        x = self.conv0(x)
        out: Tensor = self.lastconv(self.convblock(x) + x)
        return out


class PaperIFNet(LegacyNetwork):
    """IFNet and RefineNet as in the paper; RIFEm, 2R and 2T by its config.

    2T averages two pictures, each of two warps, which a single flow and mask cannot express; `estimate` gives the mean
    flow and mask of both and a residual that makes up the difference, so that the picture is the average exactly.
    """

    config: PaperConfig

    def __init__(self, config: PaperConfig) -> None:
        super().__init__(config, PaperBlock)
        if config.refines:
            self.contextnet, self.unet = ContextNet(fine=config.fine), UNet(fine=config.fine)

    def estimate(self, img0: Tensor, img1: Tensor, timestep: float | Tensor = 0.5, scale: float = 1) -> Estimate:
        self._check_time(timestep)
        if not isinstance(timestep, Tensor):
            timestep = torch.full_like(img0[:, :1], timestep)
        upright = self._estimate_once(img0, img1, timestep, scale)
        if not self.config.turned:
            return upright
        ends = img0.flip(2, 3), img1.flip(2, 3)
        turned = self._estimate_once(*ends, timestep.flip(2, 3), scale)
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
        """Estimate aligned pictures and keep the estimate after every block, see `IFNet.stages` (section 3.3)."""
        ends = self._inputs(img0, img1, timestep)
        *student, last = self._estimates(img0, img1, ends)
        refined, taught = add_residual(self, img0, img1, last), None
        if teacher is not None and truth is not None:
            inputs = torch.cat((ends, *warp_pair(img0, img1, last.flow), last.mask, truth), 1)
            flow, mask = self._step(teacher, self.config.scales[-1], inputs, last.flow)
            taught = Estimate(last.flow + flow, last.mask + mask)
        return Stages((*student, refined), taught)

    def _estimate_once(self, img0: Tensor, img1: Tensor, timestep: Tensor, scale: float) -> Estimate:
        for estimate in self._estimates(img0, img1, self._inputs(img0, img1, timestep), scale):
            last = estimate
        return add_residual(self, img0, img1, last)

    def _inputs(self, img0: Tensor, img1: Tensor, timestep: Tensor) -> Tensor:
        """The channels that every block gets unwarped."""
        return torch.cat((img0, img1, timestep) if self.config.any_time else (img0, img1), 1)

    def _estimates(self, img0: Tensor, img1: Tensor, ends: Tensor, scale: float = 1) -> Iterator[Estimate]:
        """Yield the estimate after each block."""
        blocks, scales = self.blocks, self.config.block_scales(scale)
        flow, mask = self._step(blocks[0], scales[0], ends, None)
        yield Estimate(flow, mask)
        for block, block_scale in zip(blocks[1:], scales[1:], strict=True):
            inputs = torch.cat((ends, *warp_pair(img0, img1, flow), mask), 1)
            step, mask_step = self._step(block, block_scale, inputs, flow)
            flow, mask = flow + step, mask + mask_step
            yield Estimate(flow, mask)
