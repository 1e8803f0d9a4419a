"""The table of networks: the 4.x line, our own, and those before. A new version is a new row."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vsrife.networks.config import HeadConfig, IFNetConfig
from vsrife.networks.config_legacy import HDv3Config, PaperConfig, RefinedConfig

if TYPE_CHECKING:
    from vsrife.networks.config_legacy import AnyConfig

__all__ = ["CATALOG", "CONFIGS", "DEFAULT", "LEGACY", "OWN"]

DEFAULT = "4.26"

_C = (192, 128, 96, 64)
_LITE = (128, 96, 64, 48)
_FIVE = (192, 128, 96, 64, 32)

_4_0 = IFNetConfig(_C, body="prelu", outputs=5, shuffle=False, accumulates_mask=True, doubles=True)
_4_2 = replace(_4_0, body="plain", doubles=False)
_4_5 = IFNetConfig(_C, outputs=5, accumulates_mask=True)
_4_6 = replace(_4_5, outputs=6)
_4_7 = IFNetConfig(_C, head=HeadConfig(16, 4, layers=2, named=False))
_4_10 = IFNetConfig(_C, head=HeadConfig(32, 8, named=False))
_4_12_LITE = IFNetConfig(_LITE, head=HeadConfig(32, 4, named=False))
_4_13 = IFNetConfig(_C, head=HeadConfig(32, 8))
_4_14_LITE = replace(_4_13, groups=2)
_4_15_LITE = IFNetConfig(_LITE, head=HeadConfig(16, 4))
_4_20 = IFNetConfig((384, 192, 96, 48), head=HeadConfig(32, 8))
_4_21 = IFNetConfig((256, 192, 96, 48), head=HeadConfig(32, 8), outputs=13, carries_hidden=True, ensemble=False)
_4_22_LITE = replace(_4_21, widths=(192, 128, 64, 32), head=HeadConfig(16, 4))
_4_25 = replace(_4_21, widths=_FIVE, scales=(16, 8, 4, 2, 1), head=HeadConfig(16, 4))

CATALOG: dict[str, IFNetConfig] = {
    "4.0": _4_0,
    "4.1": _4_0,
    "4.2": _4_2,
    "4.3": _4_2,
    "4.4": _4_2,
    "4.5": _4_5,
    "4.6": _4_6,
    "4.7": _4_7,
    "4.8": _4_7,
    "4.9": _4_7,
    "4.10": _4_10,
    "4.11": _4_10,
    "4.12": _4_10,
    "4.12.lite": _4_12_LITE,
    "4.13": _4_13,
    "4.13.lite": _4_12_LITE,
    "4.14": _4_13,
    "4.14.lite": _4_14_LITE,
    "4.15": _4_13,
    "4.15.lite": _4_15_LITE,
    "4.16.lite": _4_15_LITE,
    "4.17": _4_13,
    "4.17.lite": _4_15_LITE,
    "4.18": _4_13,
    "4.19": _4_13,
    "4.20": _4_20,
    "4.21": _4_21,
    "4.22": _4_21,
    "4.22.lite": _4_22_LITE,
    "4.23": _4_21,
    "4.24": _4_13,
    "4.25": _4_25,
    "4.25.lite": replace(_4_25, widths=(192, 128, 96, 64, 24), scales=(32, 16, 8, 4, 1)),
    "4.25.heavy": replace(_4_25, widths=(384, 256, 192, 128, 64)),
    "4.26": _4_25,
    "4.26.heavy": replace(_4_25, head=HeadConfig(16, 16)),
}
"""Published name → architecture."""

OWN: dict[str, IFNetConfig] = {
    "tuned": _4_25,
    "nano": replace(_4_25, widths=(192, 128, 56), scales=(16, 8, 4)),
}
"""Name → architecture of the networks that were trained here."""

LEGACY: dict[str, PaperConfig | HDv3Config | RefinedConfig] = {
    "paper": PaperConfig(),
    "paper-2t": PaperConfig(turned=True),
    "paper-2r": PaperConfig(fine=True),
    "paper-large": PaperConfig(fine=True, turned=True),
    "paper-m": PaperConfig(any_time=True),
    "3.5": HDv3Config(two_steps=False),
    "3.6": HDv3Config(),
    "3.8": HDv3Config(swaps=False, adapts=True),
    "4.0.refine": RefinedConfig(_C, body="prelu", outputs=5, shuffle=False, accumulates_mask=True, doubles=True),
}
"""Name → architecture of the networks besides the 4.x line's fast form.

The shapes of their weights do not tell the paper's midpoint-only variants apart, nor 3.6 from 3.8. 3.0 and 3.1, which
were published as three files with a fusion network of another kind, are missing.
"""

CONFIGS: dict[str, AnyConfig] = {**CATALOG, **OWN, **LEGACY}
"""Name → architecture of every network."""
