"""From a config, or a published name, to its network."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from vsrife.networks.blocks import Block
from vsrife.networks.catalog import CONFIGS
from vsrife.networks.config import IFNetConfig
from vsrife.networks.config_legacy import PaperConfig, RefinedConfig
from vsrife.networks.hdv3 import HDv3IFNet
from vsrife.networks.ifnet import IFNet
from vsrife.networks.paper import PaperBlock, PaperIFNet
from vsrife.networks.refined import RefinedIFNet

if TYPE_CHECKING:
    from vsrife.networks.config_legacy import AnyConfig, LegacyConfig
    from vsrife.networks.legacy import LegacyNetwork

__all__ = ["build", "make", "privileged_block"]


@overload
def make(config: IFNetConfig) -> IFNet: ...
@overload
def make(config: LegacyConfig) -> LegacyNetwork: ...
@overload
def make(config: AnyConfig) -> IFNet | LegacyNetwork: ...
def make(config: AnyConfig) -> IFNet | LegacyNetwork:
    """The network of a config, with random weights."""
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
    """The teacher of privileged distillation (section 3.3), with random weights.

    A block like the network's last one, at the same scale, whose input has the true picture's three channels more,
    before the flow. It looks at what the network found, be that one block's alone.
    """
    last = len(config.widths) - 1
    extra = 3 + config.inputs(max(last, 1)) - config.inputs(last)
    return Block(config, last, extra) if isinstance(config, IFNetConfig) else PaperBlock(config, last, extra)


def build(name: str) -> IFNet | LegacyNetwork:
    """The network of a name, with random weights.

    Those made for t = 0.5 (`config.any_time` off) serve other times to `vsrife.networks.TIME_STEP`.

    Raises:
        KeyError: `name` is not in `CONFIGS`.
    """
    return make(CONFIGS[name])
