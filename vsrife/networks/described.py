"""Configs as JSON, which a weights file says of a network that is in no table. Imports no torch."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from vsrife.errors import ModelError, first_line, shown
from vsrife.networks.config import HeadConfig, IFNetConfig
from vsrife.networks.config_legacy import AnyConfig, HDv3Config, PaperConfig, RefinedConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["described", "read_config"]

KINDS: dict[str, type[AnyConfig]] = {
    "ifnet": IFNetConfig,
    "ifnet-refined": RefinedConfig,
    "paper": PaperConfig,
    "legacy": HDv3Config,
}
BODIES = ("prelu", "plain", "residual")
LARGEST = {"widths": 2048, "scales": 64, "groups": 64, "outputs": 64, "hidden": 512, "channels": 256, "layers": 4}
"""The largest numbers a file may ask for, so that a damaged one asks for no terabytes."""
MOST_BLOCKS = 8
FEWEST_ADAPTIVE = 2
"""The fewest blocks of a network with adaptive scale."""
MOST_HIDDEN = 10
FEATURES = (0, 4, 8, 16)
"""Head features a pixel that the kernels have room for."""
FEWEST_OUTPUTS = 5
"""Four of flow and the mask."""


def described(config: AnyConfig) -> str:
    """A config as JSON; equal configs give equal text."""
    kind = next(name for name, other in KINDS.items() if type(config) is other)
    return json.dumps({"kind": kind, **asdict(config)}, sort_keys=True)


def read_config(text: str) -> AnyConfig:
    """Read the config that `described` wrote.

    Raises:
        ModelError: the text is no config, or one that no network can have.
    """
    try:
        content = json.loads(text)
        kind = KINDS[content.pop("kind")]
        if "hands_on" in content:  # the field's name in files written before 0.2
            content["carries_hidden"] = content.pop("hands_on")
        defaults = {field.name: field.default for field in fields(kind)}
        config = kind(**{name: _checked(name, value, defaults[name]) for name, value in content.items()})
        for wrong in _contradictions(config):
            raise ValueError(wrong)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"the file's network is described by something else than a config: {first_line(error)}"
        ) from error
    return config


def _contradictions(config: AnyConfig) -> Iterator[str]:
    """Numbers that do not go together: no network could be made of them, or none that runs."""
    widths, scales = config.widths, config.scales
    if len(widths) != len(scales):
        yield f"{len(widths)} widths for {len(scales)} scales"
    if min(widths) < 2:
        yield f"widths is {list(widths)}, at least 2 is needed"
    if any(max(scales) % scale for scale in scales):
        yield f"scales is {list(scales)}, each must divide the largest"
    adaptive = {IFNetConfig: "doubles", RefinedConfig: "doubles", HDv3Config: "adapts"}.get(type(config))
    if adaptive and getattr(config, adaptive) and len(widths) < FEWEST_ADAPTIVE:
        yield f"{adaptive} needs at least {FEWEST_ADAPTIVE} blocks, got {len(widths)}"
    if not isinstance(config, IFNetConfig):
        return
    if any(width % config.groups for width in widths):
        yield f"groups is {config.groups}, which must divide every width"
    if config.outputs < FEWEST_OUTPUTS:
        yield f"outputs is {config.outputs}, at least {FEWEST_OUTPUTS} are needed"
    if config.hidden_channels > MOST_HIDDEN:
        yield f"outputs is {config.outputs}, at most {MOST_HIDDEN} channels can be hidden"
    if config.features not in FEATURES:
        yield f"channels is {config.features}, which must be 4, 8 or 16"
    if config.head and config.head.layers not in ((4,) if config.head.named else (2, 4)):
        yield f"layers is {config.head.layers}, which such a head does not have"


def _checked(name: str, value: Any, default: Any) -> Any:
    """A field's value, of the field's type and within its limits."""
    most = LARGEST.get(name, 0)
    match name:
        case "head":
            if value is None:
                return None
            defaults = {field.name: field.default for field in fields(HeadConfig)}
            return HeadConfig(**{key: _checked(key, part, defaults[key]) for key, part in value.items()})
        case "body":
            right = value in BODIES
        case "widths" | "scales":
            right = isinstance(value, list) and 1 <= len(value) <= MOST_BLOCKS
            right = right and all(_is_count(number, most) for number in value)
        case _:
            right = isinstance(value, bool) if isinstance(default, bool) else _is_count(value, most)
    if not right:
        raise ValueError(f"{name} is {shown(value, 40)}")
    return tuple(value) if isinstance(value, list) else value


def _is_count(value: Any, most: int) -> bool:
    return type(value) is int and 1 <= value <= most
