"""Configs as text, for networks that are in no table: what a weights file says of itself. Imports no torch."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

from vsrife.errors import ModelError
from vsrife.networks.config import HeadConfig, IFNetConfig
from vsrife.networks.config_ancestors import AnyConfig, LegacyConfig, PaperConfig, RefinedConfig

__all__ = ["described", "read_config"]

KINDS: dict[str, type[AnyConfig]] = {
    "ifnet": IFNetConfig,
    "ifnet-refined": RefinedConfig,
    "paper": PaperConfig,
    "legacy": LegacyConfig,
}
BODIES = ("prelu", "plain", "residual")
LARGEST = {"widths": 2048, "scales": 64, "groups": 64, "outputs": 64, "hidden": 512, "channels": 256, "layers": 4}
"""Numbers a file may ask for: no more, so that a damaged one asks for no terabytes."""
MOST_BLOCKS = 8


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
        known = {field.name: field for field in fields(kind)}
        return kind(**{name: _value(name, value, known[name].default) for name, value in content.items()})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"RIFE: the file's network is described by something else than a config: {error}") from error


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
