"""The frames between frames, for one clip."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from vsrife.engine.engine import Engine
from vsrife.engine.memory import is_out_of_memory
from vsrife.engine.place import Made, Place, Short
from vsrife.engine.slot import check_not_forked
from vsrife.errors import RifeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vsrife.engine.picture import HostFrame, PictureFormat
    from vsrife.engine.worker import Options, Task, Worker

__all__ = ["BLOCK", "Interpolator"]

BLOCK = 4
"""Source frames in a row whose pairs go to one of several devices: few, so that as many frames as are usually asked for
at once keep all of them at work, and yet only every fourth source frame is looked at on two."""
MIB = 1 << 20


class Interpolator:
    """Makes frames between frames of one clip. Every result depends on the arguments and the devices alone.

    The caller's thread waits; the work is done on the engines' own, a few frames at once. Where memory runs out, a
    frame is made again: with what was kept given back, in bands of rows, on the next device, on the spare one. Which of
    this a frame needs is found out anew for each, but for the bands, in which a device stays; frames that are made in
    bands are those that are made whole, but for the last bit.

    Args:
        engine: the network, or the same on several devices, among which frames are divided by the number of the left
            source frame; shared.
        form: the clip's format.
        options: how motion is estimated.
        spare: makes one that is used when the others have no memory.
        tell: takes a line about whatever went wrong and was helped.
    """

    def __init__(
        self,
        engine: Engine | Sequence[Engine],
        form: PictureFormat,
        options: Options,
        *,
        spare: Callable[[], Engine] | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        engines = [engine] if isinstance(engine, Engine) else list(engine)
        self._form = form
        self._options = options
        self._tell = tell or _unsaid
        self._places = [Place(each, form, options, self._tell) for each in engines]
        self._make_spare = spare
        self._spare: Place | None = None
        self._lock = threading.Lock()

    @property
    def any_time(self) -> bool:
        """Whether motion can be found at every time and for maps of times."""
        return self._places[0].engine.any_time

    def cut_score(self, left: HostFrame, right: HostFrame) -> float:
        """How sure it is that a cut lies between two frames, see `vsrife.detect.cuts`."""
        return self._run(left, lambda worker: worker.cut_score(left, right))

    def luma_psnr(self, left: HostFrame, right: HostFrame) -> float:
        """How alike two frames are, in dB."""
        return self._run(left, lambda worker: worker.luma_psnr(left, right))

    def repeats(self, left: HostFrame, right: HostFrame) -> bool:
        """Whether the right frame is the left one shown again."""
        return self._run(left, lambda worker: worker.repeats(left, right))

    def render(self, task: Task, target: Sequence[NDArray[np.generic]]) -> None:
        """Fill `target`, arrays like the planes of `task.form`, with the frame that is to be made.

        Raises:
            RifeError: there is no memory for it.
        """
        self._run(task.left, lambda worker: worker.render(task, target))

    def motion(
        self, left: HostFrame, right: HostFrame, timestep: float | NDArray[np.float32], target: NDArray[np.generic]
    ) -> None:
        """Fill `target`, 5H×W: Ft→0 x, y, Ft→1 x, y (pixels) and the weight of the left frame, one below another.

        Raises:
            RifeError: there is no memory for it.
        """
        self._run(left, lambda worker: worker.write_motion(left, right, timestep, target))

    def place(self, number: int) -> int:
        """Which of the devices a pair goes to whose left source frame has this number."""
        return number // BLOCK % len(self._places)

    def _run[T](self, left: HostFrame, work: Callable[[Worker], T]) -> T:
        """On the frame's own device, else on the next that has memory for it."""
        check_not_forked()
        own = self.place(left.number)
        short: list[tuple[Place, Short]] = []
        for place in (*self._places[own:], *self._places[:own]):
            self._tell_of_turn(short, place)
            outcome = place.run(work)
            if isinstance(outcome, Made):
                return outcome.value
            short.append((place, outcome))
        spare = self._found_spare()
        if isinstance(spare, Place):
            self._tell_of_turn(short, spare)
            outcome = spare.run(work)
            if isinstance(outcome, Made):
                return outcome.value
        raise RifeError(self._said(*short[0]))

    def _tell_of_turn(self, short: Sequence[tuple[Place, Short]], place: Place) -> None:
        if short:
            without = short[-1][0].engine.device
            size = f"{self._form.width}x{self._form.height}"
            self._tell(f"{size}: {without} has no memory for a frame: it is made on {place.engine.device} instead")

    def _found_spare(self) -> Place | None:
        with self._lock:
            if self._spare is None and self._make_spare:
                try:
                    self._spare = Place(self._make_spare(), self._form, self._options, self._tell)
                except Exception as error:
                    if not is_out_of_memory(error):
                        raise
            return self._spare

    def _said(self, place: Place, short: Short) -> str:
        """What the user is told when nothing helped."""
        form, device = self._form, place.engine.device
        needs = f"more memory than {device} has"
        if short.wanted is not None:
            needs = f"about {max(1, -(-short.wanted // MIB))} MiB more on {device}"
        hints = [f"scale={self._options.scale / 2:g}"] if self._options.scale > 0.25 else []
        hints += ["ensemble=0"] if self._options.ensemble else []
        if device.type != "cpu" and not self._make_spare:
            hints.append('device="cpu"')
        hints.append("fewer frames at once")
        *most, last = hints
        tried = f"{', '.join(most)} or {last}" if most else last
        return f"out of memory: {form.width}x{form.height} needs {needs}; try {tried}"


def _unsaid(_line: str) -> None:
    """Where nobody listens."""
