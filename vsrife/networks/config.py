"""The architecture of the RIFE 4.x networks: every published version is one value of `IFNetConfig`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

__all__ = ["SCALES", "SMALLEST", "HeadConfig", "IFNetConfig", "Pyramid"]

SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Flow scales a network can be run at: below 1 it looks at a smaller picture, above 1 at a larger one."""
SMALLEST = 16
"""The smallest side of a picture, in pixels."""


class Pyramid:
    """Blocks that refine the motion from coarse to fine; block i works at 1/scales[i] of the picture's size."""

    scales: tuple[int, ...]

    def block_scales(self, scale: float) -> tuple[float, ...]:
        """Scales of the blocks when the network is run at flow scale `scale`."""
        return tuple(s / scale for s in self.scales)


@dataclass(frozen=True)
class HeadConfig:
    """The encoder that gives every pixel of a picture a few features, at the picture's own size.

    Args:
        hidden: channels of its half-size layers.
        channels: features a pixel.
        layers: convolutions in all, first (stride 2) and last (transposed, stride 2) counted: 2 or 4.
        named: whether its layers are called `cnn0`…`cnn3` in published files; those heads clamp their input to 0..1.
    """

    hidden: int
    channels: int
    layers: int = 4
    named: bool = True


@dataclass(frozen=True)
class IFNetConfig(Pyramid):
    """An IFNet of the 4.x line: coarse-to-fine blocks that each refine flow and mask.

    Args:
        widths: body channels of each block.
        scales: block i works at 1/scales[i] of the picture's size.
        head: the feature encoder, None before 4.7.
        body: `prelu` (convolution + PReLU, one skip around the body), `plain` (convolution + LeakyReLU) or `residual`
            (LeakyReLU(conv(x)·β + x)).
        groups: groups of the body convolutions.
        outputs: output channels of a block: 4 of flow, 1 of mask, the rest hidden (or unused, see `carries_hidden`).
        shuffle: whether a transposed convolution and a pixel shuffle bring the output to the block's own input size;
            without it the output stays at half that size.
        carries_hidden: whether the channels after flow and mask are hidden channels, input to the next block.
        accumulates_mask: whether each block adds to the mask (before 4.7) or replaces it.
        ensemble: whether its authors published an ensemble inside the network.
        doubles: adaptive scale: at run time the scales are doubled where block 1 finds more than 32 px of motion (4.0,
            4.1).
    """

    any_time: ClassVar[bool] = True
    refines: ClassVar[bool] = False

    widths: tuple[int, ...]
    scales: tuple[int, ...] = (8, 4, 2, 1)
    head: HeadConfig | None = None
    body: Literal["prelu", "plain", "residual"] = "residual"
    groups: int = 1
    outputs: int = 6
    shuffle: bool = True
    carries_hidden: bool = False
    accumulates_mask: bool = False
    ensemble: bool = True
    doubles: bool = False

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.scales):
            raise ValueError(f"IFNetConfig: {len(self.widths)} widths for {len(self.scales)} scales")

    @property
    def features(self) -> int:
        """Head features a pixel, 0 without a head."""
        return self.head.channels if self.head else 0

    @property
    def hidden_channels(self) -> int:
        """Hidden channels a block hands to the next one."""
        return self.outputs - 5 if self.carries_hidden else 0

    def inputs(self, block: int) -> int:
        """Input channels of a block: two pictures, their features, the timestep; from block 1 on mask, hidden, flow."""
        first = 2 * (3 + self.features) + 1
        return first if block == 0 else first + 1 + self.hidden_channels + 4

    def map_scale(self, block_scale: float) -> float:
        """Picture pixels per pixel of a block's output, for a block that works at `block_scale`."""
        return block_scale if self.shuffle else 2 * block_scale

    def alignment(self, scale: float) -> int:
        """The number both sides of the picture must be multiples of: every block halves its input twice."""
        coarsest = 4 * max(self.scales) * (2 if self.doubles else 1)
        return int(max(coarsest, coarsest / scale))
