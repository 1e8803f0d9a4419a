"""A clip compared: looked over, made again in places, and told in a few lines."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from vsrife.compare.flow import FlowFinder
from vsrife.compare.moments import case_of, chosen, rebuilt_places, spread
from vsrife.compare.sheet import Shown, clock
from vsrife.compare.survey import survey
from vsrife.errors import ArgumentError, named
from vsrife.evaluation import BASELINE, blend, evaluate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from vsrife.compare.moments import Place
    from vsrife.compare.survey import Survey
    from vsrife.evaluation import Case, Choice, EnginePredictor, Report
    from vsrife.footage import Footage

__all__ = ["Comparison", "compare", "figures", "pictures", "summary"]

MADE = "made"
HALF = Fraction(1, 2)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, eq=False)
class Comparison:
    """What was found out about a clip.

    Args:
        survey: of all its frames.
        report: what was measured where frames were made again.
        moments: the few to be shown, and what each is.
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
    looked: Callable[[int], object] = lambda done: None,
    remade: Callable[[int, int], object] = lambda done, all_of_them: None,
) -> Comparison:
    """Look over a clip, make every other frame again in as many places as a mean needs, and choose moments.

    Args:
        footage: the clip.
        predictor: the model.
        choice: the part of it, and the size that pictures are shrunk to.
        seconds: moments to show, after the source's start.
        looked: told how many frames were looked at.
        remade: told how many of how many places were made again.

    Raises:
        RifeError: the part has fewer than 2 frames or not all moments, or a frame cannot be read or made.
    """
    engine = predictor.engine
    seen = survey(footage, choice.within(footage.length), FlowFinder(engine), looked)
    begin, end = float(seen.times[0]), float(seen.times[0]) + seen.seconds
    for second in seconds:
        if not begin <= second <= end:
            raise ArgumentError("at", second, f"seconds of the part looked at, {begin:g} to {end:g}")
    scale = choice.scale(footage.width, footage.height)
    places = rebuilt_places(seen)
    measured = spread(places)

    def cases() -> Iterator[Case]:
        for done, place in enumerate(measured, 1):
            yield case_of(footage, seen, place, scale)
            remade(done, len(measured))

    report = evaluate(
        cases(),
        {MADE: predictor},
        ("psnr", "ssim", "sharpness"),
        suite=footage.name,
        device=engine.device if engine.device.type == "cuda" else None,
        workers=engine.executor.concurrency,
    )
    names = {place.name: place for place in measured}
    psnr = {names[score.case]: score.figures["psnr"] for score in report.scores if score.model == MADE}
    return Comparison(seen, report, chosen(seen, places, psnr, seconds))


def pictures(
    footage: Footage, found: Comparison, predictor: EnginePredictor, scale: Fraction, flow_scale: float = 1
) -> list[Shown]:
    """The moments with their pictures.

    Args:
        footage: the clip.
        found: what was found out about it.
        predictor: the model.
        scale: what its sides are multiplied by.
        flow_scale: the filter's argument `scale`, for the motion that is shown.

    Raises:
        RifeError: a frame cannot be read or made.
    """
    finder = FlowFinder(predictor.engine, flow_scale)
    shown = []
    for letter, (place, what) in zip(LETTERS, found.moments.items(), strict=False):
        case = case_of(footage, found.survey, place, scale)
        ends, truth = (case.first, case.last), case.truths[0] if case.truths else None
        time = truth.time if truth else HALF
        second = float(found.survey.times[place.first - found.survey.first + (truth is not None)])
        made = predictor(*ends, time)
        true = truth.picture if truth else None
        shown.append(Shown(letter, what, place, second, *ends, blend(*ends, time), made, true, finder(*ends)))
    return shown


def figures(report: Report) -> str:
    """What was measured, in a line; empty where nothing was."""
    if not report.pictures:
        return ""
    told = []
    for model in (BASELINE, MADE):
        psnr, ssim, sharpness = (report.mean(model, metric) for metric in report.metrics)
        told.append(f"{model} {psnr:.2f} dB, SSIM {ssim:.4f}, sharpness {sharpness:.2f}")
    return f"{report.pictures} frames dropped and made again: {'; '.join(told)}"


def summary(footage: Footage, found: Comparison) -> str:
    """All that was found, in a few lines."""
    seen = found.survey
    durations = seen.durations
    rate = f"{1 / float(np.median(durations)):.5g} frames a second"
    if seen.uneven:
        low, high = (1 / float(durations.max()), 1 / float(durations.min()))
        rate = f"variable frame rate, {low:.4g} to {high:.4g}, mostly {rate}"
    count = len(seen)
    lines = [
        f"{footage.name}: {footage.width}x{footage.height}, {count} frames, {clock(seen.seconds, 1)}, {rate}",
        _cuts(seen),
        f"repeated frames {_share(seen.repeated)}, frames of pictures at rest {_share(seen.still)}",
    ]
    moved = ~np.isnan(seen.high)
    if moved.any():
        peak = int(np.nanargmax(seen.high))
        lines.append(
            f"motion in pixels a frame: median {seen.middle[moved].mean():.1f}, 95th percentile "
            f"{seen.high[moved].mean():.1f} (means of all frames); most {seen.high[peak]:.1f} at "
            f"{clock(float(seen.times[peak]), 2)}, frame {seen.first + peak}"
        )
    lines.append(figures(found.report) or "nothing to measure: no three pictures of a shot that are all unlike")
    return "\n".join(lines)


def _cuts(seen: Survey) -> str:
    cuts = [clock(float(second), 2) for second in seen.times[seen.cut]]
    if not cuts:
        return "no cuts"
    more = f" and {len(cuts) - 12} more" if len(cuts) > 12 else ""
    return f"{len(cuts)} cut{'s' if len(cuts) > 1 else ''}: {', '.join(cuts[:12])}{more}"


def _share(marks: NDArray[np.bool_]) -> str:
    return f"{100 * marks.mean():.1f} %"
