"""Channels as the kernels keep them: beside each other in memory, padded to a multiple of a vector's width."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FLOW_AND_MASK", "Packing"]

FLOW_AND_MASK = 5
"""Channels of a map before the hidden ones."""


@dataclass(frozen=True)
class Packing:
    """Positions of a network's published channels in their packed form.

    An encoded picture is RGB, the head's features and padding. A map is flow (4), mask, hidden channels and padding. A
    block's input is encoded picture 0, encoded picture 1, then the channels of a map, with the timestep in the first
    padding.

    Args:
        features: head features a pixel.
        hidden_channels: channels that a block passes to the next.
    """

    features: int
    hidden_channels: int

    @property
    def encoded_channels(self) -> int:
        return {0: 4, 4: 8, 8: 12, 16: 20}[self.features]

    @property
    def map_channels(self) -> int:
        return 16 if self.hidden_channels else 8

    @property
    def time_channel(self) -> int:
        """The timestep's position among a block's input channels that are those of a map."""
        return FLOW_AND_MASK + self.hidden_channels

    @property
    def input_channels(self) -> int:
        return 2 * self.encoded_channels + self.map_channels

    def input_positions(self, *, first: bool) -> list[int]:
        """The packed position of each channel of a block's published input.

        Args:
            first: whether the block is the first one, which has the encoded pictures and the timestep alone.
        """
        encoded0, encoded1, rest = 0, self.encoded_channels, 2 * self.encoded_channels
        features = range(3, 3 + self.features)
        positions = [encoded0 + c for c in range(3)] + [encoded1 + c for c in range(3)]
        positions += [encoded0 + c for c in features] + [encoded1 + c for c in features]
        positions.append(rest + self.time_channel)
        if not first:
            positions += [rest + c for c in range(4, FLOW_AND_MASK + self.hidden_channels)]
            positions += [rest + c for c in range(4)]
        return positions
