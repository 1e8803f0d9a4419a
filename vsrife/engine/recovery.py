"""What is tried when a device runs out of memory or its kernels fail: one ladder of attempts."""

from __future__ import annotations

import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

import numpy as np
import torch

from vsrife.engine.bands import BAND
from vsrife.engine.cards import WORKING_BYTES, check_memory, exact_fp32, is_lost
from vsrife.engine.executor import check_not_forked
from vsrife.engine.frame_maker import FrameMaker
from vsrife.engine.levels import Level, choose_level, fall, level_of
from vsrife.engine.memory import is_out_of_memory, release_memory, requested_bytes
from vsrife.engine.proof import LEAST_OF_FILM, find_fault, psnr
from vsrife.engine.transfer import Pending
from vsrife.engine.unproven import UnfitError, is_unfit
from vsrife.errors import RifeError, first_line, shown
from vsrife.motion import KernelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from vsrife.engine.bars import Box
    from vsrife.engine.engine import Engine
    from vsrife.engine.picture import PictureFormat
    from vsrife.engine.task import Options, Task

__all__ = ["Recovery", "execute"]

MIB = 1 << 20
_proving = threading.Lock()


class Rung(Enum):
    """What is tried on one device, in order; the next device and the spare one follow."""

    NORMALLY = auto()
    WITHOUT_CACHES = auto()
    IN_BANDS = auto()


@dataclass(frozen=True)
class Shortage:
    """A device without memory for a frame.

    Args:
        device: the device that was short of memory.
        wanted: bytes of the last request; None where the error does not say.
    """

    device: torch.device
    wanted: int | None


