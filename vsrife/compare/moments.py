"""What is shown of a clip: places where every other frame is dropped and made again, and the few worth a look."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from vsrife.evaluation import Case, Truth

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vsrife.compare.survey import Survey
    from vsrife.footage import Footage, Frame

__all__ = ["Place", "case_of", "chosen", "rebuilt_places", "spread"]

MOST = 60
"""Places that are measured of a clip, spread over it evenly."""
APART = 12
"""Moments are at least the clip's length over so many away from one another."""
WORST, LARGEST, LARGE, TYPICAL = "furthest from the truth", "largest motion", "large motion", "typical motion"
FAR = "far from the truth"


@dataclass(frozen=True)
class Place:
    """A pair of frames between which a picture is made.

    Args:
        first: number of the pair's first frame.
        last: of its last one: the next, or with a true frame between the two the next but one.
    """

    first: int
    last: int

    @property
    def truth(self) -> int | None:
        """The number of the frame that was there."""
        return self.first + 1 if self.last == self.first + 2 else None

    @property
    def name(self) -> str:
        """Unlike that of every other place."""
        return f"{self.first}-{self.last}"


def rebuilt_places(survey: Survey) -> list[Place]:
    """Those of which every other frame is dropped: pairs with a third picture of the shot between them, all unlike."""
    stop = survey.first + len(survey) - 2
    return [Place(n, n + 2) for n in range(survey.first, stop, 2) if survey.joined(n, n + 2)]


def spread(places: Sequence[Place], most: int = MOST) -> list[Place]:
    """So many of them at most, from all over."""
    count = min(len(places), most)
    return [places[(2 * k + 1) * len(places) // (2 * count)] for k in range(count)]


def case_of(footage: Footage, survey: Survey, place: Place, scale: Fraction) -> Case:
    """A place's pictures, and where there is one the true picture, at its own time.

    Raises:
        RifeError: a frame cannot be read.
    """
    frames = list(footage.frames(place.first, place.last + 1, scale=scale))
    truths = tuple(Truth(_time(frames, survey), frame.rgb) for frame in frames[1:-1])
    return Case(place.name, frames[0].rgb, frames[-1].rgb, truths)


def chosen(
    survey: Survey,
    places: Sequence[Place],
    psnr: Mapping[Place, float],
    seconds: Sequence[float] = (),
    worst: int = 1,
) -> dict[Place, str]:
    """The moments to be shown and what each is, in the order of the clip.

    Args:
        survey: of the clip.
        places: where there is a true frame.
        psnr: how near what was made came, of those that were measured.
        seconds: moments that were asked for, after the source's start; without any these are the one furthest
            from the truth, one of large motion elsewhere, and one that moves as most do.
        worst: how many of those far from the truth there are at most, all of them apart.
    """
    found: dict[Place, str] = {}
    pairs = [Place(n, n + 1) for n in range(survey.first, survey.first + len(survey) - 1)]
    known = places or [pair for pair in pairs if survey.joined(pair.first, pair.last)] or pairs
    if seconds:
        for second in seconds:
            number = survey.first + int(np.abs(survey.times - second).argmin())
            around = Place(number - 1, number + 1), Place(number, number + 1), Place(number - 1, number)
            joined = [place for place in around if survey.joined(place.first, place.last)]
            nearest = sorted(known, key=lambda place: abs(place.first + 0.5 - number))
            found[(joined or nearest)[0]] = "as asked for"
        return dict(sorted(found.items(), key=lambda item: item[0].first))
    motion = {place: _motion(survey, place) for place in known}
    usual = float(np.median(list(motion.values())))
    away = max(1, len(survey) // APART)
    largest = max(known, key=lambda place: motion[place])
    if psnr:
        furthest = min(psnr, key=lambda place: psnr[place])
        found[furthest] = f"{LARGEST}, {WORST}" if furthest == largest else WORST
    for name, order in (
        (LARGEST, lambda place: -motion[place]),
        (TYPICAL, lambda place: abs(motion[place] - usual)),
    ):
        apart = [place for place in known if all(abs(place.first - other.first) >= away for other in found)]
        if apart:
            place = min(apart, key=order)
            found[place] = LARGE if name == LARGEST and place != largest else name
    for place in sorted(psnr, key=lambda place: psnr[place]):
        if worst > 1 and all(abs(place.first - other.first) >= away for other in found):
            found[place] = FAR
            worst -= 1
    return dict(sorted(found.items(), key=lambda item: item[0].first))


def _motion(survey: Survey, place: Place) -> float:
    """How far the fast parts go between a place's frames."""
    inner = slice(place.first - survey.first + 1, place.last - survey.first + 1)
    return float(np.nan_to_num(survey.high[inner]).sum())


def _time(frames: Sequence[Frame], survey: Survey) -> Fraction:
    """When the middle one of three frames is shown."""
    first, middle, last = (frame.time for frame in frames)
    return (middle - first) / (last - first) if survey.uneven else Fraction(1, 2)
