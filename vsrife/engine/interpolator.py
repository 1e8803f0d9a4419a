"""The engine's interface: frames between the frames of one clip, on one device or several."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from vsrife.engine.engine import Engine
from vsrife.engine.proof import every_nth
from vsrife.engine.recovery import Recovery

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vsrife.engine.picture import HostFrame, PictureFormat
    from vsrife.engine.task import Options, Task, Timestep

__all__ = ["BLOCK", "Interpolator"]

BLOCK = 4
"""Neighbouring source frames whose pairs go to the same one of several devices: few, so that the frames that are
usually requested at once occupy all devices, and yet only every fourth source frame is encoded on two."""


class Interpolator:
    """Makes frames between the frames of one clip. Every result depends on the arguments and the devices alone.

    The caller's thread waits; the work is done on the engines' threads, a few frames at once. `Recovery` says what
    happens where memory runs out or the kernels fail; a frame that is made in another way differs in its last bits at
    most. Every method raises `RifeError` where no device has memory for a frame.

    With `VSRIFE_CHECK=N` every Nth frame is compared with the network's in fp32, see `Recovery.compare`.

    Args:
        engine: the network, or the same on several devices, which share the frames by the number of the left source
            frame.
        form: the clip's format.
        options: how motion is estimated.
        spare: creates an engine that is used when the others have no memory.
        log: takes a line about whatever went wrong and was helped.
    """

    def __init__(
        self,
        engine: Engine | Sequence[Engine],
        form: PictureFormat,
        options: Options,
        *,
        spare: Callable[[], Engine] | None = None,
        log: Callable[[str], None] | None = None,
    ) -> None:
        self._engines = [engine] if isinstance(engine, Engine) else list(engine)
        self._check = every_nth()
        self._rendered = count()
        self._recovery = Recovery(self._engines, form, options, spare, log or _ignore)

    @property
    def any_time(self) -> bool:
        """Whether motion can be found at every time and for maps of times."""
        return self._engines[0].any_time

    def cut_score(self, left: HostFrame, right: HostFrame) -> float:
        """How likely a scene change lies between two frames, see `vsrife.detect.cuts`."""
        return self._recovery.run(self.device_of(left.number), lambda maker: maker.cut_score(left, right))

    def luma_psnr(self, left: HostFrame, right: HostFrame) -> float:
        """PSNR of luma between two frames in dB, see `vsrife.detect.repeats`."""
        return self._recovery.run(self.device_of(left.number), lambda maker: maker.luma_psnr(left, right))

    def repeats(self, left: HostFrame, right: HostFrame) -> bool:
        """Whether the right frame repeats the left one, see `vsrife.detect.repeats`."""
        return self._recovery.run(self.device_of(left.number), lambda maker: maker.repeats(left, right))

    def render(self, task: Task, target: Sequence[NDArray[np.generic]]) -> None:
        """Write a frame to `target`, arrays like the planes of `task.form`."""
        device = self.device_of(task.left.number)
        self._recovery.run(device, lambda maker: maker.render(task, target))
        if self._check and next(self._rendered) % self._check == 0:
            self._recovery.compare(device, task, target)

    def write_motion(self, left: HostFrame, right: HostFrame, timestep: Timestep, target: NDArray[np.generic]) -> None:
        """Write motion to `target`, 5H×W: Ft→0 x, y, Ft→1 x, y (pixels) and the weight of the left frame, stacked."""
        self._recovery.run(self.device_of(left.number), lambda maker: maker.write_motion(left, right, timestep, target))

    def device_of(self, number: int) -> int:
        """The number of the device that makes the frames behind a source frame."""
        return number // BLOCK % len(self._engines)


def _ignore(_line: str) -> None:
    """Log nothing."""
