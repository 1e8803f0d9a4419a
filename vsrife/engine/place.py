"""One device of an interpolator: what is done there when memory runs out or the compiled kernels fail."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vsrife.engine.bands import BAND
from vsrife.engine.memory import give_back, is_out_of_memory, wanted_bytes
from vsrife.engine.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsrife.engine.engine import Engine
    from vsrife.engine.picture import PictureFormat
    from vsrife.engine.worker import Options

__all__ = ["Made", "Place", "Short"]

KERNELS = (
    "vsrife.motion.cpu",
    "vsrife.motion.gpu",
    "vsrife.motion.library",
    "vsrife.motion.triton_kernels",
    "vsrife.engine.convolutions",
)
"""Modules whose work PyTorch's own operations do as well."""


@dataclass(frozen=True)
class Made[T]:
    """What came of it."""

    value: T


@dataclass(frozen=True)
class Short:
    """There was no memory.

    Args:
        wanted: bytes that were asked for last; None where that was not said.
    """

    wanted: int | None


class Place:
    """Makes frames on one device, with less memory or without kernels where it must.

    When memory runs out, all that filters keep on the device for later is given back and the frame made again, while
    no other frame is that had the same happen to it; then in bands. Bands stay for the filter: what is kept of a frame
    that was made whole may differ from that in the last bit, and is not mixed with it.

    Args:
        engine: the network on the device.
        form: the clip's format.
        options: how motion is estimated.
        tell: takes a line about each step.
    """

    def __init__(self, engine: Engine, form: PictureFormat, options: Options, tell: Callable[[str], None]) -> None:
        self.engine = engine
        self._form = form
        self._options = options
        self._tell = tell
        self._worker = Worker(engine, form, options)

    @property
    def band(self) -> int:
        """Rows that are worked on at a time; 0 for whole pictures."""
        return self._options.band

    def run[T](self, work: Callable[[Worker], T]) -> Made[T] | Short:
        """What `work` makes of a worker of this device, or that there is no memory for it.

        Raises:
            Exception: what else `work` raises.
        """
        outcome = self._tried(work)
        if isinstance(outcome, Made):
            return outcome
        with self.engine.slot.alone:
            self._say("is out of memory: what was kept for later is given back, and the frame is made once more")
            give_back(self.engine.device)
            outcome = self._tried(work)
            if isinstance(outcome, Short) and not self.band and self.engine.has_bands:
                self._narrow()
                give_back(self.engine.device)
                outcome = self._tried(work)
        return outcome

    def _narrow(self) -> None:
        self._say(
            f"is still out of memory: this filter goes on in bands of {BAND} rows, which need less of it; frames can "
            "differ from those before in the last bit"
        )
        self._options = replace(self._options, band=BAND)
        self._worker = Worker(self.engine, self._form, self._options, reference=self._worker.reference)

    def _tried[T](self, work: Callable[[Worker], T]) -> Made[T] | Short:
        """By the kernels, or without them where they fail and PyTorch alone does not."""
        worker = self._worker
        try:
            return Made(worker.run(work))
        except Exception as error:
            if is_out_of_memory(error):
                return Short(wanted_bytes(error))
            if worker.reference or not _within_kernels(error):
                raise
            return self._without_kernels(worker, work, error)

    def _without_kernels[T](self, worker: Worker, work: Callable[[Worker], T], error: Exception) -> Made[T] | Short:
        try:
            engine = self.engine.slot.run(self.engine.without_kernels)
            plain = Worker(engine, self._form, self._options, reference=True)
            made = Made(plain.run(work))
        except Exception as other:
            if is_out_of_memory(other):
                return Short(wanted_bytes(other))
            raise error from None
        if self._worker is worker:
            self.engine, self._worker = engine, plain
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        self._tell(
            f"runs by PyTorch alone from here on, which is slower: the kernels failed on {engine.device} ({why})"
        )
        return made

    def _say(self, what: str) -> None:
        self._tell(f"{self._form.width}x{self._form.height}: {self.engine.device} {what}")


def _within_kernels(error: Exception) -> bool:
    """Whether it was raised by the compiled kernels, or on the way to them."""
    trace = error.__traceback__
    while trace:
        if trace.tb_frame.f_globals.get("__name__") in KERNELS:
            return True
        trace = trace.tb_next
    return False
