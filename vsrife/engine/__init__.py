"""Frames in, planes out: devices, the worker that owns one, source frames kept ready, and the interpolator."""

from vsrife.engine.device import DEVICES, PRECISIONS, resolve_device, resolve_precision
from vsrife.engine.engine import Engine, shared_engine
from vsrife.engine.interpolator import Interpolator, Options
from vsrife.engine.picture import MATRICES, Colour, PictureFormat, Source

__all__ = [
    "DEVICES",
    "MATRICES",
    "PRECISIONS",
    "Colour",
    "Engine",
    "Interpolator",
    "Options",
    "PictureFormat",
    "Source",
    "resolve_device",
    "resolve_precision",
    "shared_engine",
]
