"""Weights: reading files safely, telling which network they fit, models by name. Importing this imports no torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vsrife.weights.names import Resolved, resolve
from vsrife.weights.store import (
    Entry,
    find,
    imported,
    manifest,
    models_folder,
    origin,
    read_metadata,
    user_folder,
)

if TYPE_CHECKING:
    from vsrife.weights.detection import check, detect, network_part
    from vsrife.weights.download import fetch
    from vsrife.weights.files import inference_weights, read_weights
    from vsrife.weights.loading import load_network

__all__ = [
    "Entry",
    "Resolved",
    "check",
    "detect",
    "fetch",
    "find",
    "imported",
    "inference_weights",
    "load_network",
    "manifest",
    "models_folder",
    "network_part",
    "origin",
    "read_metadata",
    "read_weights",
    "resolve",
    "user_folder",
]

_NEEDS_TORCH = {
    "check": "detection",
    "detect": "detection",
    "fetch": "download",
    "inference_weights": "files",
    "load_network": "loading",
    "network_part": "detection",
    "read_weights": "files",
}


def __getattr__(name: str) -> Any:
    if name in _NEEDS_TORCH:
        return getattr(import_module(f"vsrife.weights.{_NEEDS_TORCH[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
