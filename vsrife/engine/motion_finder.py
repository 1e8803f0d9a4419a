"""Motion between two frames at a time: the network's estimate, and what the picture step makes of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from vsrife.engine.bands import bands
from vsrife.engine.compose import at_grid
from vsrife.engine.estimator import estimate_both_ways
from vsrife.engine.single_flight import SingleFlight
from vsrife.engine.task import Timestep, time_tensor
from vsrife.motion import (
    CELL,
    CorrectedMotion,
    MeanMotion,
    Motion,
    PackedMap,
    SampleGrid,
    cell_flow,
    cell_grid,
    find_correction,
    shift_in_time,
)
from vsrife.motion.evidence import CERTAIN
from vsrife.motion.kernels import packed_maps
from vsrife.motion.packing import FLOW_AND_MASK
from vsrife.tta import TTA_VIEWS, View, flipped

if TYPE_CHECKING:
    from vsrife.engine.engine import Engine
    from vsrife.engine.frame_cache import DeviceFrame, FrameCache
    from vsrife.engine.picture import PictureFormat
    from vsrife.engine.task import Options
    from vsrife.motion import Blend

    Motions = tuple[Blend, Tensor | None]
    """Motion, and the residual that a RefineNet adds to the picture (cropped RGB), None without one."""

__all__ = ["MotionFinder"]

CACHED = 4
"""Corrected motions cached where several clips are warped along each, and motions at cells."""
SHARED = 2
"""Whole estimates cached where frames at several times use each: those of the pairs in progress."""
MIDDLE = 0.5
SPACING, MOST_SAMPLES = 1.0, 32
"""Pixels of motion from one sample of a blur to the next, and the most samples between two source frames."""
SMALLEST_OBJECT = 8
"""Side in cells of what decides the number of samples."""
MAP_CHANNELS = 8
"""Channels of the smallest map that kernels read."""
Key = tuple[int, int, float]
"""Numbers of the left and the right frame, and a time."""


class CellMotion(NamedTuple):
    """An estimate at cells: straight motion 1×2×h×w in picture pixels, mask logits 1×1×h×w, and its time."""

    straight: Tensor
    mask: Tensor
    time: float


class MotionFinder:
    """Finds motion between frames of one clip. Every result depends on the arguments alone.

    Args:
        engine: the network; shared.
        form: the clip's format.
        options: how motion is estimated.
        frames: the clip's frames.
        band: rows of a picture that are worked on at a time for want of memory, a multiple of 4; 0 for all.
    """

    def __init__(
        self, engine: Engine, form: PictureFormat, options: Options, frames: FrameCache, band: int = 0
    ) -> None:
        self._engine = engine
        self._form = form
        self._options = options
        self._frames = frames
        self._band = band
        self._cells = cell_grid(form.height, form.width)
        self._estimates = SingleFlight[Key, "Motions"](1 if band else SHARED)
        self._cell_motions = SingleFlight[Key, CellMotion](CACHED)
        self._motions = SingleFlight["tuple[int, int, float, float | None]", "Motions"](CACHED)

    def release(self) -> None:
        """Give up all that is cached and not being computed."""
        self._estimates.release()
        self._cell_motions.release()
        self._motions.release()

    def find(
        self,
        left: DeviceFrame,
        right: DeviceFrame,
        timestep: Timestep,
        pair: tuple[int, int],
        *,
        keeps_motion: bool = False,
    ) -> Motions:
        """Motion that planes are warped along.

        Args:
            left: the frame at time 0.
            right: the frame at time 1.
            timestep: the wanted time.
            pair: the two frames' numbers.
            keeps_motion: whether other planes follow that are warped along it.
        """
        if timestep.map is not None or not (keeps_motion or self._options.keep_motions):
            return self._find(left, right, timestep, pair)
        key = *pair, timestep.value, timestep.motion_at
        return self._motions.get(key, lambda: self._find(left, right, timestep, pair))

    def find_middle(self, left: DeviceFrame, right: DeviceFrame) -> Motions:
        """Motion at ½ between two pictures that need not be the clip's."""
        motion, residual = self._estimate(left, right, time_tensor(MIDDLE, self._engine.device))
        return self._correct(left, right, motion, MIDDLE), residual

    def find_blur(
        self, left: DeviceFrame, right: DeviceFrame, span: tuple[float, float], pair: tuple[int, int]
    ) -> list[Blend]:
        """Motion at the middles of even parts of a span of time, from one estimate, about a pixel of motion apart.

        Args:
            left: the frame at time 0.
            right: the frame at time 1.
            span: where it begins and ends, 0..1.
            pair: the two frames' numbers.
        """
        begin, end = span
        length = self.cell_motion(left, right, pair, MIDDLE).straight.square().sum(1, keepdim=True).sqrt()
        largest = float(avg_pool2d(length, min(SMALLEST_OBJECT, *length.shape[-2:]), ceil_mode=True).max())
        count = min(max(1, math.ceil(largest * (end - begin) / SPACING)), MOST_SAMPLES)
        times = [begin + (end - begin) * (k + 0.5) / count for k in range(count)]
        return [self.find_from_middle(left, right, Timestep(time), pair) for time in times]

    def _find(self, left: DeviceFrame, right: DeviceFrame, timestep: Timestep, pair: tuple[int, int]) -> Motions:
        times = timestep.tensor(self._engine.device)
        if self._options.picture == "published":
            return self._estimate(left, right, times)
        if self._options.estimates == "pair":
            return self.find_from_middle(left, right, timestep, pair), None
        if timestep.map is not None:
            motion, residual = self._estimate(left, right, times)
            cells = at_grid(times, self._cells)
            return self._correct(left, right, motion, cells, self.cell_motion(left, right, pair, MIDDLE)), residual
        own, source = timestep.value, timestep.motion_at
        if own == source and timestep.shares_motion:
            motion, residual = self._estimate_once(left, right, pair, own)
            return self._correct(left, right, motion, own), residual
        motion, residual = self._estimate(left, right, times)
        if source is None or source == own:
            return self._correct(left, right, motion, own), residual
        return self._correct(left, right, motion, own, self.cell_motion(left, right, pair, source)), residual

    def find_from_middle(
        self, left: DeviceFrame, right: DeviceFrame, timestep: Timestep, pair: tuple[int, int]
    ) -> Blend:
        """Motion at any time from the estimate at ½; RefineNet's residual, which fits ½ alone, is left out."""
        if timestep.map is None and timestep.value == MIDDLE:
            return self._correct(left, right, self._estimate_once(left, right, pair, MIDDLE)[0], MIDDLE)
        time = timestep.value if timestep.map is None else at_grid(timestep.tensor(self._engine.device), self._cells)
        cells = self.cell_motion(left, right, pair, MIDDLE)
        mask, straight = shift_in_time(cells.mask, cells.straight, MIDDLE, time)
        channels = torch.cat((straight * (-time / CELL), straight * ((1 - time) / CELL), mask), 1)
        return self._correct(left, right, Motion((PackedMap(_packed(channels), FLOW_AND_MASK, CELL),)), time)

    def _correct(
        self,
        left: DeviceFrame,
        right: DeviceFrame,
        motion: Blend,
        time: float | Tensor,
        source: CellMotion | None = None,
    ) -> Blend:
        """A motion with its correction, unless the published form is wanted.

        Args:
            left: the frame at time 0.
            right: the frame at time 1.
            motion: the network's at `time`.
            time: a number, or a map at cells.
            source: the motion that straight motion is taken from; the network's at `time` by default.
        """
        if self._options.picture == "published":
            return motion
        kernels = self._engine.kernels
        if kernels:
            motion = self._pack(motion)
        own = self.cell_flow(motion)
        straight = _straight(own)
        if source is not None:
            straight, _ = shift_in_time(source.straight, source.straight, source.time, time)
        find = kernels.find_correction if kernels else find_correction
        stored = find(self._frames.luma(left), self._frames.luma(right), own, straight, time)
        return CorrectedMotion(motion, PackedMap(stored, stored.shape[-1], CELL))

    def cell_motion(self, left: DeviceFrame, right: DeviceFrame, pair: tuple[int, int], time: float) -> CellMotion:
        """Straight motion and mask of an estimate, at cells; cached, as frames at several times use it."""

        def find() -> CellMotion:
            values = self.cell_flow(self._estimate_once(left, right, pair, time)[0], mask=True)
            return CellMotion(_straight(values), values[:, 4:5], time)

        return self._cell_motions.get((*pair, time), find)

    def cell_flow(self, motion: Blend, *, mask: bool = False) -> Tensor:
        """A motion's flow, and its mask, at the cells; by the kernels where they know the motion."""
        kernels = self._engine.kernels
        if kernels and isinstance(motion, Motion) and packed_maps(motion):
            return kernels.cell_flow(motion, self._cells, mask=mask)
        return cell_flow(motion, self._cells, self._engine.device, mask=mask)

    def _pack(self, motion: Blend) -> Motion:
        """A motion as kernels read it: itself, or one map of the picture's size."""
        if isinstance(motion, Motion) and packed_maps(motion):
            return motion
        width = self._form.width + self._form.width % 2
        ys, xs = SampleGrid(self._form.height, width).coordinates(self._engine.device)
        parts = []
        for rows in bands(self._form.height, self._band, halo=0):
            flow, weight, _ = motion.blend(ys[rows.kept_rows()], xs)
            parts.append(_packed(torch.cat((flow, weight.logit(CERTAIN)), 1)))
        return Motion((PackedMap(torch.cat(parts, 1), FLOW_AND_MASK, 1),))

    def _estimate_once(self, left: DeviceFrame, right: DeviceFrame, pair: tuple[int, int], time: float) -> Motions:
        """An estimate that frames at several times use."""
        return self._estimates.get(
            (*pair, time), lambda: self._estimate(left, right, time_tensor(time, self._engine.device))
        )

    def _estimate(self, left: DeviceFrame, right: DeviceFrame, timestep: Tensor) -> Motions:
        options, estimator, frames = self._options, self._engine.graphed, self._frames
        if options.ensemble < 2:
            encoded1 = frames.encoded(right)
            motion, residual = estimator.estimate(
                frames.encoded(left),
                encoded1,
                frames.aligned(timestep) if timestep.numel() > 1 else timestep,
                options.scale,
                ensemble=options.ensemble == 1,
                band=self._band,
            )
            return motion, None if residual is None else self._cropped(residual)
        views, residuals = [], []
        for flip in dict.fromkeys(view.flip for view in TTA_VIEWS[options.ensemble]):
            times = frames.aligned(flipped(timestep, flip)) if timestep.numel() > 1 else timestep
            ends = frames.encoded(left, flip), frames.encoded(right, flip)
            estimates = estimate_both_ways(estimator, *ends, times, options.scale, band=self._band)
            for swapped, (motion, residual) in enumerate(estimates):
                views.append((View(flip, bool(swapped)), motion))
                if residual is not None:
                    residuals.append(flipped(self._cropped(residual), flip))
        mean = MeanMotion(tuple(views), self._form.height, self._form.width, options.mask)
        return mean, torch.stack(residuals).mean(0) if residuals else None

    def _cropped(self, picture: Tensor) -> Tensor:
        return picture[..., : self._form.height, : self._form.width]


def _straight(flow: Tensor) -> Tensor:
    """Motion over the whole interval: 1×2×h×w."""
    return flow[:, 2:4] - flow[:, :2]


def _packed(channels: Tensor) -> Tensor:
    """Flow and mask, 1×5×h×w, as kernels store them: 1×h×w×8."""
    return pad(channels, (0, 0, 0, 0, 0, MAP_CHANNELS - FLOW_AND_MASK)).permute(0, 2, 3, 1).contiguous()
