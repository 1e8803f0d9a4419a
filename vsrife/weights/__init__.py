"""Weights: reading files safely, telling which network they fit, and the models that come with the package."""

from vsrife.weights.detect import check, detect
from vsrife.weights.files import inference_weights, read_metadata, read_weights
from vsrife.weights.store import Entry, load_network, manifest, models_folder

__all__ = [
    "Entry",
    "check",
    "detect",
    "inference_weights",
    "load_network",
    "manifest",
    "models_folder",
    "read_metadata",
    "read_weights",
]
