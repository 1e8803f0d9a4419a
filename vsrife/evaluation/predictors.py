"""Predictors of the picture between two others: a plain blend, and a model run by the filter's engine."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from vsrife.engine import (
    Colour,
    HostFrame,
    Interpolator,
    Options,
    PictureFormat,
    Task,
    Timestep,
    resolve_device,
    resolve_precision,
    shared_engine,
)
from vsrife.errors import ArgumentError, RifeError, named
from vsrife.networks import DEFAULT, SCALES
from vsrife.networks.config import SMALLEST
from vsrife.timing.motion_time import motion_time
from vsrife.tta import TTA_VIEWS
from vsrife.weights import resolve

if TYPE_CHECKING:
    from pathlib import Path

    from vsrife.engine import Engine

__all__ = ["EnginePredictor", "Predictor", "blend", "load_predictor"]

Predictor = Callable[[Tensor, Tensor, Fraction], Tensor]
"""First and last (uint8, 3×H×W, RGB) and a time between 0 and 1, to the picture of that time, like them."""

MASKS = ("own", "mean", "logit")
SEEN = 8
"""Pictures that are recognised when they come again, so that the engine encodes each once."""
SIZES = 2
"""Picture sizes for which an interpolator is kept."""


def blend(first: Tensor, last: Tensor, time: Fraction) -> Tensor:
    """A crossfade of two pictures, rounded to 8 bits."""
    return (first.double() * float(1 - time) + last.double() * float(time)).round().to(torch.uint8)


class EnginePredictor:
    """A model as the filter runs it on RGB24 where one frame alone lies between two; for several threads at once.

    Args:
        engine: the network.
        options: how motion is estimated.
    """

    def __init__(self, engine: Engine, options: Options) -> None:
        self.engine = engine
        self._options = options
        self._numbers = count()
        self._seen: deque[tuple[Tensor, int]] = deque(maxlen=SEEN)
        self._interpolators: dict[tuple[int, int], Interpolator] = {}
        self._lock = threading.Lock()

    def __call__(self, first: Tensor, last: Tensor, time: Fraction) -> Tensor:
        """See `Predictor`.

        Raises:
            RifeError: the pictures are too small.
        """
        height, width = first.shape[-2:]
        if min(height, width) < SMALLEST:
            raise ArgumentError("pictures", f"{width}×{height}", f"at least {SMALLEST}×{SMALLEST}")
        form = PictureFormat("rgb", 8, False, 0, 0, width, height)
        made = np.empty((3, height, width), np.uint8)
        interpolator = self._interpolator(form)
        timestep = Timestep(float(time), motion_at=float(motion_time(time).time))
        interpolator.render(Task(self._source(first), self._source(last), timestep, form), list(made))
        return torch.from_numpy(made)

    def _source(self, picture: Tensor) -> HostFrame:
        with self._lock:
            number = next((number for seen, number in self._seen if seen is picture), None)
            if number is None:
                number = next(self._numbers)
                self._seen.append((picture, number))
        return HostFrame(number, list(picture.numpy()), Colour(full_range=True))

    def _interpolator(self, form: PictureFormat) -> Interpolator:
        size = form.height, form.width
        with self._lock:
            if size not in self._interpolators:
                while len(self._interpolators) >= SIZES:
                    del self._interpolators[next(iter(self._interpolators))]
                self._interpolators[size] = Interpolator(self.engine, form, self._options)
            return self._interpolators[size]


@named("load_predictor")
def load_predictor(
    model: str | None = None,
    model_path: Path | None = None,
    *,
    device: str = "auto",
    precision: str = "auto",
    scale: float = 1,
    ensemble: int = 0,
    ensemble_mask: str = "own",
    picture: str = "sharp",
    estimates: str = "frame",
    log: Callable[[str], None] | None = None,
) -> EnginePredictor:
    """Load a model; all arguments mean what they mean to the filter.

    Raises:
        RifeError: an argument or a model cannot be used.
    """
    for name, value, allowed in (
        ("scale", scale, SCALES),
        ("ensemble", ensemble, (0, *TTA_VIEWS)),
        ("ensemble_mask", ensemble_mask, MASKS),
    ):
        if value not in allowed:
            *others, last, got = (each if isinstance(each, str) else f"{each:g}" for each in (*allowed, value))
            raise ArgumentError(name, got, f"{', '.join(others)} or {last}")
    options = Options(scale, ensemble, ensemble_mask, picture=picture, estimates=estimates)
    where = resolve_device(device)
    dtype = resolve_precision(precision, where, log)
    if model or model_path is None:
        model, with_ensemble = resolve(model or DEFAULT)
        options = replace(options, ensemble=ensemble or int(with_ensemble))
    engine = shared_engine(model, model_path, where, dtype, log=log)
    if options.ensemble == 1 and not engine.has_ensemble:
        raise RifeError("ensemble must be 0, 2, 4 or 8 for a network that was published without one, got 1")
    return EnginePredictor(engine, options)
