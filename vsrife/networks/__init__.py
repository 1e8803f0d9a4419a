"""The published networks: a config for each, `make` and `build` for all. Importing this imports no torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vsrife.networks.catalog import CATALOG, CONFIGS, DEFAULT, LEGACY, OWN
from vsrife.networks.config import SCALES, HeadConfig, IFNetConfig
from vsrife.networks.config_legacy import AnyConfig, HDv3Config, LegacyConfig, PaperConfig, RefinedConfig

if TYPE_CHECKING:
    from vsrife.networks.estimate import Estimate, Stages, padded
    from vsrife.networks.factory import build, make, privileged_block
    from vsrife.networks.ifnet import IFNet
    from vsrife.networks.legacy import TIME_STEP, LegacyNetwork
    from vsrife.networks.refined import RefinedIFNet
    from vsrife.networks.tta import MeanEstimate, between, mean_estimate
    from vsrife.networks.warp import backward_warp

__all__ = [
    "CATALOG",
    "CONFIGS",
    "DEFAULT",
    "LEGACY",
    "OWN",
    "SCALES",
    "TIME_STEP",
    "AnyConfig",
    "Estimate",
    "HDv3Config",
    "HeadConfig",
    "IFNet",
    "IFNetConfig",
    "LegacyConfig",
    "LegacyNetwork",
    "MeanEstimate",
    "PaperConfig",
    "RefinedConfig",
    "RefinedIFNet",
    "Stages",
    "backward_warp",
    "between",
    "build",
    "make",
    "mean_estimate",
    "padded",
    "privileged_block",
]

_NEEDS_TORCH = {
    "TIME_STEP": "legacy",
    "LegacyNetwork": "legacy",
    "Estimate": "estimate",
    "IFNet": "ifnet",
    "MeanEstimate": "tta",
    "RefinedIFNet": "refined",
    "Stages": "estimate",
    "backward_warp": "warp",
    "between": "tta",
    "build": "factory",
    "make": "factory",
    "mean_estimate": "tta",
    "padded": "estimate",
    "privileged_block": "factory",
}


def __getattr__(name: str) -> Any:
    if name in _NEEDS_TORCH:
        return getattr(import_module(f"vsrife.networks.{_NEEDS_TORCH[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
