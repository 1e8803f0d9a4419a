"""Channels as the kernels keep them: beside each other in memory and a multiple of what a vector holds."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FLOW_AND_MASK", "Packing"]

FLOW_AND_MASK = 5
"""Channels of a map before those that are handed on."""


@dataclass(frozen=True)
class Packing:
    """Where a channel of a network's published form lies in its packed form.

    A look is RGB, the head's features and padding. A map is flow (4), mask, what is handed on and padding. A block's
    input is look 0, look 1, then as a map is, the timestep in the first padding.

    Args:
        features: head features a pixel.
        hidden_channels: channels that a block hands on to the next.
    """

    features: int
    hidden_channels: int

    @property
    def look(self) -> int:
        """Channels of a look."""
        return {0: 4, 4: 8, 8: 12, 16: 20}[self.features]

    @property
    def known(self) -> int:
        """Channels of a map, and of what a block is told besides the looks."""
        return 16 if self.hidden_channels else 8

    @property
    def time(self) -> int:
        """The timestep's place in the latter."""
        return FLOW_AND_MASK + self.hidden_channels

    @property
    def inputs(self) -> int:
        """Channels of a block's input."""
        return 2 * self.look + self.known

    def input_places(self, *, first: bool) -> list[int]:
        """For each channel of a block's published input, its place in the packed one.

        Args:
            first: of the first block, which knows the looks and the timestep alone.
        """
        look0, look1, known = 0, self.look, 2 * self.look
        features = range(3, 3 + self.features)
        places = [look0 + c for c in range(3)] + [look1 + c for c in range(3)]
        places += [look0 + c for c in features] + [look1 + c for c in features]
        places.append(known + self.time)
        if not first:
            places += [known + c for c in range(4, FLOW_AND_MASK + self.hidden_channels)]
            places += [known + c for c in range(4)]
        return places