class Recovery:
    """Runs operations of frame makers, again with less memory or without kernels where it must.

    A card's kernels are used once known frames have shown that they are right, and so are Intel's and Apple's GPUs, see
    `vsrife.engine.proof`.

    On each device an operation is tried as it is; once more with all cached memory given up, while no other frame does
    the same; then in bands of rows. After that the next device and at last the spare one has its turn. Whether a frame
    needs this is found out anew for each, with two exceptions: bands stay, since cached data of whole pictures may
    differ from them in the last bit, and so does PyTorch's way where the kernels failed. A device that failed for good,
    as a card does after an error of its own, is not asked again, nor is one that lacks an operation.

    Args:
        engines: the network on each device.
        form: the clip's format.
        options: how motion is estimated.
        spare: creates the engine that is used when the devices have no memory; None without one.
        log: takes a line about each step.
    """

    def __init__(
        self,
        engines: Sequence[Engine],
        form: PictureFormat,
        options: Options,
        spare: Callable[[], Engine] | None,
        log: Callable[[str], None],
    ) -> None:
        self._form = form
        self._options = options
        self._create_spare = spare
        self._log = log
        self._count = len(engines)
        self._makers = [FrameMaker(engine, form, options) for engine in engines]
        self._exact: dict[int, FrameMaker] = {}
        self._lost: dict[int, str] = {}
        self._levelled: set[int] = set()
        self._lock = threading.Lock()

    def run[T](self, device: int, operation: Callable[[FrameMaker], T | Pending[T]]) -> T:
        """What an operation returns.

        Args:
            device: number of the device whose turn it is.
            operation: what a maker is to do; it runs on an executor's thread, without gradients. What it leaves pending
                is finished on this one.

        Raises:
            RifeError: no device has memory for it, or all have failed for good.
            Exception: what else the operation raises.
        """
        check_not_forked()
        shortages: list[Shortage] = []
        for number in self._devices(device):
            if number in self._lost:
                continue
            if shortages:
                short, substitute = shortages[-1].device, self._makers[number].device
                self._say(f"{short} has no memory for a frame: it is made on {substitute} instead")
            with ExitStack() as exclusive:
                for rung in Rung:
                    if not self._climb(number, rung, exclusive):
                        continue
                    try:
                        return self._attempt(number, operation)
                    except Exception as error:
                        if is_lost(error) or is_unfit(error, self._makers[number].device):
                            self._give_up(number, error)
                            break
                        if not is_out_of_memory(error):
                            raise
                        shortage = Shortage(self._makers[number].device, requested_bytes(error))
            if number not in self._lost:
                shortages.append(shortage)
        if not shortages:
            raise RifeError(f"{self._lost[device]}; start the program anew, or use another device")
        raise RifeError(self._advice(shortages[0]))

    def compare(self, device: int, task: Task, target: Sequence[NDArray[np.generic]], box: Box | None) -> None:
        """Compare a frame, or the picture in a box of it, by the kernels with the network's by PyTorch in fp32.

        Where they differ too much, the latter takes the place of `target`. A card that replays graphs is then used
        eagerly, else PyTorch takes the place of the kernels. Nothing is compared where there is no memory for it.
        """
        maker = self._makers[device]
        level = level_of(maker.device)
        if device in self._lost or (maker.engine.kernels is None and level is Level.EAGER):
            return
        expected = [np.empty_like(plane) for plane in target]
        try:
            with self._lock:
                if device not in self._exact:
                    self._exact[device] = FrameMaker(maker.engine.reference(), self._form, self._options, maker.band)
            _: list[Tensor] = execute(self._exact[device], lambda maker: maker.of(box).render(task, expected))
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self._say(f"{maker.device} has no memory to compare a frame with that in fp32")
            return
        likeness = psnr(target, expected, _peak(task.form, expected))
        if likeness >= LEAST_OF_FILM:
            return
        for plane, right in zip(target, expected, strict=True):
            np.copyto(plane, right)
        between = f"{task.left.number} and {task.right.number} at {task.timestep.value:g}"
        wrong = f"the frame between {between} is {likeness:.1f} dB from that in fp32 and was made again"
        if level > Level.EAGER:
            fall(maker.device, f"a frame of {self._form.width}x{self._form.height} was wrong")
            self._say(f"{wrong}; {maker.device} is used eagerly from here on")
            return
        if self._makers[device] is maker:
            self._makers[device] = maker.engine.executor.run(maker.without_kernels)
        self._say(f"{wrong}; the kernels on {maker.device} are not used from here on")

    def _give_up(self, number: int, error: BaseException) -> None:
        """Note that a device does nothing more in this process: an error of a card is reported by all that follows."""
        why = shown(" ".join(f"{type(error).__name__}: {error}".split()), 200)
        line = f"{self._makers[number].device} failed and takes no more work in this process ({why})"
        with self._lock:
            self._lost[number] = line
        self._say(f"{line}: frames are made on another device from here on, where there is one")

    def _devices(self, first: int) -> Iterator[int]:
        """Numbers of the devices from the first one on, then that of the spare one."""
        for step in range(self._count):
            yield (first + step) % self._count
        with self._lock:
            if len(self._makers) == self._count and self._create_spare:
                try:
                    self._makers.append(FrameMaker(self._create_spare(), self._form, self._options))
                except Exception as error:
                    if not is_out_of_memory(error):
                        raise
            has_spare = len(self._makers) > self._count
        if has_spare:
            yield self._count

    def _climb(self, number: int, rung: Rung, exclusive: ExitStack) -> bool:
        """Prepare a device for a rung of the ladder; whether the rung differs from the one before."""
        maker = self._makers[number]
        if rung is Rung.WITHOUT_CACHES:
            exclusive.enter_context(maker.engine.executor.retry_lock)
            self._say(f"{maker.device} is out of memory: cached memory is given back, and the frame is made once more")
            release_memory(maker.device)
        elif rung is Rung.IN_BANDS:
            if maker.band or not maker.engine.estimator.has_bands:
                return False
            self._say(
                f"{maker.device} is still out of memory: this filter goes on in bands of {BAND} rows, which need less "
                "of it; frames can differ from those before in the last bit"
            )
            self._makers[number] = maker.in_bands(BAND)
            release_memory(maker.device)
        return True

    def _attempt[T](self, number: int, operation: Callable[[FrameMaker], T | Pending[T]]) -> T:
        """Run an operation by the kernels, or without them where they fail and PyTorch alone does not."""
        maker = self._makers[number]
        try:
            if not maker.band:
                check_memory(maker.device, self._form.width * self._form.height)
            self._prove(maker.engine)
            self._choose_level(number, maker)
            result = execute(maker, operation)
            with suppress(IndexError):  # another thread may take them
                while maker.engine.notes:
                    self._say(maker.engine.notes.pop(0))
            return result
        except KernelError as error:
            if is_out_of_memory(error) or is_lost(error) or maker.engine.kernels is None:
                raise
            return self._without_kernels(number, maker, operation, error.__cause__ or error)

    def _choose_level(self, number: int, maker: FrameMaker) -> None:
        """Once in a filter, find out how a card is used."""
        with self._lock:
            known = maker.device.type != "cuda" or number in self._levelled
            self._levelled.add(number)
        if not known:
            choose_level(maker.device, self._log, self._form.width * self._form.height * WORKING_BYTES)

    def _prove(self, engine: Engine) -> None:
        """Find out whether a device computes what it should, once for each engine.

        Raises:
            KernelError: by its kernels it does not.
            UnfitError: without kernels it does not.
        """
        if engine.fault == "":
            return
        with _proving:
            if engine.fault is None:
                try:
                    engine.fault = find_fault(engine, execute)
                except KernelError as error:
                    if is_out_of_memory(error) or is_lost(error):
                        raise
                    engine.fault = first_line(error)
        if engine.fault and engine.kernels:
            raise KernelError(f"frames to prove them: {engine.fault}")
        if engine.fault:
            raise UnfitError(f"frames to prove it: {engine.fault}")

    def _without_kernels[T](
        self, number: int, maker: FrameMaker, operation: Callable[[FrameMaker], T | Pending[T]], failure: BaseException
    ) -> T:
        """Run an operation by PyTorch alone, from here on where that works, else raise the kernels' failure."""
        try:
            plain = maker.engine.executor.run(maker.without_kernels)
            self._prove(plain.engine)
            result = execute(plain, operation)
        except Exception as error:
            if is_out_of_memory(error) or is_lost(error) or is_unfit(error, maker.device):
                raise
            raise failure from None
        if self._makers[number] is maker:
            self._makers[number] = plain
        why = shown(" ".join(f"{type(failure).__name__}: {failure}".split()), 200)
        self._log(f"runs by PyTorch alone from here on, which is slower: the kernels failed on {maker.device} ({why})")
        return result

    def _say(self, what: str) -> None:
        self._log(f"{self._form.width}x{self._form.height}: {what}")

    def _advice(self, shortage: Shortage) -> str:
        """The error's message where nothing helped."""
        form, device = self._form, shortage.device
        needs = f"more memory than {device} has"
        if shortage.wanted is not None:
            needs = f"about {max(1, -(-shortage.wanted // MIB))} MiB more on {device}"
        hints = [f"scale={self._options.scale / 2:g}"] if self._options.scale > 0.25 else []
        hints += ["ensemble=0"] if self._options.ensemble else []
        if device.type != "cpu" and not self._create_spare:
            hints.append('device="cpu"')
        hints.append("fewer frames at once")
        *others, last = hints
        advice = f"{', '.join(others)} or {last}" if others else last
        return f"out of memory: {form.width}x{form.height} needs {needs}; try {advice}"


def _peak(form: PictureFormat, planes: Sequence[NDArray[np.generic]]) -> float:
    """The largest value that a frame's samples can have; of floats, which have no limit, those of this frame."""
    if not form.is_float:
        return (1 << form.bits) - 1
    return max(1.0, *(float(np.abs(plane[np.isfinite(plane)]).max(initial=0)) for plane in planes))


def execute[T](maker: FrameMaker, operation: Callable[[FrameMaker], T | Pending[T]]) -> T:
    """Run an operation on a thread of the maker's executor, without gradients, and wait for a card on this one."""

    def work() -> T | Pending[T]:
        with torch.inference_mode(), exact_fp32(maker.device, maker.engine.dtype):
            result = operation(maker)
            return result.finish() if isinstance(result, Pending) and maker.device.type != "cuda" else result

    result = maker.engine.executor.run(work)
    if isinstance(result, Pending):
        with torch.inference_mode():
            return result.finish()
    return result
