"""The published networks: a config for each, one module for all."""

from vsrife.networks.catalog import CATALOG, DEFAULT
from vsrife.networks.config import SCALES, HeadConfig, IFNetConfig
from vsrife.networks.ifnet import IFNet, backward_warp, build

__all__ = ["CATALOG", "DEFAULT", "SCALES", "HeadConfig", "IFNet", "IFNetConfig", "backward_warp", "build"]
