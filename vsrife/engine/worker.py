"""The frames between frames of one clip on one device, as long as nothing goes wrong."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from vsrife.detect.cuts import cut_score
from vsrife.detect.repeats import luma_psnr, repeats
from vsrife.engine.bands import bands
from vsrife.engine.layers import Layer, faded, held, moved, moved_into, store
from vsrife.engine.memory import register
from vsrife.engine.picture import plane_differences
from vsrife.engine.sources import Encoded, SourceStore, upload
from vsrife.motion import MeanMotion, SampleGrid
from vsrife.motion.compiled import reference_only
from vsrife.networks import TIME_STEP
from vsrife.tta import TTA_VIEWS, Flip, View, flipped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from vsrife.engine.engine import Engine
    from vsrife.engine.picture import Colour, HostFrame, PictureFormat
    from vsrife.motion import Blend

    Paint = Callable[[list[Tensor], Colour, Blend | None], list[Tensor]]
    """Draws over a picture's planes, whose colour and, where it was made, motion it is told."""

__all__ = ["Options", "Task", "Worker"]

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
        band: rows of a picture that are worked on at a time, a multiple of 4, for want of memory; 0 for all.
    """

    scale: float = 1
    ensemble: int = 0
    mask: str = "own"
    keep_motions: bool = False
    band: int = 0


@dataclass(frozen=True)
class Task:
    """A frame to be made.

    Args:
        left: the source frame at time 0.
        right: the source frame at time 1.
        timestep: 0..1, or an H×W map of times, which a network that knows only the middle cannot serve.
        how: `move` along the motion, `fade` from left to right, or show the frame at the `left` or `right`.
        form: of the planes that are wanted.
        companions: another clip's frames at the two times, whose planes are wanted rather than the clip's own.
        protect: H×W, 0..1: how far the left frame's values are kept.
        paint: draws over what was made.
    """

    left: HostFrame
    right: HostFrame
    timestep: float | NDArray[np.float32]
    form: PictureFormat
    how: str = "move"
    companions: tuple[HostFrame, HostFrame] | None = None
    protect: NDArray[np.float32] | None = None
    paint: Paint | None = None


class Worker:
    """Makes frames between frames of one clip. Every result depends on the arguments alone.

    All but `run` and `release` is called within `run`.

    Args:
        engine: the network; shared.
        form: the clip's format.
        options: how motion is estimated.
        reference: whether the compiled kernels are left alone.
    """

    def __init__(self, engine: Engine, form: PictureFormat, options: Options, *, reference: bool = False) -> None:
        self._engine = engine
        self._form = form
        self._options = options
        self.reference = reference
        self._sources = SourceStore(engine, form, options.scale, options.band)
        self._motions: OrderedDict[tuple[int, int, float], _Once] = OrderedDict()
        self._lock = threading.Lock()
        register(self)

    @property
    def device(self) -> torch.device:
        """Where."""
        return self._engine.device

    def release(self) -> None:
        """Give up what is kept and nobody is making."""
        self._sources.release()
        with self._lock:
            self._motions = OrderedDict((key, once) for key, once in self._motions.items() if once.lock.locked())
        self._engine.release()

    def run[T](self, work: Callable[[Worker], T]) -> T:
        """What `work` makes of this, on the engine's thread, without gradients."""

        def guarded() -> T:
            with torch.inference_mode(), reference_only() if self.reference else nullcontext():
                return work(self)

        return self._engine.slot.run(guarded)

    def cut_score(self, left: HostFrame, right: HostFrame) -> float:
        """See `vsrife.detect.cuts`."""
        return cut_score(self._sources.get(left).thumbnail, self._sources.get(right).thumbnail)

    def luma_psnr(self, left: HostFrame, right: HostFrame) -> float:
        """See `vsrife.detect.repeats`."""
        return luma_psnr(self._sources.get(left).picture, self._sources.get(right).picture)

    def repeats(self, left: HostFrame, right: HostFrame) -> bool:
        """See `vsrife.detect.repeats`."""
        return repeats(self._sources.get(left).picture, self._sources.get(right).picture)

    def write_motion(
        self, left: HostFrame, right: HostFrame, timestep: float | NDArray[np.float32], target: NDArray[np.generic]
    ) -> None:
        """See `Interpolator.motion`."""
        ends = self._sources.get(left), self._sources.get(right)
        motion, _ = self._motion(*ends, self._times(timestep))
        height, width = self._form.height, self._form.width
        ys, xs = SampleGrid(height, width).coordinates(self._engine.device)
        for rows in bands(height, self._options.band, halo=0):
            found = torch.cat(motion.blend(ys[rows.place()], xs), 1)[0].cpu().numpy()
            for part, values in enumerate(found):
                target[part * height + rows.first : part * height + rows.last] = values

    def render(self, task: Task, target: Sequence[NDArray[np.generic]]) -> None:
        """See `Interpolator`."""
        last = self._sources.get(task.right)  # first, as the frame before this one may be at work on the left one
        first = self._sources.get(task.left)
        layer = self._layer(first, last) if task.companions is None else self._companions(task)
        timestep = self._times(task.timestep)
        motion = None
        if task.how == "move" and self._engine.any_time:
            motion, residual = self._known_motion(task, first, last, timestep)
            alone = residual is None or task.companions is not None
            alone = alone and not isinstance(timestep, Tensor) and task.protect is None and task.paint is None
            if alone and moved_into(layer, motion, target):
                return
            made = moved(layer, motion, self._options.band)
            if residual is not None and task.companions is None:
                made = _added(made, residual, self._form, first.colour)
        elif task.how == "move":
            assert not isinstance(timestep, Tensor)
            made = self._halved(first, last, layer, timestep, own=task.companions is None)
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

    def _companions(self, task: Task) -> Layer:
        """Another clip's planes."""
        assert task.companions is not None
        first, last = (upload(companion.planes, self._engine.device) for companion in task.companions)
        location = task.companions[0].colour.chroma_location
        return Layer(task.form, first, last, location, self._form.width, self._form.height)

    def _halved(self, first: Encoded, last: Encoded, layer: Layer, timestep: float, *, own: bool) -> list[Tensor]:
        """A layer with a network that only finds the middle: halve the interval around the time, to `TIME_STEP`."""
        timestep = round(timestep / TIME_STEP) * TIME_STEP
        width = 1.0
        while 0 < timestep < width:
            width /= 2
            motion, residual = self._motion(first, last, 0.5)
            picture = moved(self._layer(first, last), motion, self._options.band)
            if residual is not None:
                picture = _added(picture, residual, self._form, first.colour)
            middle = self._sources.encode(tuple(picture), first.colour)
            between = middle.planes if own else tuple(moved(layer, motion, self._options.band))
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
            look0, inside = look(first, Flip()), options.ensemble == 1
            motion, residual = self._engine.motion(
                look0, look1, timestep, options.scale, ensemble=inside, band=options.band
            )
            return motion, None if residual is None else self._cropped(residual)
        seen = []
        residuals = []
        for flip in dict.fromkeys(view.flip for view in TTA_VIEWS[options.ensemble]):
            times = self._mirrored(timestep, flip) if isinstance(timestep, Tensor) else timestep
            ends = look(first, flip), look(last, flip)
            pair = self._engine.both_ways(*ends, times, options.scale, band=options.band)
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
