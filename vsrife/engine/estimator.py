"""The interface of motion estimators, and the coarse-to-fine loop that two of them share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from vsrife.engine.bands import BAND, bands
from vsrife.motion import BlockMap, Motion
from vsrife.networks.ifnet import DOUBLING_MOTION

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsrife.motion import PackedMap
    from vsrife.networks import AnyConfig, IFNetConfig

    RunBlock = Callable[[int, float, Motion, "Pair"], BlockMap | PackedMap]
    """Runs block `index` at a scale: from the earlier blocks' motion and a pair to its map."""

__all__ = ["Estimate", "MotionEstimator", "Pair", "coarse_to_fine", "estimate_both_ways"]

Estimate = tuple[Motion, Tensor | None]
"""Motion, and the residual in RGB that a RefineNet adds to the picture (N×3×H×W), None without one."""


class MotionEstimator(Protocol):
    """Estimates motion between two pictures with one network, on one device.

    An encoded picture is what the network reads of it (RGB and head features); its layout is the estimator's own, with
    the batch first.
    """

    @property
    def config(self) -> AnyConfig: ...

    @property
    def dtype(self) -> torch.dtype:
        """Of most of its convolutions."""

    @property
    def has_bands(self) -> bool:
        """Whether it can work on bands of rows."""

    @property
    def takes_batches(self) -> bool:
        """Whether several pairs may be estimated as one batch."""

    def encode(self, rgb: Tensor, band: int = 0) -> Tensor:
        """Encode aligned RGB pictures.

        Args:
            rgb: N×H×W×3 in 0..1, fp32, sides multiples of the network's alignment.
            band: rows that are encoded at a time, see `vsrife.engine.bands`; 0 for all.
        """

    def estimate(
        self,
        encoded0: Tensor,
        encoded1: Tensor,
        timestep: Tensor,
        scale: float,
        *,
        ensemble: bool = False,
        band: int = 0,
    ) -> Estimate:
        """Motion between two encoded pictures.

        Args:
            encoded0: the picture at time 0.
            encoded1: the picture at time 1.
            timestep: 1×1×1×1 or N×1×1×1 times, or a 1×1×H×W map of times for a network that takes any time, 0..1.
            scale: flow scale.
            ensemble: whether to use the ensemble published inside the network, for networks that have one.
            band: rows of a block's input that are evaluated at a time, where `has_bands`; 0 for all.
        """

    def release(self) -> None:
        """Give up memory that is kept for later."""


@dataclass(frozen=True)
class Pair:
    """Two encoded pictures whose motion a block refines; the fields are those of `MotionEstimator.estimate`.

    Args:
        size: height and width of the pictures.
    """

    encoded0: Tensor
    encoded1: Tensor
    timestep: Tensor
    size: tuple[int, int]
    ensemble: bool = False
    band: int = 0

    def swapped(self) -> Pair:
        """The pair with its ends exchanged and the time reversed."""
        return replace(self, encoded0=self.encoded1, encoded1=self.encoded0, timestep=1 - self.timestep)


def coarse_to_fine(run_block: RunBlock, config: IFNetConfig, pair: Pair, scale: float) -> Motion:
    """Motion of a pair by all blocks of a 4.x network, coarsest first.

    Networks with adaptive scales (4.0, 4.1) run at doubled scales where the second block finds large motion.
    """
    scales = config.block_scales(scale)
    motion = Motion((), config.accumulates_mask)
    if config.doubles:
        coarsest = _refine(run_block, motion, pair, scales[:1])
        plain = replace(pair, ensemble=False)
        if _is_large(_refine(run_block, coarsest, plain, scales[:2]).maps[1], *pair.size):
            scales = tuple(2 * s for s in scales)
            coarsest = _refine(run_block, motion, plain, scales[:1])
        motion = coarsest
    return _refine(run_block, motion, pair, scales)


def _refine(run_block: RunBlock, motion: Motion, pair: Pair, scales: tuple[float, ...]) -> Motion:
    """The motion refined by the blocks that have not run yet, up to the number of scales."""
    for index in range(len(motion.maps), len(scales)):
        block = run_block(index, scales[index], motion, pair)
        if pair.ensemble:
            block = block.mean(run_block(index, scales[index], motion.swapped(), pair.swapped()).swapped())
        motion = Motion((*motion.maps, block), motion.accumulates_mask)
    return motion


def _is_large(block: BlockMap | PackedMap, height: int, width: int) -> bool:
    """Whether a map has flow beyond `DOUBLING_MOTION` pixels to both ends."""
    flow = BlockMap(block.data[:, :4], block.scale)
    ys, xs = (torch.arange(size, dtype=torch.float32, device=flow.data.device) for size in (height, width))
    largest = [
        (flow.at(ys[rows.kept_rows()], xs).abs() * flow.scale).amax((0, 2, 3)) for rows in bands(height, BAND, halo=0)
    ]
    beyond = torch.stack(largest).amax(0) > DOUBLING_MOTION
    return bool(beyond[:2].any() and beyond[2:].any())


def estimate_both_ways(
    estimator: MotionEstimator, encoded0: Tensor, encoded1: Tensor, timestep: Tensor, scale: float, *, band: int = 0
) -> tuple[Estimate, Estimate]:
    """Estimates of a pair as it is, and with its ends exchanged and the time reversed, in the latter's own terms.

    Where the estimator takes batches and memory is not short, the two are one batch, which costs less.
    """
    if not estimator.takes_batches or band:
        forward = estimator.estimate(encoded0, encoded1, timestep, scale, band=band)
        return forward, estimator.estimate(encoded1, encoded0, 1 - timestep, scale, band=band)
    times = torch.cat((timestep, 1 - timestep))
    motion, _ = estimator.estimate(torch.cat((encoded0, encoded1)), torch.cat((encoded1, encoded0)), times, scale)
    return (motion.part(0), None), (motion.part(1), None)
