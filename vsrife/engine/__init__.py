"""Frames in, planes out: devices, the worker that owns one, source frames kept ready, and the interpolator."""

from vsrife.engine.device import DEVICES, PRECISIONS, described_devices, resolve_device, resolve_precision
from vsrife.engine.engine import Engine, shared_engine
from vsrife.engine.interpolator import Interpolator, Options, Task
from vsrife.engine.picture import MATRICES, Colour, PictureFormat, Source
from vsrife.engine.scenes import DEFAULT_THRESHOLD as CUT_THRESHOLD
from vsrife.engine.show import painter

__all__ = [
    "CUT_THRESHOLD",
    "DEVICES",
    "MATRICES",
    "PRECISIONS",
    "Colour",
    "Engine",
    "Interpolator",
    "Options",
    "PictureFormat",
    "Source",
    "Task",
    "described_devices",
    "painter",
    "resolve_device",
    "resolve_precision",
    "shared_engine",
]
