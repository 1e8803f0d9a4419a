"""From source frames to output planes: devices, motion estimators, the frame cache and the interpolator."""

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
from vsrife.engine.memory import is_out_of_memory, release_all_memory, release_memory
from vsrife.engine.overlay import Overlay
from vsrife.engine.picture import MATRICES, Colour, HostFrame, PictureFormat
from vsrife.engine.task import Options, RenderMode, Task, Timestep

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
    "Overlay",
    "PictureFormat",
    "RenderMode",
    "Task",
    "Timestep",
    "choose_engines",
    "described_devices",
    "is_out_of_memory",
    "release_all_memory",
    "release_memory",
    "resolve_device",
    "resolve_devices",
    "resolve_precision",
    "shared_engine",
    "why_auto",
]
