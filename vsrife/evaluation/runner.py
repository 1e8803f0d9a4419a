"""Models on cases: the pictures that each interpolates are measured against the true ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vsrife.errors import ArgumentError, RifeError, named
from vsrife.evaluation.cases import Case, Truth
from vsrife.evaluation.metrics import METRICS
from vsrife.evaluation.perceptual import st_lpips
from vsrife.evaluation.predictors import blend
from vsrife.evaluation.report import Report, Score
from vsrife.footage.ahead import map_ahead

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from vsrife.evaluation.predictors import Predictor
    from vsrife.evaluation.vmaf import Vmaf

__all__ = ["BASELINE", "KNOWN", "USUAL", "Watch", "evaluate"]

BASELINE = "blend"
USUAL = ("psnr", "ssim", "ie", "sharpness")
VMAF = "vmaf"
MEASURES = METRICS | {"st_lpips": st_lpips}
KNOWN = (*METRICS, VMAF, "st_lpips")
"""Metrics by name."""
Watch = Callable[[Case, Truth, str, Tensor], None]
"""Takes every picture that a model interpolated: uint8, 3×H×W."""


@named("evaluate")
def evaluate(
    cases: Iterable[Case],
    predictors: Mapping[str, Predictor],
    metrics: Sequence[str] = USUAL,
    *,
    suite: str = "",
    baseline: bool = True,
    vmaf: Vmaf | None = None,
    watch: Watch | None = None,
    device: torch.device | None = None,
    workers: int = 1,
) -> Report:
    """Measure models on cases, which are read one after another.

    Args:
        cases: of one suite.
        predictors: each model's predictor, by the model's name.
        metrics: of `KNOWN`; VMAF needs `vmaf`.
        suite: the report's title.
        baseline: whether a plain blend is measured first, as `blend`.
        vmaf: computes the scores of that metric.
        watch: takes each interpolated picture.
        device: computes all metrics but VMAF; None for the device that the pictures are on.
        workers: cases that are interpolated at once, on threads of their own; 1 for the caller's thread.

    Returns:
        The scores; none where there are no cases.

    Raises:
        RifeError: a metric is not known, or a picture cannot be read, made or measured.
    """
    for name in metrics:
        if name not in KNOWN:
            raise ArgumentError("metrics", name, f"of {', '.join(KNOWN)}")
    if VMAF in metrics and vmaf is None:
        raise RifeError("metrics has vmaf, for which vmaf must be given")
    everyone = {**({BASELINE: blend} if baseline else {}), **predictors}
    scores = []
    for case, made in _interpolate_cases(cases, everyone, workers):
        for model, pictures in made.items():
            for truth, picture in zip(case.truths, pictures, strict=True):
                scores.append(_score(case, truth, model, picture, metrics, device))
                if vmaf and VMAF in metrics:
                    vmaf.add(model, picture, truth.picture)
                if watch:
                    watch(case, truth, model, picture)
    if vmaf and VMAF in metrics:
        later = {model: iter(vmaf.scores(model)) for model in everyone}
        for score in scores:
            score.figures[VMAF] = next(later[score.model])
    return Report(suite, tuple(metrics), tuple(scores))


def _score(
    case: Case, truth: Truth, model: str, made: Tensor, metrics: Sequence[str], device: torch.device | None
) -> Score:
    pair = made.to(device or made.device), truth.picture.to(device or truth.picture.device)
    figures = {name: float(MEASURES[name](*pair)) for name in metrics if name in MEASURES}
    return Score(model, case.name, truth.time, figures, case.clip, case.group)


def _interpolate_cases(
    cases: Iterable[Case], predictors: Mapping[str, Predictor], workers: int
) -> Iterator[tuple[Case, dict[str, list[Tensor]]]]:
    """Each case in order, with the pictures that each model interpolates."""

    def interpolate(case: Case) -> tuple[Case, dict[str, list[Tensor]]]:
        return case, {
            model: [_interpolated(predictor, model, case, truth) for truth in case.truths]
            for model, predictor in predictors.items()
        }

    return map(interpolate, cases) if workers == 1 else map_ahead(interpolate, cases, workers)


def _interpolated(predictor: Predictor, model: str, case: Case, truth: Truth) -> Tensor:
    """The picture that a model interpolates at a true picture's time.

    Raises:
        RifeError: the model gives a picture of another shape or sample type.
    """
    made = predictor(case.first, case.last, truth.time)
    if made.dtype != torch.uint8 or made.shape != truth.picture.shape:
        raise RifeError(
            f"{model} must give uint8 pictures of {tuple(truth.picture.shape)}, got {made.dtype} of {tuple(made.shape)}"
        )
    return made
