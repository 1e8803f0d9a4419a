"""Comparison of a clip with its interpolation: survey, rebuilt frames, summary."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from vsrife.compare.flow import FlowFinder
from vsrife.compare.moments import case_of, chosen, rebuilt_places, spread
from vsrife.compare.sheet import Shown, clock
from vsrife.compare.survey import survey as survey_clip
from vsrife.errors import ArgumentError, named
from vsrife.evaluation import blend, evaluate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from vsrife.compare.moments import Place
    from vsrife.compare.survey import Survey
    from vsrife.evaluation import Case, Choice, EnginePredictor, Report
    from vsrife.footage import Footage

__all__ = ["MADE", "PUBLISHED", "Comparison", "compare", "figures", "pictures", "summary"]

MADE, PUBLISHED = "made", "published"
HALF = Fraction(1, 2)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, eq=False)
class Comparison:
    """A survey of a clip and the figures of frames that were dropped and interpolated again.

    Args:
        survey: survey of all frames.
        report: figures of the rebuilt frames.
        moments: the moments to show, each with its description.
    """

    survey: Survey
    report: Report
    moments: dict[Place, str]


@named("compare")
def compare(
    footage: Footage,
    predictor: EnginePredictor,
    choice: Choice,
    seconds: Sequence[float] = (),
    *,
    published: EnginePredictor | None = None,
    worst: int = 1,
    on_survey: Callable[[int], object] = lambda done: None,
    on_rebuild: Callable[[int, int], object] = lambda done, all_of_them: None,
) -> Comparison:
    """Survey a clip, interpolate every other frame again in as many places as a mean needs, and choose moments.

    Args:
        footage: the clip.
        predictor: the model.
        choice: the part of it, and the size that pictures are shrunk to.
        seconds: moments to show, after the source's start.
        published: the model in its published form, to be measured beside the other; None leaves it out.
        worst: how many of the places furthest from the truth to show, where no moments are given.
        on_survey: takes the number of frames that were surveyed.
        on_rebuild: takes the numbers of places that were interpolated again, and of all places.

    Raises:
        RifeError: the part has fewer than 2 frames or not all moments, or a frame cannot be read or made.
    """
    engine = predictor.engine
    survey = survey_clip(footage, choice.within(footage.length), FlowFinder(engine), on_survey)
    begin, end = float(survey.times[0]), float(survey.times[0]) + survey.seconds
    for second in seconds:
        if not begin <= second <= end:
            raise ArgumentError("at", second, f"seconds of the part, {begin:g} to {end:g}")
    scale = choice.scale(footage.width, footage.height)
    places = rebuilt_places(survey)
    measured = spread(places)

    def cases() -> Iterator[Case]:
        for done, place in enumerate(measured, 1):
            yield case_of(footage, survey, place, scale)
            on_rebuild(done, len(measured))

    report = evaluate(
        cases(),
        ({PUBLISHED: published} if published else {}) | {MADE: predictor},
        ("psnr", "ssim", "sharpness"),
        suite=footage.name,
        device=engine.device if engine.device.type == "cuda" else None,
        workers=engine.executor.concurrency,
    )
    names = {place.name: place for place in measured}
    psnr = {names[score.case]: score.figures["psnr"] for score in report.scores if score.model == MADE}
    return Comparison(survey, report, chosen(survey, places, psnr, seconds, worst))


def pictures(
    footage: Footage,
    comparison: Comparison,
    predictor: EnginePredictor,
    scale: Fraction,
    flow_scale: float = 1,
    published: EnginePredictor | None = None,
) -> list[Shown]:
    """Interpolate the moments and collect their pictures.

    Args:
        footage: the clip.
        comparison: comparison of the clip.
        predictor: the model.
        scale: factor of the pictures' sides.
        flow_scale: the filter's argument `scale`, for the flow that is drawn.
        published: the model in its published form; None leaves its pictures out.

    Raises:
        RifeError: a frame cannot be read or made.
    """
    finder = FlowFinder(predictor.engine, flow_scale)
    shown = []
    for letter, (place, what) in zip(LETTERS, comparison.moments.items(), strict=False):
        case = case_of(footage, comparison.survey, place, scale)
        ends, truth = (case.first, case.last), case.truths[0] if case.truths else None
        time = truth.time if truth else HALF
        second = float(comparison.survey.times[place.first - comparison.survey.first + (truth is not None)])
        made = predictor(*ends, time)
        true = truth.picture if truth else None
        plain = published(*ends, time) if published else None
        shown.append(Shown(letter, what, place, second, *ends, blend(*ends, time), made, true, finder(*ends), plain))
    return shown


def figures(report: Report) -> str:
    """The mean figures in one line; empty without any."""
    if not report.pictures:
        return ""
    parts = []
    for model in report.models:
        psnr, ssim, sharpness = (report.mean(model, metric) for metric in report.metrics)
        parts.append(f"{model} {psnr:.2f} dB, SSIM {ssim:.4f}, sharpness {sharpness:.2f}")
    return f"{report.pictures} frames dropped and made again: {'; '.join(parts)}"


def summary(footage: Footage, comparison: Comparison) -> str:
    """The survey and the figures in a few lines."""
    survey = comparison.survey
    durations = survey.durations
    rate = f"{1 / float(np.median(durations)):.5g} frames a second"
    if survey.uneven:
        low, high = (1 / float(durations.max()), 1 / float(durations.min()))
        rate = f"variable frame rate, {low:.4g} to {high:.4g}, mostly {rate}"
    count = len(survey)
    lines = [
        f"{footage.name}: {footage.width}x{footage.height}, {count} frames, {clock(survey.seconds, 1)}, {rate}",
        _cuts(survey),
        f"repeated frames {_share(survey.repeated)}, frames of pictures at rest {_share(survey.still)}",
    ]
    moved = ~np.isnan(survey.high)
    if moved.any():
        peak = int(np.nanargmax(survey.high))
        lines.append(
            f"motion in pixels a frame: median {survey.middle[moved].mean():.1f}, 95th percentile "
            f"{survey.high[moved].mean():.1f} (means of all frames); most {survey.high[peak]:.1f} at "
            f"{clock(float(survey.times[peak]), 2)}, frame {survey.first + peak}"
        )
    lines.append(figures(comparison.report) or "nothing to measure: no three pictures of a shot that are all unlike")
    return "\n".join(lines)


def _cuts(survey: Survey) -> str:
    cuts = [clock(float(second), 2) for second in survey.times[survey.cut]]
    if not cuts:
        return "no cuts"
    more = f" and {len(cuts) - 12} more" if len(cuts) > 12 else ""
    return f"{len(cuts)} cut{'s' if len(cuts) > 1 else ''}: {', '.join(cuts[:12])}{more}"


def _share(marks: NDArray[np.bool_]) -> str:
    return f"{100 * marks.mean():.1f} %"
