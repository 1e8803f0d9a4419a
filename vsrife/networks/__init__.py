"""The published networks: a config for each, and `make` for all. Importing this imports no torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vsrife.networks.catalog import CATALOG, CONFIGS, DEFAULT, LEGACY, OWN
from vsrife.networks.config import SCALES, SMALLEST, HeadConfig, IFNetConfig
from vsrife.networks.config_legacy import AnyConfig, HDv3Config, LegacyConfig, PaperConfig, RefinedConfig

if TYPE_CHECKING:
    from vsrife.networks.estimate import Estimate, Stages, backward_warp, mean_estimate
    from vsrife.networks.factory import make, privileged_block
    from vsrife.networks.ifnet import IFNet, RefinedIFNet
    from vsrife.networks.legacy import TIME_STEP, LegacyNetwork

__all__ = [
    "CATALOG",
    "CONFIGS",
    "DEFAULT",
    "LEGACY",
    "OWN",
    "SCALES",
    "SMALLEST",
    "TIME_STEP",
    "AnyConfig",
    "Estimate",
    "HDv3Config",
    "HeadConfig",
    "IFNet",
    "IFNetConfig",
    "LegacyConfig",
    "LegacyNetwork",
    "PaperConfig",
    "RefinedConfig",
    "RefinedIFNet",
    "Stages",
    "backward_warp",
    "make",
    "mean_estimate",
    "privileged_block",
]

_NEEDS_TORCH = {
    "estimate": ("Estimate", "Stages", "backward_warp", "mean_estimate"),
    "factory": ("make", "privileged_block"),
    "ifnet": ("IFNet", "RefinedIFNet"),
    "legacy": ("TIME_STEP", "LegacyNetwork"),
}


def __getattr__(name: str) -> Any:
    for module, names in _NEEDS_TORCH.items():
        if name in names:
            return getattr(import_module(f"vsrife.networks.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
