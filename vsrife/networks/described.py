"""Configs as text, for networks that are in no table: what a weights file says of itself. Imports no torch."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

from vsrife.errors import ModelError
from vsrife.networks.config import HeadConfig, IFNetConfig
from vsrife.networks.config_legacy import AnyConfig, HDv3Config, PaperConfig, RefinedConfig

__all__ = ["described", "read_config"]

KINDS: dict[str, type[AnyConfig]] = {
    "ifnet": IFNetConfig,
    "ifnet-refined": RefinedConfig,
    "paper": PaperConfig,
    "legacy": HDv3Config,
}
BODIES = ("prelu", "plain", "residual")
LARGEST = {"widths": 2048, "scales": 64, "groups": 64, "outputs": 64, "hidden": 512, "channels": 256, "layers": 4}
"""Numbers a file may ask for: no more, so that a damaged one asks for no terabytes."""
MOST_BLOCKS = 8
MOST_SHOWN = 200
"""Characters of a file's own that an error repeats."""
LOOKS = 2
"""Blocks that run before the others where a network looks how far the motion is."""
MOST_HANDED_ON = 10
FEATURES = (0, 4, 8, 16)
"""What the kernels have room for, of each pixel."""
FEWEST_OUTPUTS = 5
"""Four of flow and the mask."""


def described(config: AnyConfig) -> str:
    """A config as JSON, the same text for the same config."""
    kind = next(name for name, other in KINDS.items() if type(config) is other)
    return json.dumps({"kind": kind, **asdict(config)}, sort_keys=True)


def read_config(text: str) -> AnyConfig:
    """The config that `described` made a text of.

    Raises:
        ModelError: it is none, or one that no network can have.
    """
    try:
        content = json.loads(text)
        kind = KINDS[content.pop("kind")]
        if "hands_on" in content:  # the field's name in files written before 0.2
            content["carries_hidden"] = content.pop("hands_on")
        known = {field.name: field for field in fields(kind)}
        config = kind(**{name: _value(name, value, known[name].default) for name, value in content.items()})
        _check(config)
        return config
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        shown = str(error)
        shown = shown if shown.isprintable() and len(shown) <= MOST_SHOWN else ascii(shown[:MOST_SHOWN])
        raise ModelError(f"the file's network is described by something else than a config: {shown}") from error


def _check(config: AnyConfig) -> None:
    """Refuse numbers that do not go together: no network could be made of them, or none that runs."""
    widths, scales = config.widths, config.scales
    if len(widths) != len(scales):
        raise ValueError(f"{len(widths)} widths for {len(scales)} scales")
    if min(widths) < 2:
        raise ValueError(f"widths is {list(widths)}, at least 2 is needed")
    if any(max(scales) % scale for scale in scales):
        raise ValueError(f"scales is {list(scales)}, each must divide the largest")
    if isinstance(config, PaperConfig):
        return
    if isinstance(config, HDv3Config):
        if config.adapts and len(widths) < LOOKS:
            raise ValueError(f"adapts needs at least {LOOKS} blocks, got {len(widths)}")
        return
    if config.doubles and len(widths) < LOOKS:
        raise ValueError(f"doubles needs at least {LOOKS} blocks, got {len(widths)}")
    if any(width % config.groups for width in widths):
        raise ValueError(f"groups is {config.groups}, which must divide every width")
    if config.outputs < FEWEST_OUTPUTS:
        raise ValueError(f"outputs is {config.outputs}, at least {FEWEST_OUTPUTS} are needed")
    if config.hidden_channels > MOST_HANDED_ON:
        raise ValueError(f"outputs is {config.outputs}, at most {MOST_HANDED_ON} can be handed on")
    if config.features not in FEATURES:
        raise ValueError(f"channels is {config.features}, which must be 4, 8 or 16")
    if config.head and config.head.layers not in ((4,) if config.head.named else (2, 4)):
        raise ValueError(f"layers is {config.head.layers}, which such a head does not have")


def _value(name: str, value: Any, default: Any) -> Any:
    """A field's value, checked."""
    if name == "head":
        if value is None:
            return None
        known = {field.name: field for field in fields(HeadConfig)}
        return HeadConfig(**{key: _value(key, part, known[key].default) for key, part in value.items()})
    if name == "body":
        return _among(name, value, value in BODIES)
    if name in ("widths", "scales"):
        right = isinstance(value, list) and 1 <= len(value) <= MOST_BLOCKS
        return _among(name, tuple(_value("one", n, LARGEST[name]) for n in value) if right else value, right)
    if isinstance(default, bool):
        return _among(name, value, isinstance(value, bool))
    most = default if name == "one" else LARGEST[name]
    return _among(name, value, type(value) is int and 1 <= value <= most)


def _among[T](name: str, value: T, right: bool) -> T:
    if not right:
        raise ValueError(f"{name} is {str(value)[:40]}")
    return value
