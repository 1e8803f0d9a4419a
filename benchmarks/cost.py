"""What a network costs, by the arithmetic of its config."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vsrife.networks.config import IFNetConfig


def block_multiplications(config: IFNetConfig, index: int, height: float, width: float) -> float:
    """Multiplications of one block for an input of that size, in its published form."""
    wide, area = config.widths[index], height * width
    entry = config.inputs(index) * 9 * (wide // 2) * area / 4 + (wide // 2) * 9 * wide * area / 16
    body = 8 * wide * 9 * wide / config.groups * area / 16
    return entry + body + wide * 16 * config.outputs * (4 if config.shuffle else 1) * area / 16


def head_multiplications(config: IFNetConfig, height: int, width: int) -> float:
    """Multiplications of the feature encoder for one picture."""
    if not config.head:
        return 0
    hidden, area = config.head.hidden, height * width / 4
    middle = (config.head.layers - 2) * hidden * 9 * hidden
    return (27 * hidden + middle + hidden * 16 * config.head.channels) * area
