"""The frames between frames, for one clip."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from vsrife.engine.layers import Layer, faded, held, moved, moved_into, store
from vsrife.engine.likeness import luma_psnr, repeats
from vsrife.engine.picture import plane_differences
from vsrife.engine.scenes import cut_score
from vsrife.engine.sources import Encoded, SourceStore, upload
from vsrife.motion import MeanMotion, Sites
from vsrife.networks import TIME_STEP
from vsrife.views import PASSES, Flip, View, flipped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from vsrife.engine.engine import Engine
    from vsrife.engine.picture import Colour, PictureFormat, Source
    from vsrife.motion import Blend

    Paint = Callable[[list[Tensor], Colour, Blend | None], list[Tensor]]
    """Draws over a picture's planes, whose colour and, where it was made, motion it is told."""

__all__ = ["Interpolator", "Options", "Task"]

KEPT_MOTIONS = 4
"""Motions kept where several clips are moved along each: of the frames at work."""


@dataclass(frozen=True)
class Options:
    """How motion is estimated.

    Args:
        scale: flow scale.
        ensemble: 0 for one plain pass, 1 for the ensemble published inside the network, or the number of passes, 2, 4
            or 8, whose motion is averaged.
        mask: which mask several passes are blended with, see `vsrife.motion.MeanMotion`.
        keep_motions: whether the last motions are kept, for clips that ride on the same.
    """

    scale: float = 1
    ensemble: int = 0
    mask: str = "own"
    keep_motions: bool = False


@dataclass(frozen=True)
class Task:
    """A frame to be made.

    Args:
        left: the source frame at time 0.
        right: the source frame at time 1.
        timestep: 0..1, or an H×W map of times, which a network that knows only the middle cannot serve.
        how: `move` along the motion, `fade` from left to right, or show the frame at the `left` or `right`.
        form: of the planes that are wanted.
        riders: another clip's frames at the two times, whose planes are wanted rather than the clip's own.
        protect: H×W, 0..1: how far the left frame's values are kept.
        paint: draws over what was made.
    """

    left: Source
    right: Source
    timestep: float | NDArray[np.float32]
    form: PictureFormat
    how: str = "move"
    riders: tuple[Source, Source] | None = None
    protect: NDArray[np.float32] | None = None
    paint: Paint | None = None


