"""What models are called: vsrife's names, the ncnn plugin's names and numbers. Importing this imports no torch."""

from __future__ import annotations

import re
from typing import NamedTuple

from vsrife.errors import ModelError, nearest
from vsrife.networks.catalog import CONFIGS
from vsrife.weights.store import imported

__all__ = ["NAMES", "NUMBERS", "Resolved", "resolve"]

NAMES = tuple(CONFIGS)
"""Every network there is, by its own name."""


class Resolved(NamedTuple):
    """What a `model` argument means.

    Args:
        name: the model.
        ensemble: whether the ncnn plugin's ensemble form of it was asked for.
    """

    name: str
    ensemble: bool = False


_FIRST = ("rife", "rife-HD", "rife-UHD", "rife-anime", "rife-v2", "rife-v2.3", "rife-v2.4", "rife-v3.0", "rife-v3.1")
_PAIRS = (
    *(
        "rife-v3.9",
        "4.0",
        "4.1",
        "4.2",
        "4.3",
        "4.4",
        "4.5",
        "4.6",
        "4.7",
        "4.8",
        "4.9",
        "4.10",
        "4.11",
        "4.12",
        "4.12.lite",
    ),
    *("4.13", "4.13.lite", "4.14", "4.14.lite", "4.15", "4.15.lite", "4.16.lite", "4.17", "4.17.lite"),
    *("4.18", "4.19", "4.20"),
)
NUMBERS = (
    *(Resolved(name) for name in _FIRST),
    *(Resolved(name, ensemble) for name in _PAIRS for ensemble in (False, True)),
    *(Resolved(name) for name in ("4.21", "4.22", "4.22.lite", "4.23")),
    *(Resolved("4.24"), Resolved("4.24", ensemble=True)),
    *(Resolved(name) for name in ("4.25", "4.25.lite", "4.25.heavy", "4.26", "4.26.heavy")),
)
"""The ncnn plugin's `model` numbers: the index is the number. What it calls 4.26-large has 4.26.heavy's layers."""

_SPELT = re.compile(
    r"(?:rife-|flownet_)?v?(?P<major>\d+)(?:\.(?P<minor>\d+))?(?:[-_.](?P<kind>lite|heavy|large))?(?:[-_]beta)?"
    r"(?:_ensemble(?P<ensemble>True|False))?(?:_fast(?:True|False))?"
)


def resolve(model: str) -> Resolved:
    """Which model a script means.

    Args:
        model: a name ("4.6", "4.12.lite", or that of an imported model), one as others spell it ("4.12-lite", "v4.6",
            "rife-v4.6", "rife-v4.6_ensembleTrue"), or one of the ncnn plugin's numbers as text ("24").

    Raises:
        ModelError: it means none, or one that this package has not.
    """
    if model in NAMES or model in imported():
        return Resolved(model)
    if re.fullmatch(r"[0-9]{1,9}", model):
        return _numbered(int(model))
    spelt = _SPELT.fullmatch(model)
    if spelt:
        kind = "heavy" if spelt["kind"] == "large" else spelt["kind"]
        name = f"{spelt['major']}.{spelt['minor'] or 0}" + (f".{kind}" if kind else "")
        if name in NAMES:
            return Resolved(name, spelt["ensemble"] == "True")
    shown = model if model.isprintable() and len(model) <= 60 else repr(model[:60])
    like = nearest(model[:60], (*NAMES, *imported()))
    allowed = f"one that `vsrife models` lists{like}" if like else f"one of {', '.join(NAMES)}, or one you imported"
    raise ModelError(f"model must be {allowed}, got {shown}")


def _numbered(number: int) -> Resolved:
    if number >= len(NUMBERS):
        raise ModelError(
            f"model must be a name or one of the ncnn plugin's numbers up to {len(NUMBERS) - 1}, got {number}"
        )
    meant = NUMBERS[number]
    if meant.name not in NAMES:
        raise ModelError(f"model {number} is the ncnn plugin's {meant.name}, which this package has not")
    return meant
