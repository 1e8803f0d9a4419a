"""IFNet, RIFE's flow network, in the form it was published in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from vsrife.errors import RifeError
from vsrife.networks.blocks import Block, BlockNetwork, build_head, run_resized
from vsrife.networks.estimate import Estimate, Stages, pad_to_multiple, warp_pair
from vsrife.networks.refine import ContextNet, UNet, add_residual
from vsrife.tta import swap_ends

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsrife.networks.config import IFNetConfig
    from vsrife.networks.config_legacy import RefinedConfig

__all__ = ["DOUBLING_MOTION", "IFNet", "RefinedIFNet"]

Ends = tuple[Tensor, Tensor, Tensor, Tensor]
"""Picture 0, picture 1, features 0, features 1."""
DOUBLING_MOTION = 32
"""Adaptive scale of 4.0: block 1 must add more pixels than this to both flows for the scales to be doubled."""


class IFNet(BlockNetwork[Block]):
    """The flow network of RIFE 4.x (Huang et al., ECCV 2022, section 3.2, as revised in the 4.x releases).

    `forward` is the published form: every picture is warped, concatenated and shrunk at full size. It is the
    definition of right that the faster form in `vsrife.engine` is tested against.
    """

    config: IFNetConfig

    def __init__(self, config: IFNetConfig) -> None:
        super().__init__(config, Block)
        if config.head:
            self.encode = build_head(config.head)

    def features(self, picture: Tensor) -> Tensor:
        """Head features of an aligned N×3×H×W picture: N×features×H×W, of no channels where there is no head."""
        if not self.config.head:
            return picture[:, :0]
        out: Tensor = self.encode(picture)
        return out

    def forward(
        self, img0: Tensor, img1: Tensor, timestep: float | Tensor = 0.5, *, scale: float = 1, ensemble: bool = False
    ) -> Tensor:
        """Interpolate a picture between two pictures.

        Args:
            img0: N×3×H×W, RGB in 0..1 (clamped), at time 0; any H and W.
            img1: N×3×H×W, at time 1.
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
        img0, img1 = pad_to_multiple(align, img0, img1)
        if isinstance(timestep, Tensor):
            (timestep,) = pad_to_multiple(align, timestep)
        estimate = self.estimate(img0, img1, timestep, scale, ensemble=ensemble)
        picture = estimate.picture(img0.clamp(0, 1), img1.clamp(0, 1))
        return picture[..., :height, :width]

    def estimate(
        self, img0: Tensor, img1: Tensor, timestep: float | Tensor = 0.5, scale: float = 1, *, ensemble: bool = False
    ) -> Estimate:
        """Estimate motion, mask and, with a RefineNet, the residual of aligned pictures.

        Args:
            img0: N×3×H×W in 0..1 (clamped), at time 0; sides are multiples of `config.alignment(scale)`.
            img1: N×3×H×W, at time 1.
            timestep: 0..1, or an N×1×H×W map of times.
            scale: flow scale, see `SCALES`.
            ensemble: see `forward`.
        """
        if not isinstance(timestep, Tensor):
            timestep = torch.full_like(img0[:, :1], timestep)
        pictures = img0.clamp(0, 1), img1.clamp(0, 1)
        ends = (*pictures, self.features(img0), self.features(img1))
        for state in self._states(ends, timestep, self.config.block_scales(scale), ensemble=ensemble):
            last = Estimate(state.flow, state.mask)
        return add_residual(self, *pictures, last)

    def stages(
        self, img0: Tensor, img1: Tensor, timestep: Tensor, truth: Tensor | None = None, teacher: Block | None = None
    ) -> Stages:
        """Estimate aligned pictures, and keep the estimate after every block, which training needs.

        Args:
            img0: N×3×H×W in 0..1, at time 0; sides are multiples of `config.alignment(1)`.
            img1: N×3×H×W, at time 1.
            timestep: N×1×H×W map of times.
            truth: N×3×H×W, the true picture at those times, for the teacher.
            teacher: the privileged block, which also sees the truth, see `privileged_block`.
        """
        ends = (img0, img1, self.features(img0), self.features(img1))
        scales = self.config.block_scales(1)
        states = list(self._states(ends, timestep, scales))
        *student, last = (Estimate(state.flow, state.mask) for state in states)
        taught = None
        if teacher is not None:
            state = states[-1].add(self._step(teacher, scales[-1], ends, timestep, states[-1], truth), self.config)
            taught = Estimate(state.flow, state.mask)
        return Stages((*student, add_residual(self, img0, img1, last)), taught)

    def _states(
        self, ends: Ends, timestep: Tensor, scales: tuple[float, ...], *, ensemble: bool = False
    ) -> Iterator[_FlowState]:
        """Yield the state after each block; where adaptive scale doubles the scales, block 0's is replaced."""
        blocks = self.blocks
        state = self._step(blocks[0], scales[0], ends, timestep, None)
        if ensemble:
            state = state.mean(self._step(blocks[0], scales[0], _swap(ends), 1 - timestep, None))
        yield state
        for index, block in enumerate(blocks[1:], 1):
            step = self._step(block, scales[index], ends, timestep, state)
            if self.config.doubles and index == 1 and _moves_far(step.flow):
                scales = tuple(2 * s for s in scales)
                state = self._step(blocks[0], scales[0], ends, timestep, None)
                step = self._step(block, scales[index], ends, timestep, state)
            if ensemble:
                step = step.mean(self._step(block, scales[index], _swap(ends), 1 - timestep, state.swapped()))
            state = state.add(step, self.config)
            yield state

    def _step(
        self,
        block: Block,
        scale: float,
        ends: Ends,
        timestep: Tensor,
        state: _FlowState | None,
        truth: Tensor | None = None,
    ) -> _FlowState:
        """Run a block: the flow it adds, its mask and its hidden channels, at full size."""
        inputs, flow = (*ends, timestep), None
        if state is not None:
            flow = state.flow
            warped = (*warp_pair(*ends[:2], flow), *warp_pair(*ends[2:], flow))
            inputs = (*warped, timestep, state.mask, state.hidden, *(() if truth is None else (truth,)))
        step, mask, hidden = run_resized(block, scale, self.config.map_scale(scale), torch.cat(inputs, 1), flow)
        return _FlowState(step, mask, hidden if self.config.carries_hidden else hidden[:, :0])


