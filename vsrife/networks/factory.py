"""Networks from their configs, with random weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from vsrife.networks.blocks import Block
from vsrife.networks.config import IFNetConfig
from vsrife.networks.config_legacy import PaperConfig, RefinedConfig
from vsrife.networks.hdv3 import HDv3IFNet
from vsrife.networks.ifnet import IFNet, RefinedIFNet
from vsrife.networks.paper import PaperBlock, PaperIFNet

if TYPE_CHECKING:
    from vsrife.networks.config_legacy import AnyConfig, LegacyConfig
    from vsrife.networks.legacy import LegacyNetwork

__all__ = ["make", "privileged_block"]


@overload
def make(config: IFNetConfig) -> IFNet: ...
@overload
def make(config: LegacyConfig) -> LegacyNetwork: ...
@overload
def make(config: AnyConfig) -> IFNet | LegacyNetwork: ...
def make(config: AnyConfig) -> IFNet | LegacyNetwork:
    """Make the network of a config."""
    if isinstance(config, RefinedConfig):
        return RefinedIFNet(config)
    if isinstance(config, IFNetConfig):
        return IFNet(config)
    return PaperIFNet(config) if isinstance(config, PaperConfig) else HDv3IFNet(config)


@overload
def privileged_block(config: IFNetConfig) -> Block: ...
@overload
def privileged_block(config: PaperConfig) -> PaperBlock: ...
def privileged_block(config: IFNetConfig | PaperConfig) -> Block | PaperBlock:
    """Make the teacher of privileged distillation (section 3.3).

    A block like the network's last one, at the same scale, whose input has the true picture's three channels more,
    before the flow. It refines the network's estimate, even where that is a single block's.
    """
    last = len(config.widths) - 1
    extra = 3 + config.inputs(max(last, 1)) - config.inputs(last)
    return Block(config, last, extra) if isinstance(config, IFNetConfig) else PaperBlock(config, last, extra)
