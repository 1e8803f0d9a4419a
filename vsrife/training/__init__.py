"""Training: networks from scratch, or fine-tuned on one's own footage. Importing this imports no torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vsrife.training.options import TrainOptions

if TYPE_CHECKING:
    from vsrife.training.run import run_training
    from vsrife.training.scenes import Layer, Scene, random_scene, random_texture

__all__ = ["Layer", "Scene", "TrainOptions", "random_scene", "random_texture", "run_training"]

_NEEDS_TORCH = {
    "Layer": "scenes",
    "Scene": "scenes",
    "random_scene": "scenes",
    "random_texture": "scenes",
    "run_training": "run",
}


def __getattr__(name: str) -> Any:
    if name in _NEEDS_TORCH:
        return getattr(import_module(f"vsrife.training.{_NEEDS_TORCH[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
