"""Names of models: vsrife's, other spellings, the ncnn plugin's numbers. Importing this imports no torch."""

from __future__ import annotations

import re
from typing import NamedTuple

from vsrife.errors import ModelError, nearest, shown
from vsrife.networks.catalog import CONFIGS, DEFAULT
from vsrife.weights.store import imported

__all__ = ["NUMBERS", "Resolved", "resolve"]


class Resolved(NamedTuple):
    """The model that a `model` argument means.

    Args:
        name: the model's name.
        ensemble: whether the argument means the ncnn plugin's ensemble form.
    """

    name: str
    ensemble: bool = False


_FIRST = ("rife", "rife-HD", "rife-UHD", "rife-anime", "rife-v2", "rife-v2.3", "rife-v2.4", "rife-v3.0", "rife-v3.1")
_PAIRS = (
    *("rife-v3.9", *(f"4.{minor}" for minor in range(13)), "4.12.lite", "4.13", "4.13.lite", "4.14", "4.14.lite"),
    *("4.15", "4.15.lite", "4.16.lite", "4.17", "4.17.lite", "4.18", "4.19", "4.20"),
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
    """Resolve a `model` argument.

    Args:
        model: a name ("4.6", "4.12.lite", or that of an imported model), one as others spell it ("4.12-lite", "v4.6",
            "rife-v4.6", "rife-v4.6_ensembleTrue"), one of the ncnn plugin's numbers as text ("24"), or "auto", the
            default.

    Raises:
        ModelError: it means no model, or one that this package lacks.
    """
    if model == "auto":
        return Resolved(DEFAULT)
    if model in CONFIGS or model in imported():
        return Resolved(model)
    if re.fullmatch(r"[0-9]{1,9}", model):
        return _resolve_number(int(model))
    spelt = _SPELT.fullmatch(model)
    if spelt:
        kind = "heavy" if spelt["kind"] == "large" else spelt["kind"]
        name = f"{spelt['major']}.{spelt['minor'] or 0}" + (f".{kind}" if kind else "")
        if name in CONFIGS:
            return Resolved(name, spelt["ensemble"] == "True")
    like = nearest(model, (*CONFIGS, *imported()))
    allowed = f"one that `vsrife models` lists{like}" if like else f"one of {', '.join(CONFIGS)}, or one you imported"
    raise ModelError(f"model must be {allowed}, got {shown(model)}")


def _resolve_number(number: int) -> Resolved:
    if number >= len(NUMBERS):
        raise ModelError(
            f"model must be a name or one of the ncnn plugin's numbers up to {len(NUMBERS) - 1}, got {number}"
        )
    resolved = NUMBERS[number]
    if resolved.name not in CONFIGS:
        hint = f"; for {number} times as many frames, use multi={number}" if number > 1 else ""
        raise ModelError(f"model {number} is the ncnn plugin's {resolved.name}, which this package does not have{hint}")
    return resolved
