"""IFNet, RIFE's flow network, in the form it was published in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample, interpolate, pad

from vsrife.networks.blocks import Block, build_head
from vsrife.networks.catalog import CATALOG

if TYPE_CHECKING:
    from vsrife.networks.config import IFNetConfig

__all__ = ["IFNet", "backward_warp", "build"]


def backward_warp(picture: Tensor, flow: Tensor) -> Tensor:
    """Look up, for every pixel, where its flow points to.

    Args:
        picture: N×C×H×W.
        flow: N×2×H×W in pixels, x before y. Pixel (x, y) of the result is `picture` at (x + flow x, y + flow y).

    Bilinear; coordinates count pixel centres from 0 (`align_corners=True`) and are clamped to the picture, whatever
    the dtype of the picture they are fp32.
    """
    if picture.shape[1] == 0:
        return picture
    height, width = picture.shape[-2:]
    ys = torch.arange(height, dtype=torch.float32, device=flow.device).view(1, -1, 1)
    xs = torch.arange(width, dtype=torch.float32, device=flow.device).view(1, 1, -1)
    x = (xs + flow[:, 0].float()) * (2 / max(width - 1, 1)) - 1
    y = (ys + flow[:, 1].float()) * (2 / max(height - 1, 1)) - 1
    grid = torch.stack((x, y), dim=-1)
    warped = grid_sample(picture.float(), grid, mode="bilinear", padding_mode="border", align_corners=True)
    return warped.to(picture.dtype)


class IFNet(nn.Module):
    """The flow network of RIFE 4.x (Huang et al., ECCV 2022, section 3.2, as revised in the 4.x releases).

    `forward` is the published form: every picture is warped, concatenated and shrunk at full size. It is the
    definition of right that the faster form in `vsrife.engine` is tested against.
    """

    def __init__(self, config: IFNetConfig) -> None:
        super().__init__()
        self.config = config
        for index in range(len(config.widths)):
            self.add_module(f"block{index}", Block(config, index))
        if config.head:
            self.encode = build_head(config.head)

    @property
    def blocks(self) -> list[Block]:
        """The blocks, coarsest first."""
        return [self.get_submodule(f"block{index}") for index in range(len(self.config.widths))]  # type: ignore[misc]

    def features(self, picture: Tensor) -> Tensor:
        """Head features of an aligned N×3×H×W picture: N×features×H×W, of no channels where there is no head."""
        if not self.config.head:
            return picture[:, :0]
        out: Tensor = self.encode(picture)
        return out

    def forward(self, img0: Tensor, img1: Tensor, timestep: float | Tensor = 0.5, *, scale: float = 1) -> Tensor:
        """The picture between two pictures.

        Args:
            img0: N×3×H×W, RGB in 0..1 (clamped), at time 0; any H and W.
            img1: the same at time 1.
            timestep: 0..1, or an N×1×H×W map of times.
            scale: flow scale, see `SCALES`.

        Returns:
            N×3×H×W, the two pictures warped along the estimated motion and blended by its mask.
        """
        height, width = img0.shape[-2:]
        if not isinstance(timestep, Tensor):
            timestep = img0.new_full((img0.shape[0], 1, height, width), timestep)
        align = self.config.alignment(scale)
        border = (0, -width % align, 0, -height % align)
        img0, img1, timestep = (pad(x, border, mode="replicate") for x in (img0, img1, timestep))
        flow, mask = self._motion(
            img0.clamp(0, 1), img1.clamp(0, 1), self.features(img0), self.features(img1), timestep, scale
        )
        warped0 = backward_warp(img0.clamp(0, 1), flow[:, :2])
        warped1 = backward_warp(img1.clamp(0, 1), flow[:, 2:])
        weight = mask.sigmoid()
        return (warped0 * weight + warped1 * (1 - weight))[..., :height, :width]

    def _motion(
        self, img0: Tensor, img1: Tensor, f0: Tensor, f1: Tensor, timestep: Tensor, scale: float
    ) -> tuple[Tensor, Tensor]:
        """Full-size flow (N×4) and mask logits (N×1) of aligned pictures."""
        scales = self.config.block_scales(scale)
        flow, mask, handed_on = self._refine(0, scales, (img0, img1, f0, f1, timestep), None)
        mask_before = mask
        for index in range(1, len(scales)):
            inputs = (*self._warped(img0, img1, f0, f1, flow), timestep, mask_before, handed_on)
            delta, mask, handed_on = self._refine(index, scales, inputs, flow)
            if self.config.doubles and index == 1 and min(delta[:, :2].abs().max(), delta[:, 2:].abs().max()) > 32:
                scales = tuple(2 * s for s in scales)
                flow, mask_before, handed_on = self._refine(0, scales, (img0, img1, f0, f1, timestep), None)
                inputs = (*self._warped(img0, img1, f0, f1, flow), timestep, mask_before, handed_on)
                delta, mask, handed_on = self._refine(index, scales, inputs, flow)
            flow = flow + delta
            mask_before = mask = mask_before + mask if self.config.accumulates_mask else mask
        return flow, mask

    def _refine(
        self, index: int, scales: tuple[float, ...], inputs: tuple[Tensor, ...], flow: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One block between its two resizings: what it adds to the flow, its mask, what it hands on, at full size."""
        scale = scales[index]
        x = interpolate(torch.cat(inputs, 1), scale_factor=1 / scale, mode="bilinear")
        if flow is not None:
            x = torch.cat((x, interpolate(flow, scale_factor=1 / scale, mode="bilinear") / scale), 1)
        up = self.config.map_scale(scale)
        out = interpolate(self.blocks[index](x), scale_factor=up, mode="bilinear")
        handed_on = out[:, 5:] if self.config.hands_on else out[:, :0]
        return out[:, :4] * up, out[:, 4:5], handed_on

    @staticmethod
    def _warped(
        img0: Tensor, img1: Tensor, f0: Tensor, f1: Tensor, flow: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Pictures and features, each warped by its own half of the flow."""
        to0, to1 = flow[:, :2], flow[:, 2:]
        return backward_warp(img0, to0), backward_warp(img1, to1), backward_warp(f0, to0), backward_warp(f1, to1)


def build(name: str) -> IFNet:
    """The network of a published version, with random weights.

    Raises:
        KeyError: `name` is not in `CATALOG`.
    """
    return IFNet(CATALOG[name])
