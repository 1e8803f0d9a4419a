"""Frames between the frames of one clip, on one device, as long as nothing fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from vsrife.detect.cuts import cut_score
from vsrife.detect.repeats import luma_psnr, repeats
from vsrife.engine.bands import bands
from vsrife.engine.compose import PlanePair, composite, crossfade, warp_blend, warp_blend_into, write_planes
from vsrife.engine.frame_cache import DeviceFrame, FrameCache
from vsrife.engine.held import Held, hold
from vsrife.engine.memory import register
from vsrife.engine.motion_finder import MIDDLE, MotionFinder
from vsrife.engine.pace import find_drawings, find_things, laid_over, share_of_things
from vsrife.engine.picture import plane_differences
from vsrife.engine.single_flight import SingleFlight
from vsrife.engine.stationary import find_stationary
from vsrife.engine.task import RenderMode, map_tensor
from vsrife.engine.transfer import HostCopy, Pending
from vsrife.motion import SampleGrid
from vsrife.networks import TIME_STEP

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from vsrife.engine.bars import Box
    from vsrife.engine.engine import Engine
    from vsrife.engine.picture import HostFrame, PictureFormat
    from vsrife.engine.task import Options, Task, Timestep
    from vsrife.motion import Blend

__all__ = ["FrameMaker"]

HELD = 4
"""Pairs of which is remembered what stands still in them, and runs of which what is held in them."""
STILL = [[[0]]] * 4 + [[[1]]]
"""Flow and weight of what does not move."""
BOXES = 3
"""Pictures within bars whose makers are kept: films have one or two."""


class FrameMaker:
    """Makes frames of one clip on one device. Every result depends on the arguments alone.

    All methods but `release` and those that return another maker run on the threads of the engine's executor. Where a
    result is pending, the rest of the work is for the thread that waits for it.

    Args:
        engine: the network; shared.
        form: the clip's format.
        options: how motion is estimated.
        band: rows of a picture that are worked on at a time for want of memory, a multiple of 4; 0 for all.
    """

    def __init__(self, engine: Engine, form: PictureFormat, options: Options, band: int = 0) -> None:
        self.engine = engine
        self.device = engine.device
        self.band = band
        self._form = form
        self._options = options
        self._frames = FrameCache(engine, form, options.scale, band, options.requests)
        self._finder = MotionFinder(engine, form, options, self._frames, band)
        self._within = SingleFlight["Box", FrameMaker](BOXES)
        self._held = SingleFlight[tuple[int, int], "Held | None"](1 if band else HELD)
        self._things = SingleFlight[tuple[int, int], "tuple[Tensor, Tensor] | None"](1 if band else HELD)
        register(self)

    def in_bands(self, band: int) -> FrameMaker:
        """A maker of the same frames in bands."""
        return FrameMaker(self.engine, self._form, self._options, band)

    def without_kernels(self) -> FrameMaker:
        """A maker of the same frames by PyTorch alone."""
        return FrameMaker(self.engine.without_kernels(), self._form, self._options, self.band)

    def of(self, box: Box | None) -> FrameMaker:
        """A maker of the picture in a box, which is given frames and tasks that are cropped to it; itself for None."""
        if box is None:
            return self
        return self._within.get(box, lambda: FrameMaker(self.engine, box.form(self._form), self._options, self.band))

    def release(self) -> None:
        """Give up all that is cached and not being computed."""
        self._within.release()
        self._held.release()
        self._things.release()
        self._frames.release()
        self._finder.release()
        self.engine.release()

    def cut_score(self, left: HostFrame, right: HostFrame) -> float | Pending[float]:
        thumbnails = HostCopy(torch.cat([frame.thumbnail for frame in self._frames.get_pair(left, right)]))
        return Pending(lambda: cut_score(thumbnails.get()[:1], thumbnails.get()[1:]))

    def luma_psnr(self, left: HostFrame, right: HostFrame) -> float:
        first, last = self._frames.get_pair(left, right)
        return luma_psnr(first.picture, last.picture)

    def repeats(self, left: HostFrame, right: HostFrame) -> bool:
        first, last = self._frames.get_pair(left, right)
        return repeats(first.picture, last.picture)

    def find_drawings(self, frames: Sequence[HostFrame], at: int) -> list[tuple[int, int]]:
        """Runs in which something may be held, see `vsrife.engine.pace.find_drawings`."""
        return find_drawings([self._frames.luma(frame) for frame in self._frames.get_all(frames)], at)

    def write_motion(self, left: HostFrame, right: HostFrame, timestep: Timestep, target: NDArray[np.generic]) -> None:
        """Write flow and weight to 5×H×W, see `vsrife.engine.Interpolator.write_motion`."""
        pair = left.number, right.number
        first, last = self._frames.get_pair(left, right)
        held = self._hold(first, last, pair)
        ends = (held.first, held.last) if held else (first, last)
        motion, _ = self._finder.find(*ends, timestep, pair)
        height, width = self._form.height, self._form.width
        ys, xs = SampleGrid(height, width).coordinates(self.device)
        for rows in bands(height, self.band, halo=0):
            flow, weight, _ = motion.blend(ys[rows.kept_rows()], xs)
            channels = torch.cat((flow, weight), 1)[0]
            if held:
                channels = torch.where(held.mask[0, :, rows.kept_rows()] >= 1, channels.new_tensor(STILL), channels)
            target[:, rows.first : rows.stop] = channels.cpu().numpy()

    def render_unless_cut(
        self, task: Task, target: Sequence[NDArray[np.generic]], threshold: float
    ) -> Pending[float] | float:
        """Write the planes of a frame, see `vsrife.engine.Interpolator.render_unless_cut`.

        The score consists of hundreds of operations on a few numbers, each of which would be a kernel of a card: the
        host computes it. A card makes the frame before that is known, so that the host waits once for both.
        """
        left, right = self._frames.get_pair(task.left, task.right)
        thumbnails = left.thumbnail, right.thumbnail
        if self.device.type == "cuda":
            pending = self.render(task, target, thumbnails)
            return Pending(lambda: cut_score(*pending.finish()))
        score = cut_score(*(thumbnail.cpu() for thumbnail in thumbnails))
        if score < threshold:
            self.render(task, target).finish()
        return score

    def render(
        self, task: Task, target: Sequence[NDArray[np.generic]], beside: Sequence[Tensor] = ()
    ) -> Pending[list[Tensor]]:
        """Write the planes of a frame, see `vsrife.engine.Interpolator.render`.

        What is pending are copies on the host of the tensors `beside` them.
        """
        left, right = self._frames.get_pair(task.left, task.right)
        pair = self._pair(left, right) if task.companions is None else self._companion_pair(task)
        pair_key = task.left.number, task.right.number
        held = self._hold(left, right, pair_key) if task.mode is RenderMode.INTERPOLATE else None
        if held:
            left, right = held.first, held.last
        motion: Blend | None = None
        if task.mode is RenderMode.CROSSFADE:
            planes = crossfade(pair, task.timestep.tensor(self.device))
        elif task.mode is not RenderMode.INTERPOLATE:
            planes = [plane.float() for plane in (pair.last if task.mode is RenderMode.RIGHT else pair.first)]
        elif not self.engine.any_time:
            assert task.timestep.map is None
            planes = self._bisect(
                left,
                right,
                self._pair(left, right) if task.companions is None else pair,
                task.timestep.value,
                own=task.companions is None,
            )
        else:
            motion, residual = self._finder.find(left, right, task.timestep, pair_key, keeps_motion=task.keeps_motion)
            added = residual if task.companions is None else None
            plain = (
                held is None
                and added is None
                and task.timestep.map is None
                and task.protect is None
                and task.overlay is None
                and not task.paces
            )
            if plain and (pending := warp_blend_into(pair, motion, self.engine.kernels, target, beside)):
                return pending
            move = held.warp_blend if held else warp_blend
            planes = move(pair, motion, self.engine.kernels, self.band)
            if added is not None:
                planes = _add_residual(planes, added, self._form, left)
        if held:
            planes = held.put_back(planes, pair, task.timestep.tensor(self.device))
        for pace in task.paces:
            planes = self._at_own_pace(planes, motion, task, pace)
        if task.timestep.map is not None:  # at the ends the values are exactly the source frames'
            timestep = task.timestep.tensor(self.device)
            planes = composite(planes, pair, (timestep <= 0).float())
            planes = composite(planes, pair, (timestep >= 1).float(), last=True)
        if task.protect is not None:
            planes = composite(planes, pair, map_tensor(task.protect, self.device))
        if task.overlay is not None:
            planes = task.overlay.paint(planes, task.form, left.colour, motion)
        return write_planes(planes, task.form, target, beside)

    def blur(self, tasks: Sequence[Task], target: Sequence[NDArray[np.generic]]) -> Pending[list[Tensor]]:
        """Write the mean of frames over a time, see `vsrife.engine.Interpolator.blur`.

        Motion is estimated once for each pair. Between its two frames, the time is sampled at even steps.
        """
        first, total = tasks[0], sum(task.weight for task in tasks)
        mean: list[Tensor] = []
        drawn: Blend | None = None
        for task in tasks:
            assert task.until is not None
            left, right = self._frames.get_pair(task.left, task.right)
            pair = self._pair(left, right) if task.companions is None else self._companion_pair(task)
            span, numbers = (task.timestep.value, task.until), (task.left.number, task.right.number)
            held = self._hold(left, right, numbers)
            if held:
                left, right = held.first, held.last
            motions = self._finder.find_blur(left, right, span, numbers)
            drawn = drawn or motions[0]
            for motion in motions:
                planes = (held.warp_blend if held else warp_blend)(pair, motion, self.engine.kernels, self.band)
                if held:
                    planes = held.put_back(planes, pair, task.timestep.tensor(self.device))
                mean = mean or [torch.zeros_like(plane) for plane in planes]
                for plane, sample in zip(mean, planes, strict=True):
                    plane.add_(sample, alpha=task.weight / total / len(motions))
        left, right = self._frames.get_pair(first.left, first.right)
        if first.protect is not None:
            pair = self._pair(left, right) if first.companions is None else self._companion_pair(first)
            mean = composite(mean, pair, map_tensor(first.protect, self.device))
        if first.overlay is not None:
            mean = first.overlay.paint(mean, first.form, left.colour, drawn)
        return write_planes(mean, first.form, target)

    def _at_own_pace(self, planes: list[Tensor], motion: Blend | None, task: Task, pace: Task) -> list[Tensor]:
        """A frame's planes with the things over them that are held for a run, interpolated between their drawings.

        Args:
            planes: the frame's.
            motion: the motion along which it was made; None where it is the left source frame.
            task: of the frame.
            pace: of the things.
        """
        ends = pace.left.number, pace.right.number
        left, right = self._frames.get_pair(pace.left, pace.right)
        pair = self._pair(left, right) if pace.companions is None else self._companion_pair(pace)
        held = self._hold(left, right, ends)
        if held:
            left, right = held.first, held.last
        straight = self._finder.cell_motion(left, right, ends, MIDDLE).straight

        def find() -> tuple[Tensor, Tensor] | None:
            lumas = [self._frames.luma(frame) for frame in self._frames.get_all(pace.run)]
            begin = pace.run[0].number
            return find_things(lumas, ends[0] - begin, ends[1] - begin, straight)

        things = self._things.get(ends, find)
        if things is None:
            return planes
        own = self._finder.find_from_middle(left, right, pace.timestep, ends)
        above = (held.warp_blend if held else warp_blend)(pair, own, self.engine.kernels, self.band)
        if held:
            above = held.put_back(above, pair, pace.timestep.tensor(self.device))
        flow = self._finder.cell_flow(own)
        parts = [(flow[:, :2], 0), (flow[:, 2:4], 1)]
        if motion is None:
            parts.append((torch.zeros_like(flow[:, :2]), 0))
        else:
            flow = self._finder.cell_flow(motion)
            parts += [(flow[:, :2], 0), (flow[:, 2:4], int(task.right.number == ends[1]))]
        grids = [grid for grid, group in pair.groups() for _ in pair.first[group]]
        return laid_over(planes, above, share_of_things(things, parts), grids)

    def _hold(self, left: DeviceFrame, right: DeviceFrame, pair: tuple[int, int]) -> Held | None:
        """What stands still in two frames before what moves; None where nothing does."""
        if not self._options.still:
            return None

        def find() -> Held | None:
            mask = find_stationary(left.planes, right.planes, self._form)
            return None if mask is None else hold(mask, left, right, self._pair(left, right), self._frames)

        return self._held.get(pair, find)

    def _pair(self, left: DeviceFrame, right: DeviceFrame) -> PlanePair:
        """The clip's own planes."""
        form = self._form
        return PlanePair(form, left.planes, right.planes, left.colour.chroma_location, form.width, form.height)

    def _companion_pair(self, task: Task) -> PlanePair:
        """Another clip's planes."""
        assert task.companions is not None
        first, last = map(self._frames.planes, task.companions)
        location = task.companions[0].colour.chroma_location
        return PlanePair(task.form, first, last, location, self._form.width, self._form.height)

    def _bisect(
        self, left: DeviceFrame, right: DeviceFrame, pair: PlanePair, timestep: float, *, own: bool
    ) -> list[Tensor]:
        """Planes by a midpoint-only network: the interval around the time is halved until `TIME_STEP`.

        Args:
            left: the frame at time 0.
            right: the frame at time 1.
            pair: the planes to interpolate.
            timestep: the wanted time.
            own: whether the planes are the clip's own.
        """
        timestep = round(timestep / TIME_STEP) * TIME_STEP
        width = 1.0
        while 0 < timestep < width:
            width /= 2
            motion, residual = self._finder.find_middle(left, right)
            picture = warp_blend(self._pair(left, right), motion, self.engine.kernels, self.band)
            if residual is not None:
                picture = _add_residual(picture, residual, self._form, left)
            middle = self._frames.on_device(tuple(picture), left.colour, left.exponent)
            between = middle.planes
            if not own:
                between = tuple(warp_blend(pair, motion, self.engine.kernels, self.band))
            ends = (pair.first, between) if timestep < width else (between, pair.last)
            pair = PlanePair(pair.form, *ends, pair.chroma_location, pair.width, pair.height)
            if timestep < width:
                right = middle
            else:
                left, timestep = middle, timestep - width
        return [plane.float() for plane in (pair.last if timestep else pair.first)]


def _add_residual(planes: list[Tensor], residual: Tensor, form: PictureFormat, seen: DeviceFrame) -> list[Tensor]:
    """Planes with what a RefineNet adds to their RGB picture, which does not fit linear light."""
    if seen.colour.is_linear:
        return planes
    differences = plane_differences(residual * 2.0**seen.exponent, form, seen.colour)
    return [plane + difference for plane, difference in zip(planes, differences, strict=True)]
