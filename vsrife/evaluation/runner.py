"""Models on cases: what each makes is measured against what was there."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vsrife.errors import ArgumentError, RifeError
from vsrife.evaluation.cases import Case, Truth
from vsrife.evaluation.metrics import METRICS
from vsrife.evaluation.perceptual import st_lpips
from vsrife.evaluation.predictors import blend
from vsrife.evaluation.report import Report, Score

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
"""Shown every picture that a model made: uint8, 3×H×W."""


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
    """Measures models on cases, which are read one after another.

    Args:
        cases: of one suite.
        predictors: model → what makes its pictures.
        metrics: of `KNOWN`; VMAF needs `vmaf`.
        suite: what the report is called.
        baseline: whether a plain blend is measured first, as `blend`.
        vmaf: measures that.
        watch: shown what is made.
        device: where all but VMAF is measured; None for where the pictures are.
        workers: cases whose pictures are made at once, on threads of their own; 1 for the caller's.

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
    for case, made in _made(cases, everyone, workers):
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


def _made(
    cases: Iterable[Case], predictors: Mapping[str, Predictor], workers: int
) -> Iterator[tuple[Case, dict[str, list[Tensor]]]]:
    """Each case with what the models make of it, in order."""

    def make(case: Case) -> dict[str, list[Tensor]]:
        return {model: [_checked(predictor, model, case, t) for t in case.truths] for model, predictor in everyone}

    everyone = predictors.items()
    if workers == 1:
        yield from ((case, make(case)) for case in cases)
        return
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[tuple[Case, Future[dict[str, list[Tensor]]]]] = deque()
        try:
            for case in cases:
                waiting.append((case, pool.submit(make, case)))
                if len(waiting) > workers:
                    ready, future = waiting.popleft()
                    yield ready, future.result()
            while waiting:
                ready, future = waiting.popleft()
                yield ready, future.result()
        finally:
            for _, future in waiting:
                future.cancel()


def _checked(predictor: Predictor, model: str, case: Case, truth: Truth) -> Tensor:
    made = predictor(case.first, case.last, truth.time)
    if made.dtype != torch.uint8 or made.shape != truth.picture.shape:
        raise RifeError(
            f"{model} must make uint8 pictures of {tuple(truth.picture.shape)}, got {made.dtype} of {tuple(made.shape)}"
        )
    return made
