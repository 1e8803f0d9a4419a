"""Frames in, planes out: devices, the worker that owns one, source frames kept ready, and the interpolator."""

from vsrife.detect.cuts import DEFAULT_THRESHOLD as CUT_THRESHOLD
from vsrife.engine.choice import choose_engines
from vsrife.engine.device import (
    DEVICES,
    PRECISIONS,
    described_devices,
    resolve_device,
    resolve_devices,
    resolve_precision,
    why_auto,
)
from vsrife.engine.engine import Engine, shared_engine
from vsrife.engine.interpolator import Interpolator
from vsrife.engine.memory import give_back, is_out_of_memory
from vsrife.engine.picture import MATRICES, Colour, HostFrame, PictureFormat
from vsrife.engine.show import painter
from vsrife.engine.worker import Options, Task

__all__ = [
    "CUT_THRESHOLD",
    "DEVICES",
    "MATRICES",
    "PRECISIONS",
    "Colour",
    "Engine",
    "HostFrame",
    "Interpolator",
    "Options",
    "PictureFormat",
    "Task",
    "choose_engines",
    "described_devices",
    "give_back",
    "is_out_of_memory",
    "painter",
    "resolve_device",
    "resolve_devices",
    "resolve_precision",
    "shared_engine",
    "why_auto",
]
