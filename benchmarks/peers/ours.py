"""vsrife, this package: the engine on RGBS frames in memory, and the filter as it is by default."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import vapoursynth as vs

from vsrife.engine import (
    Colour,
    HostFrame,
    Interpolator,
    Options,
    PictureFormat,
    Task,
    Timestep,
    resolve_precision,
    shared_engine,
)
from vsrife.footage.ahead import map_ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from fractions import Fraction

    from numpy.typing import NDArray

    from peers.job import Job


def network(job: Job, *, precision: str, device: str = "cpu") -> Iterator[Callable[[], NDArray[np.float32]]]:
    """Planes in memory to planes in memory, as many frames at once as the engine works on.

    Features of a source frame are kept for the next pair, as in the filter.
    """
    where = torch.device(device)
    engine = shared_engine("4.26", None, where, resolve_precision(precision, where))
    form = PictureFormat("rgb", 32, True, 0, 0, job.width, job.height)
    interpolator = Interpolator(engine, form, Options(picture="published"))
    sources = [HostFrame(n, list(picture), Colour(0, full_range=True)) for n, picture in enumerate(job.pictures())]

    def make(moment: tuple[int, Fraction]) -> Callable[[], NDArray[np.float32]]:
        left, time = moment
        target = [np.empty((job.height, job.width), np.float32) for _ in range(3)]
        interpolator.render(Task(sources[left], sources[left + 1], Timestep(float(time)), form), target)
        return lambda: np.stack(target)

    yield from map_ahead(make, job.times(), engine.executor.concurrency)


def filtered(clip: vs.VideoNode, job: Job, *, precision: str, device: str = "cpu") -> vs.VideoNode:
    """With its cut detector."""
    return vs.core.rife.RIFE(
        clip, factor_num=job.num, factor_den=job.den, picture="published", precision=precision, device=device
    )


def missing(job: Job, **options: str) -> str | None:
    """A card where one is asked for."""
    return None if options.get("device", "cpu") == "cpu" or torch.cuda.is_available() else "no CUDA device"


def known() -> dict[str, str]:
    """The card; packages tell the rest."""
    return {"card": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}
