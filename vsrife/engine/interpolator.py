"""The engine's interface: frames between the frames of one clip, on one device or several."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from vsrife.engine.bars import find_box
from vsrife.engine.engine import Engine
from vsrife.engine.frame_maker import FrameMaker
from vsrife.engine.levels import wanted_level
from vsrife.engine.proof import every_nth
from vsrife.engine.recovery import Recovery
from vsrife.engine.single_flight import SingleFlight

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from vsrife.engine.bars import Box
    from vsrife.engine.picture import HostFrame, PictureFormat
    from vsrife.engine.task import Options, Task, Timestep
    from vsrife.engine.transfer import Pending

__all__ = ["BLOCK", "Interpolator"]

BLOCK = 4
"""Neighbouring source frames whose pairs go to the same one of several devices: few, so that the frames that are
usually requested at once occupy all devices, and yet only every fourth source frame is encoded on two."""
PAIRS = 64
"""Pairs whose bars are remembered; a few bytes each."""


class Interpolator:
    """Makes frames between the frames of one clip. Every result depends on the arguments and the devices alone.

    With `Options.bars`, bars around the picture of a pair are kept as they are, and all else is done as if the two
    frames were cropped. The caller's thread waits; the work is done on the engines' threads, a few frames at once.
    `Recovery` says what happens where memory runs out or the kernels fail; a frame that is made in another way differs
    in its last bits at most. Every method raises `RifeError` where no device has memory for a frame.

    With `VSRIFE_CHECK=N` every Nth frame is compared with the network's in fp32, see `Recovery.compare`;
    `VSRIFE_CUDA` says how CUDA cards are used, see `vsrife.engine.levels`.

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
        wanted_level()
        self._rendered = count()
        self._recovery = Recovery(self._engines, form, options, spare, log or _ignore)
        self._form = form
        self._boxes = SingleFlight[tuple[int, int], "Box | None"](PAIRS) if options.bars else None

    @property
    def any_time(self) -> bool:
        """Whether motion can be found at every time and for maps of times."""
        return self._engines[0].any_time

    @property
    def on_cpu(self) -> bool:
        """Whether no card takes part."""
        return all(engine.device.type == "cpu" for engine in self._engines)

    def cut_score(self, left: HostFrame, right: HostFrame) -> float:
        """How likely a scene change lies between two frames, see `vsrife.detect.cuts`."""
        return self._compare(left, right, FrameMaker.cut_score)

    def luma_psnr(self, left: HostFrame, right: HostFrame) -> float:
        """PSNR of luma between two frames in dB, see `vsrife.detect.repeats`."""
        return self._compare(left, right, FrameMaker.luma_psnr)

    def repeats(self, left: HostFrame, right: HostFrame) -> bool:
        """Whether the right frame repeats the left one, see `vsrife.detect.repeats`."""
        return self._compare(left, right, FrameMaker.repeats)

    def find_drawings(self, frames: Sequence[HostFrame], at: int) -> list[tuple[int, int]]:
        """Runs among successive frames in which something may be held, see `vsrife.engine.pace.find_drawings`."""
        left, right = frames[at], frames[at + 1]
        box = self._box(left, right)
        if box:
            frames = [box.crop_frame(frame, self._form) for frame in frames]
        return self._run(left, box, lambda maker: maker.find_drawings(frames, at))

    def render(self, task: Task, target: Sequence[NDArray[np.generic]]) -> None:
        """Write a frame to `target`, arrays like the planes of `task.form`."""
        task, target, box = self._within_bars(task, target)
        _: list[Tensor] = self._run(task.left, box, lambda maker: maker.render(task, target))
        self._compare_some(task, target, box)

    def render_unless_cut(self, task: Task, target: Sequence[NDArray[np.generic]], threshold: float) -> float:
        """`cut_score` of a task's two frames, and `render` where it is below a threshold.

        Where it is not, `target` holds nothing of use.
        """
        task, target, box = self._within_bars(task, target)
        score = self._run(task.left, box, lambda maker: maker.render_unless_cut(task, target, threshold))
        if score < threshold:
            self._compare_some(task, target, box)
        return score

    def blur(self, tasks: Sequence[Task], target: Sequence[NDArray[np.generic]]) -> None:
        """Write the mean of frames over a time; there is a task for each pair of source frames that it touches.

        Bars are kept where all these pairs have the same.
        """
        boxes = {self._box(task.left, task.right) for task in tasks}
        box = boxes.pop() if len(boxes) == 1 else None
        if box:
            box.write_bars(tasks[0], target)
            target = box.crop(target, tasks[0].form)
            tasks = [box.crop_task(task, self._form) for task in tasks]
        _: list[Tensor] = self._run(tasks[0].left, box, lambda maker: maker.blur(tasks, target))

    def write_motion(self, left: HostFrame, right: HostFrame, timestep: Timestep, target: NDArray[np.generic]) -> None:
        """Write motion to `target`, 5H×W: Ft→0 x, y, Ft→1 x, y (pixels) and the weight of the left frame, stacked."""
        box, maps = self._box(left, right), target.reshape(5, self._form.height, -1)
        if box:
            box.write_still(maps)
            maps = box.crop_motion(maps)
            left, right = (box.crop_frame(frame, self._form) for frame in (left, right))
        self._run(left, box, lambda maker: maker.write_motion(left, right, timestep, maps))

    def _within_bars(
        self, task: Task, target: Sequence[NDArray[np.generic]]
    ) -> tuple[Task, Sequence[NDArray[np.generic]], Box | None]:
        """A task and its output as of the picture within bars, which are written; and the box of that picture."""
        boxes = {self._box(part.left, part.right) for part in (task, *task.paces)}
        box = boxes.pop() if len(boxes) == 1 else None
        if box is None:
            return task, target, None
        box.write_bars(task, target)
        return box.crop_task(task, self._form), box.crop(target, task.form), box

    def _compare_some(self, task: Task, target: Sequence[NDArray[np.generic]], box: Box | None) -> None:
        """Compare every Nth frame with the network's."""
        if self._check and next(self._rendered) % self._check == 0:
            self._recovery.compare(self.device_of(task.left.number), task, target, box)

    def _compare[T](
        self, left: HostFrame, right: HostFrame, compare: Callable[[FrameMaker, HostFrame, HostFrame], T | Pending[T]]
    ) -> T:
        box = self._box(left, right)
        if box:
            left, right = (box.crop_frame(frame, self._form) for frame in (left, right))
        return self._run(left, box, lambda maker: compare(maker, left, right))

    def _run[T](self, left: HostFrame, box: Box | None, operation: Callable[[FrameMaker], T | Pending[T]]) -> T:
        """Run an operation on the device whose turn it is, by the maker of whole frames or of the picture in a box."""
        device = self.device_of(left.number)
        return self._recovery.run(device, lambda maker: operation(maker.of(box)))

    def _box(self, left: HostFrame, right: HostFrame) -> Box | None:
        """The picture of two frames within bars; None without bars."""
        if self._boxes is None:
            return None
        pair = left.number, right.number
        return self._boxes.get(pair, lambda: find_box(left.planes, right.planes, self._form))

    def device_of(self, number: int) -> int:
        """The number of the device that makes the frames behind a source frame."""
        return number // BLOCK % len(self._engines)


def _ignore(_line: str) -> None:
    """Log nothing."""
