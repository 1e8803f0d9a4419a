"""The base of the networks before 4.x, and how midpoint-only networks serve other times."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from torch import Tensor, nn

from vsrife.errors import ArgumentError
from vsrife.networks.blocks import BlockNetwork, run_resized
from vsrife.networks.estimate import pad_to_multiple

if TYPE_CHECKING:
    from vsrife.networks.config_legacy import LegacyConfig
    from vsrife.networks.estimate import Estimate

__all__ = ["TIME_STEP", "LegacyNetwork"]

TIME_STEP = 1 / 16
"""Resolution of time of midpoint-only networks: they serve the nearest multiple, in at most four runs."""


class LegacyNetwork(BlockNetwork[nn.Module]):
    """A network before 4.x; a subclass estimates motion, mask and perhaps a residual in `estimate`."""

    config: LegacyConfig

    @abstractmethod
    def estimate(self, img0: Tensor, img1: Tensor, timestep: float | Tensor = 0.5, scale: float = 1) -> Estimate:
        """Estimate aligned N×3×H×W pictures in 0..1.

        Args:
            img0: at time 0; sides are multiples of `config.alignment(scale)`.
            img1: at time 1.
            timestep: 0..1 or an N×1×H×W map of times; 0.5 where `config.any_time` is off.
            scale: flow scale, see `SCALES`.

        Raises:
            RifeError: the network is midpoint-only and the timestep is another.
        """

    def forward(self, img0: Tensor, img1: Tensor, timestep: float | Tensor = 0.5, *, scale: float = 1) -> Tensor:
        """Interpolate a picture between two pictures.

        A midpoint-only network (`config.any_time` off) serves other times by recursive halving, to the nearest multiple
        of `TIME_STEP`: exact for 0, 1 and these multiples, else up to half a step off.

        Args:
            img0: N×3×H×W, RGB in 0..1 (clamped), at time 0; any H and W.
            img1: N×3×H×W, at time 1.
            timestep: 0..1; also an N×1×H×W map of times where `config.any_time` is on.
            scale: flow scale, see `SCALES`.

        Returns:
            N×3×H×W in 0..1.

        Raises:
            RifeError: the network cannot serve the timestep.
        """
        height, width = img0.shape[-2:]
        align = self.config.alignment(scale)
        first, last = pad_to_multiple(align, img0.clamp(0, 1), img1.clamp(0, 1))
        if self.config.any_time:
            if isinstance(timestep, Tensor):
                (timestep,) = pad_to_multiple(align, timestep)
            picture = self.estimate(first, last, timestep, scale).picture(first, last)
        elif isinstance(timestep, Tensor) or not 0 <= timestep <= 1:
            raise _wrong_time(timestep, "0..1 for a midpoint-only network")
        else:
            picture = self._halve(first, last, round(timestep / TIME_STEP) * TIME_STEP, scale)
        return picture[..., :height, :width]

    def _halve(self, img0: Tensor, img1: Tensor, timestep: float, scale: float) -> Tensor:
        """The picture at a multiple of a power of ½, by recursive halving."""
        if timestep in (0, 1):
            return img1 if timestep else img0
        middle = self.estimate(img0, img1, 0.5, scale).picture(img0, img1)
        if timestep == 0.5:
            return middle
        if timestep < 0.5:
            return self._halve(img0, middle, 2 * timestep, scale)
        return self._halve(middle, img1, 2 * timestep - 1, scale)

    def _check_time(self, timestep: float | Tensor) -> None:
        if not self.config.any_time and (isinstance(timestep, Tensor) or timestep != 0.5):
            raise _wrong_time(timestep, "0.5 for an estimate of a midpoint-only network")

    def _step(self, block: nn.Module, scale: float, inputs: Tensor, flow: Tensor | None) -> tuple[Tensor, Tensor]:
        """Run a block: the flow (N×4) and the mask (N×1) it adds, at full size."""
        step, mask, _ = run_resized(block, scale, self.config.map_scale(scale), inputs, flow)
        return step, mask


def _wrong_time(timestep: float | Tensor, allowed: str) -> ArgumentError:
    return ArgumentError("timestep", "a map" if isinstance(timestep, Tensor) else timestep, allowed)
