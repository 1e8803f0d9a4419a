"""Weights: files read safely, detection of their network, models by name. Importing this imports no torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vsrife.weights.names import Resolved, resolve
from vsrife.weights.store import Entry, find, imported, manifest, models_folder, origin, read_metadata, user_folder

if TYPE_CHECKING:
    from vsrife.weights.detection import check, detect, network_part
    from vsrife.weights.download import fetch
    from vsrife.weights.files import read_weights
    from vsrife.weights.loading import load_network

__all__ = [
    "Entry",
    "Resolved",
    "check",
    "detect",
    "fetch",
    "find",
    "imported",
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
    "detection": ("check", "detect", "network_part"),
    "download": ("fetch",),
    "files": ("read_weights",),
    "loading": ("load_network",),
}


def __getattr__(name: str) -> Any:
    for module, names in _NEEDS_TORCH.items():
        if name in names:
            return getattr(import_module(f"vsrife.weights.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
