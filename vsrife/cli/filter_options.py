"""The filter's arguments as options of commands, defined once: by `vsrife.plugin.arguments.Arguments`.

Importing this imports neither torch nor vapoursynth.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from vsrife.networks.catalog import DEFAULT
from vsrife.networks.config import SCALES
from vsrife.plugin.arguments import Arguments, arguments_from_text, descriptions, kind_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

__all__ = ["MOTION", "NETWORK", "add_filter_options", "filter_options", "given_options"]

MOTION = ("scale", "ensemble", "ensemble_mask", "picture", "estimates", "device", "precision")
"""Arguments about how motion is estimated."""
NETWORK = ("model", "model_path", *MOTION)
METAVARS = {int: "N", float: "X", str: "NAME"}
DEFAULTS = {argument.name: argument.default for argument in fields(Arguments)} | {"model": DEFAULT}


def add_filter_options(parser: argparse._ActionsContainer, names: Sequence[str] = NETWORK) -> None:
    """Add an option for each of the named arguments, with its description, choices and default."""
    texts = descriptions()
    for name in names:
        facts = [" ".join(f"{scale:g}" for scale in SCALES)] if name == "scale" else []
        if DEFAULTS[name] is not None:
            facts.append(f"default: {DEFAULTS[name]}")
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            metavar="FILE" if name == "model_path" else METAVARS[kind_of(name)],
            help=f"{texts[name]}{f' ({"; ".join(facts)})' if facts else ''}".replace("%", "%%"),
        )


def filter_options(options: argparse.Namespace, names: Sequence[str] = NETWORK) -> dict[str, Any]:
    """Those of the named arguments that were given on the command line, checked.

    Raises:
        RifeError: a value is not allowed.
    """
    return arguments_from_text(given_options(options, names))


def given_options(options: argparse.Namespace, names: Sequence[str]) -> list[tuple[str, str]]:
    """Names and texts of the options that were given."""
    return [(name, text) for name in names if (text := getattr(options, name)) is not None]
