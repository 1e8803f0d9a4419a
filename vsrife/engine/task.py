"""What a frame maker is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch

from vsrife.errors import ArgumentError, RifeError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from vsrife.engine.overlay import Overlay
    from vsrife.engine.picture import HostFrame, PictureFormat

__all__ = ["ESTIMATES", "PICTURES", "Options", "RenderMode", "Task", "Timestep", "map_tensor", "time_tensor"]

PICTURES = ("sharp", "published")
ESTIMATES = ("frame", "pair")


@dataclass(frozen=True)
class Options:
    """How motion is estimated.

    Args:
        scale: flow scale.
        ensemble: 0 for one plain pass, 1 for the ensemble published inside the network, or the number of views, 2, 4
            or 8, whose motion is averaged.
        mask: mask that several views are blended with, see `vsrife.motion.MeanMotion`.
        keep_motions: whether the last motions are cached, for companion clips that are warped along them.
        picture: `sharp`, which corrects motion by what the pictures say, see `vsrife.motion.evidence`, and samples them
            by a sharp kernel; or `published`, the form that the networks were published in.
        estimates: `frame` for an estimate of the network for every frame, `pair` for one at the middle of each pair of
            source frames, whatever the number of frames between them; needs the sharp picture.
        requests: frames that may be asked for at once, which decides how many source frames are cached.
        bars: whether borders of one value around the picture are kept as they are, see `vsrife.engine.bars`.
        still: whether things that stand still are taken out of what moves, see `vsrife.engine.stationary`.

    Raises:
        RifeError: `picture` or `estimates` is not allowed, or they contradict each other.
    """

    scale: float = 1
    ensemble: int = 0
    mask: str = "own"
    keep_motions: bool = False
    picture: str = "sharp"
    estimates: str = "frame"
    requests: int = 1
    bars: bool = False
    still: bool = False

    def __post_init__(self) -> None:
        for name, allowed in (("picture", PICTURES), ("estimates", ESTIMATES)):
            if getattr(self, name) not in allowed:
                raise ArgumentError(name, getattr(self, name), " or ".join(allowed))
        if self.picture == "published" and self.estimates == "pair":
            raise RifeError("estimates must be frame where picture is published, got pair")


@dataclass(frozen=True, eq=False)
class Timestep:
    """The time between two frames, 0..1: one for the whole picture, or one for each pixel.

    Args:
        value: the time of the whole picture.
        map: H×W times, for networks that take any time; None where all pixels have the same.
        motion_at: the time at which motion over the whole interval is estimated; None for this frame's own. Maps take
            it from the middle of the interval.
        shares_motion: whether other frames of the interval take their motion from that time too, so that it is worth
            being cached.
    """

    value: float = 0.0
    map: NDArray[np.float32] | None = None
    motion_at: float | None = None
    shares_motion: bool = False
    _maps: dict[torch.device, Tensor] = field(default_factory=dict, init=False, repr=False)

    def tensor(self, device: torch.device) -> Tensor:
        """The time as 1×1×1×1, or the map as 1×1×H×W, fp32; nothing is written to it."""
        if self.map is None:
            return time_tensor(self.value, device)
        if device not in self._maps:
            self._maps[device] = map_tensor(self.map, device)
        return self._maps[device]


class RenderMode(Enum):
    """How a frame is made from its two source frames."""

    INTERPOLATE = auto()
    CROSSFADE = auto()
    LEFT = auto()
    RIGHT = auto()


@dataclass(frozen=True)
class Task:
    """A frame to be made.

    Args:
        left: the source frame at time 0.
        right: the source frame at time 1.
        timestep: the time between them.
        form: format of the output planes.
        mode: how the frame is made.
        companions: frames of another clip at the two times, whose planes are the output instead of the clip's own.
        protect: H×W, 0..1: weight of the left frame's own values.
        overlay: drawing on top.
        keeps_motion: whether other planes follow that are warped along the same motion.
        until: where the time ends over which the frame is the mean, from the timestep on; None for one moment.
        weight: of the frame among those of several pairs that are averaged.
        paces: the same frame for things that are drawn anew less often, from the first frames of two of their drawings.
        run: of such a task, the source frames from two before the left one to one after the right one, as far as the
            shot goes.
    """

    left: HostFrame
    right: HostFrame
    timestep: Timestep
    form: PictureFormat
    mode: RenderMode = RenderMode.INTERPOLATE
    companions: tuple[HostFrame, HostFrame] | None = None
    protect: NDArray[np.float32] | None = None
    overlay: Overlay | None = None
    keeps_motion: bool = False
    until: float | None = None
    weight: float = 1.0
    paces: tuple[Task, ...] = ()
    run: tuple[HostFrame, ...] = ()


@lru_cache(maxsize=64)
def time_tensor(value: float, device: torch.device) -> Tensor:
    """A time as 1×1×1×1, fp32; shared, so that nothing is written to it."""
    return torch.full((1, 1, 1, 1), value, dtype=torch.float32, device=device)


def map_tensor(values: NDArray[np.float32], device: torch.device) -> Tensor:
    """A copy of an H×W map as 1×1×H×W on a device."""
    return torch.from_numpy(np.array(values)).to(device)[None, None]