class RefinedIFNet(IFNet):
    """RIFE 4.0 with all its published parts: IFNet and the RefineNet that was trained with it."""

    config: RefinedConfig

    def __init__(self, config: RefinedConfig) -> None:
        super().__init__(config)
        self.contextnet, self.unet = ContextNet(), UNet()


class _FlowState(NamedTuple):
    """Motion at full size: N×4×H×W flow in pixels, N×1×H×W mask logits, and the last block's hidden channels."""

    flow: Tensor
    mask: Tensor
    hidden: Tensor

    def add(self, step: _FlowState, config: IFNetConfig) -> _FlowState:
        """The state after a block has added its step."""
        mask = self.mask + step.mask if config.accumulates_mask else step.mask
        return _FlowState(self.flow + step.flow, mask, step.hidden)

    def swapped(self) -> _FlowState:
        """The state with the two ends exchanged."""
        return _FlowState(swap_ends(self.flow), -self.mask, self.hidden)

    def mean(self, other: _FlowState) -> _FlowState:
        """The mean with the state of the swapped pictures."""
        back = other.swapped()
        return _FlowState((self.flow + back.flow) / 2, (self.mask + back.mask) / 2, self.hidden)


def _swap(ends: Ends) -> Ends:
    img0, img1, features0, features1 = ends
    return img1, img0, features1, features0


def _moves_far(flow: Tensor) -> bool:
    return bool(min(flow[:, :2].abs().max(), flow[:, 2:].abs().max()) > DOUBLING_MOTION)
