"""IFNet, RIFE's flow network, in the form it was published in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from vsrife.errors import RifeError
from vsrife.networks.blocks import Block, build_head
from vsrife.networks.estimate import Estimate, Stages, padded
from vsrife.networks.warp import backward_warp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsrife.networks.config import IFNetConfig

__all__ = ["DOUBLING_MOTION", "IFNet"]

Ends = tuple[Tensor, Tensor, Tensor, Tensor]
"""Picture 0, picture 1, features 0, features 1."""
DOUBLING_MOTION = 32
"""Pixels that block 1 must add to both flows for the 4.0 networks to look again at twice the scale."""


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

    def forward(
        self, img0: Tensor, img1: Tensor, timestep: float | Tensor = 0.5, *, scale: float = 1, ensemble: bool = False
    ) -> Tensor:
        """The picture between two pictures.

        Args:
            img0: N×3×H×W, RGB in 0..1 (clamped), at time 0; any H and W.
            img1: the same at time 1.
            timestep: 0..1, or an N×1×H×W map of times.
            scale: flow scale, see `SCALES`.
            ensemble: run every block also with the pictures swapped and average, where it was published so.

        Returns:
            N×3×H×W, the two pictures warped along the estimated motion and blended by its mask.

        Raises:
            RifeError: the network was published without an ensemble.
        """
        if ensemble and not self.config.ensemble:
            raise RifeError("ensemble must be False for a network that was published without one, got True")
        height, width = img0.shape[-2:]
        align = self.config.alignment(scale)
        img0, img1 = padded(align, img0, img1)
        if isinstance(timestep, Tensor):
            (timestep,) = padded(align, timestep)
        made = self.estimate(img0, img1, timestep, scale, ensemble=ensemble).picture(img0.clamp(0, 1), img1.clamp(0, 1))
        return made[..., :height, :width]

    def estimate(
        self, img0: Tensor, img1: Tensor, timestep: float | Tensor = 0.5, scale: float = 1, *, ensemble: bool = False
    ) -> Estimate:
        """What the network says about aligned pictures, see `Estimate`.

        Args:
            img0: N×3×H×W in 0..1 (clamped), at time 0; sides are multiples of `config.alignment(scale)`.
            img1: the same at time 1.
            timestep: 0..1, or an N×1×H×W map of times.
            scale: flow scale, see `SCALES`.
            ensemble: see `forward`.
        """
        if not isinstance(timestep, Tensor):
            timestep = torch.full_like(img0[:, :1], timestep)
        ends = (img0.clamp(0, 1), img1.clamp(0, 1), self.features(img0), self.features(img1))
        return Estimate(*self._motion(ends, timestep, self.config.block_scales(scale), ensemble))

    def stages(
        self, img0: Tensor, img1: Tensor, timestep: Tensor, truth: Tensor | None = None, teacher: Block | None = None
    ) -> Stages:
        """What every block knows of aligned pictures, which is what training looks at.

        Args:
            img0: N×3×H×W in 0..1, at time 0; sides are multiples of `config.alignment(1)`.
            img1: the same at time 1.
            timestep: N×1×H×W map of times.
            truth: the same at that time, for the teacher.
            teacher: a block that also sees the truth, see `privileged_block`.
        """
        ends = (img0, img1, self.features(img0), self.features(img1))
        scales = self.config.block_scales(1)
        found = list(self._steps(ends, timestep, scales))
        student = tuple(Estimate(known.flow, known.mask) for known in found)
        if teacher is None:
            return Stages(student)
        known = found[-1].after(self._refine(teacher, scales[-1], ends, timestep, found[-1], truth), self.config)
        return Stages(student, Estimate(known.flow, known.mask))

    def _motion(self, ends: Ends, timestep: Tensor, scales: tuple[float, ...], ensemble: bool) -> tuple[Tensor, Tensor]:
        """Full-size flow (N×4) and mask logits (N×1) of aligned pictures and their features."""
        for known in self._steps(ends, timestep, scales, ensemble=ensemble):
            flow, mask, _ = known
        return flow, mask

    def _steps(
        self, ends: Ends, timestep: Tensor, scales: tuple[float, ...], *, ensemble: bool = False
    ) -> Iterator[_Known]:
        """What is known after each block. A network that looks again at twice the scale replaces its first step."""
        blocks = self.blocks
        known = self._refine(blocks[0], scales[0], ends, timestep, None)
        if ensemble:
            known = _mean(known, self._refine(blocks[0], scales[0], _swapped_ends(ends), 1 - timestep, None))
        yield known
        for index, block in enumerate(blocks[1:], 1):
            step = self._refine(block, scales[index], ends, timestep, known)
            if self.config.doubles and index == 1 and _moves_far(step.flow):
                scales = tuple(2 * s for s in scales)
                known = self._refine(blocks[0], scales[0], ends, timestep, None)
                step = self._refine(block, scales[index], ends, timestep, known)
            if ensemble:
                swapped = self._refine(block, scales[index], _swapped_ends(ends), 1 - timestep, known.swapped())
                step = _mean(step, swapped)
            known = known.after(step, self.config)
            yield known

    def _refine(
        self,
        block: Block,
        scale: float,
        ends: Ends,
        timestep: Tensor,
        known: _Known | None,
        truth: Tensor | None = None,
    ) -> _Known:
        """One block between its two resizings: the flow it adds, its mask and what it hands on, at full size."""
        if known is None:
            x = interpolate(torch.cat((*ends, timestep), 1), scale_factor=1 / scale, mode="bilinear")
        else:
            seen = (
                backward_warp(end, known.flow[:, side : side + 2]) for end, side in zip(ends, (0, 2, 0, 2), strict=True)
            )
            extra = () if truth is None else (truth,)
            inputs = torch.cat((*seen, timestep, known.mask, known.hidden_channels, *extra), 1)
            x = interpolate(inputs, scale_factor=1 / scale, mode="bilinear")
            x = torch.cat((x, interpolate(known.flow, scale_factor=1 / scale, mode="bilinear") / scale), 1)
        up = self.config.map_scale(scale)
        out = interpolate(block(x), scale_factor=up, mode="bilinear")
        return _Known(out[:, :4] * up, out[:, 4:5], out[:, 5:] if self.config.carries_hidden else out[:, :0])


class _Known(NamedTuple):
    """Motion at full size: flow in pixels, mask logits, and what the last block hands on."""

    flow: Tensor
    mask: Tensor
    hidden_channels: Tensor

    def after(self, step: _Known, config: IFNetConfig) -> _Known:
        """What is known once a block has added its step."""
        mask = self.mask + step.mask if config.accumulates_mask else step.mask
        return _Known(self.flow + step.flow, mask, step.hidden_channels)

    def swapped(self) -> _Known:
        """The same seen from the other end."""
        return _Known(torch.cat((self.flow[:, 2:], self.flow[:, :2]), 1), -self.mask, self.hidden_channels)


def _mean(straight: _Known, swapped: _Known) -> _Known:
    """Of a block's two views, the second brought back to the first's."""
    back = swapped.swapped()
    return _Known((straight.flow + back.flow) / 2, (straight.mask + back.mask) / 2, straight.hidden_channels)


def _swapped_ends(ends: Ends) -> Ends:
    img0, img1, f0, f1 = ends
    return img1, img0, f1, f0


def _moves_far(flow: Tensor) -> bool:
    return bool(min(flow[:, :2].abs().max(), flow[:, 2:].abs().max()) > DOUBLING_MOTION)