class Interpolator:
    """Makes frames between frames of one clip. Every result depends on the arguments alone.

    The caller's thread waits; the work is done on the engine's own, a few frames at once.

    Args:
        engine: the network; shared.
        form: the clip's format.
        options: how motion is estimated.
    """

    def __init__(self, engine: Engine, form: PictureFormat, options: Options) -> None:
        self._engine = engine
        self._form = form
        self._options = options
        self._sources = SourceStore(engine, form, options.scale)
        self._motions: OrderedDict[tuple[int, int, float], _Once] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def any_time(self) -> bool:
        """Whether motion can be found at every time and for maps of times."""
        return self._engine.any_time

    def cut_score(self, left: Source, right: Source) -> float:
        """How sure it is that a cut lies between two frames, see `vsrife.engine.scenes`."""
        return self._run(lambda: cut_score(self._sources.get(left).glance, self._sources.get(right).glance))

    def luma_psnr(self, left: Source, right: Source) -> float:
        """How alike two frames are, in dB."""
        return self._run(lambda: luma_psnr(self._sources.get(left).picture, self._sources.get(right).picture))

    def repeats(self, left: Source, right: Source) -> bool:
        """Whether the right frame is the left one shown again."""
        return self._run(lambda: repeats(self._sources.get(left).picture, self._sources.get(right).picture))

    def render(self, task: Task, target: Sequence[NDArray[np.generic]]) -> None:
        """Fill `target`, arrays like the planes of `task.form`, with the frame that is to be made."""
        self._run(lambda: self._render(task, target))

    def motion(
        self, left: Source, right: Source, timestep: float | NDArray[np.float32], target: NDArray[np.generic]
    ) -> None:
        """Fill `target`, 5H×W: Ft→0 x, y, Ft→1 x, y (pixels) and the weight of the left frame, one below another."""
        self._run(lambda: self._write_motion(left, right, timestep, target))

    def _run[T](self, work: Callable[[], T]) -> T:
        """On the engine's thread, without gradients."""

        def guarded() -> T:
            with torch.inference_mode():
                return work()

        return self._engine.slot.run(guarded)

    def _write_motion(
        self, left: Source, right: Source, timestep: float | NDArray[np.float32], target: NDArray[np.generic]
    ) -> None:
        ends = self._sources.get(left), self._sources.get(right)
        motion, _ = self._motion(*ends, self._times(timestep))
        flow, weight = motion.blend(*Sites(self._form.height, self._form.width).coordinates(self._engine.device))
        np.copyto(target, torch.cat((flow, weight), 1).flatten(0, 2).cpu().numpy())

    def _render(self, task: Task, target: Sequence[NDArray[np.generic]]) -> None:
        last = self._sources.get(task.right)  # first, as the frame before this one may be at work on the left one
        first = self._sources.get(task.left)
        layer = self._layer(first, last) if task.riders is None else self._riders(task)
        timestep = self._times(task.timestep)
        motion = None
        if task.how == "move" and self.any_time:
            motion, residual = self._known_motion(task, first, last, timestep)
            alone = residual is None or task.riders is not None
            alone = alone and not isinstance(timestep, Tensor) and task.protect is None and task.paint is None
            if alone and moved_into(layer, motion, target):
                return
            made = moved(layer, motion)
            if residual is not None and task.riders is None:
                made = _added(made, residual, self._form, first.colour)
        elif task.how == "move":
            assert not isinstance(timestep, Tensor)
            made = self._halved(first, last, layer, timestep, own=task.riders is None)
        elif task.how == "fade":
            made = faded(layer, timestep)
        else:
            made = [plane.float() for plane in (layer.last if task.how == "right" else layer.first)]
        if isinstance(timestep, Tensor):  # the ends are the source frames, exactly
            made = held(made, layer, (timestep <= 0).float())
            made = held(made, layer, (timestep >= 1).float(), last=True)
        if task.protect is not None:
            made = held(made, layer, self._map(task.protect))
        if task.paint is not None:
            made = task.paint(made, first.colour, motion)
        store(made, task.form, target)

    def _times(self, timestep: float | NDArray[np.float32]) -> float | Tensor:
        """A time, or a map of the picture's size as 1×1×H×W."""
        return self._map(timestep) if isinstance(timestep, np.ndarray) else timestep

    def _map(self, values: NDArray[np.float32]) -> Tensor:
        """A map of the picture's size as 1×1×H×W."""
        return torch.from_numpy(np.array(values)).to(self._engine.device)[None, None]

    def _layer(self, first: Encoded, last: Encoded) -> Layer:
        """The clip's own planes."""
        form = self._form
        return Layer(form, first.planes, last.planes, first.colour.chroma_location, form.width, form.height)

    def _riders(self, task: Task) -> Layer:
        """Another clip's planes."""
        assert task.riders is not None
        first, last = (upload(rider.planes, self._engine.device) for rider in task.riders)
        location = task.riders[0].colour.chroma_location
        return Layer(task.form, first, last, location, self._form.width, self._form.height)

    def _halved(self, first: Encoded, last: Encoded, layer: Layer, timestep: float, *, own: bool) -> list[Tensor]:
        """A layer with a network that only finds the middle: halve the interval around the time, to `TIME_STEP`."""
        timestep = round(timestep / TIME_STEP) * TIME_STEP
        width = 1.0
        while 0 < timestep < width:
            width /= 2
            motion, residual = self._motion(first, last, 0.5)
            picture = moved(self._layer(first, last), motion)
            if residual is not None:
                picture = _added(picture, residual, self._form, first.colour)
            middle = self._sources.encode(tuple(picture), first.colour)
            between = middle.planes if own else tuple(moved(layer, motion))
            ends = (layer.first, between) if timestep < width else (between, layer.last)
            layer = Layer(layer.form, *ends, layer.chroma_location, layer.width, layer.height)
            if timestep < width:
                last = middle
            else:
                first, timestep = middle, timestep - width
        return [plane.float() for plane in (layer.last if timestep else layer.first)]

    def _known_motion(
        self, task: Task, first: Encoded, last: Encoded, timestep: float | Tensor
    ) -> tuple[Blend, Tensor | None]:
        """The motion a task needs, kept where other clips ride on it too."""
        if isinstance(timestep, Tensor) or not self._options.keep_motions:
            return self._motion(first, last, timestep)
        key = task.left.number, task.right.number, timestep
        with self._lock:
            once = self._motions.setdefault(key, _Once())
            self._motions.move_to_end(key)
            while len(self._motions) > KEPT_MOTIONS:
                self._motions.popitem(last=False)
        with once.lock:
            if once.found is None:
                once.found = self._motion(first, last, timestep)
            return once.found

    def _motion(self, first: Encoded, last: Encoded, timestep: float | Tensor) -> tuple[Blend, Tensor | None]:
        """Motion between two frames, and what a refining network adds to the picture (cropped, RGB)."""
        options, look = self._options, self._sources.look
        if isinstance(timestep, Tensor):
            timestep = self._sources.aligned(timestep)
        if options.ensemble < 2:
            look1 = look(last, Flip())
            motion, residual = self._engine.motion(
                look(first, Flip()), look1, timestep, options.scale, ensemble=options.ensemble == 1
            )
            return motion, None if residual is None else self._cropped(residual)
        seen = []
        residuals = []
        for flip in dict.fromkeys(view.flip for view in PASSES[options.ensemble]):
            times = self._mirrored(timestep, flip) if isinstance(timestep, Tensor) else timestep
            pair = self._engine.both_ways(look(first, flip), look(last, flip), times, options.scale)
            for swapped, (motion, residual) in enumerate(pair):
                seen.append((View(flip, bool(swapped)), motion))
                if residual is not None:
                    residuals.append(flipped(self._cropped(residual), flip))
        mean = MeanMotion(tuple(seen), self._form.height, self._form.width, options.mask)
        return mean, torch.stack(residuals).mean(0) if residuals else None

    def _mirrored(self, times: Tensor, flip: Flip) -> Tensor:
        """An aligned map of times, mirrored as the picture is: before it is padded."""
        return self._sources.aligned(flipped(self._cropped(times), flip))

    def _cropped(self, picture: Tensor) -> Tensor:
        return picture[..., : self._form.height, : self._form.width]


class _Once:
    """A motion that one thread finds while the others wait."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.found: tuple[Blend, Tensor | None] | None = None


def _added(planes: list[Tensor], residual: Tensor, form: PictureFormat, colour: Colour) -> list[Tensor]:
    """Planes and what a RefineNet adds to their picture."""
    added = plane_differences(residual, form, colour)
    return [plane + difference for plane, difference in zip(planes, added, strict=True)]
