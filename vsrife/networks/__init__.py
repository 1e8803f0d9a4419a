"""The published networks: a config for each, one module for all. Importing this imports no torch until it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vsrife.networks.catalog import CATALOG, DEFAULT
from vsrife.networks.config import SCALES, HeadConfig, IFNetConfig

if TYPE_CHECKING:
    from vsrife.networks.ifnet import IFNet, backward_warp, build

__all__ = ["CATALOG", "DEFAULT", "SCALES", "HeadConfig", "IFNet", "IFNetConfig", "backward_warp", "build"]


def __getattr__(name: str) -> Any:
    if name in ("IFNet", "backward_warp", "build"):
        from vsrife.networks import ifnet

        return getattr(ifnet, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
