"""All decisions about a film's output, as data: what a resumed run, or another machine, works by."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from vsrife.errors import RifeError, shown

if TYPE_CHECKING:
    from vsrife.film.encoder import Recipe
    from vsrife.film.source import Film

__all__ = ["FINEST", "Job", "Segment", "load_job", "own_version", "tick_of"]

FINEST = 2**31 - 1
"""Ticks in a second that every container takes."""
MICROSECOND = Fraction(1, 1_000_000)
PART = "first", "stop"
"""Fields of a film that start and duration decide."""
OPTIONS = {"segment_seconds": "segment"}
"""Fields whose option has another name."""
RATE = "multi", "fps_num", "fps_den", "factor_num", "factor_den"
"""Arguments that multi and fps decide."""


@dataclass(frozen=True)
class Segment:
    """A run of output frames, `first` to before `stop`, that is one file."""

    number: int
    first: int
    stop: int

    @property
    def length(self) -> int:
        return self.stop - self.first

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{self.number:05d}.mkv"


@dataclass(frozen=True)
class Job:
    """The output of one film, all but its path.

    Args:
        version: of this package.
        film: the source.
        arguments: of the filter, names and values.
        weights: a hash of the model's file where one is named.
        rate: output frames a second where that is constant, else None.
        multi: output frames for each source frame, where no rate is asked for.
        frames: of the output.
        recipe: how they are encoded.
        segment_seconds: a segment's nominal length, in seconds of the source.
        segments: the frames of each file.
    """

    version: str
    film: Film
    arguments: tuple[tuple[str, Any], ...]
    weights: str
    rate: Fraction | None
    multi: Fraction
    frames: int
    recipe: Recipe
    segment_seconds: Fraction
    segments: tuple[Segment, ...] = ()

    @cached_property
    def tick(self) -> Fraction:
        """Seconds of a unit of the output's times."""
        return Fraction(self.recipe.tick)

    def time(self, n: int) -> int:
        """The time of output frame n, in ticks after the first frame; of n = `frames`, the end of the last one."""
        if self.rate is not None:
            return n
        whole, rest = divmod(Fraction(n) / self.multi, 1)
        k = int(whole)
        if k >= self.film.length:
            return round(self.film.seconds / self.tick)
        start, end = self.film.shown(k), self.film.shown(k + 1)
        return round((start + rest * (end - start)) / self.tick)

    def at(self, k: int) -> int:
        """The first output frame that is shown no earlier than frame k of the film's part."""
        position = k * self.multi if self.rate is None else self.film.shown(k) * self.rate
        return min(self.frames, int(-(-position // 1)))

    def text(self) -> str:
        """The job as JSON, as the work folder stores it."""
        return json.dumps(asdict(self), default=str) + "\n"

    def difference(self, stored: dict[str, Any]) -> str | None:
        """The first difference to a stored job, in a few words; None where only the segments differ."""
        own = json.loads(self.text())
        for name in (field.name for field in fields(self) if field.name != "segments"):
            was, now = stored[name], own[name]
            if was == now:
                continue
            if name == "arguments":
                was, now = dict(was), dict(now)
                argument = next(key for key in {**was, **now} if was.get(key) != now.get(key))
                if argument in RATE:
                    return "multi or fps was another one"
                return f"{argument} was {shown(was.get(argument))}, is {shown(now.get(argument))}"
            if isinstance(was, dict):
                part = next(key for key in now if was.get(key) != now[key])
                if part == "changed":
                    return "the film was modified since then"
                if part in PART:
                    return "start or duration was another one"
                return f"{name}'s {part} was {shown(was.get(part))}, is {shown(now[part])}"
            name = OPTIONS.get(name, name)
            return f"{name} was {shown(was)}, is {shown(now)}"
        return None


def load_job(text: str) -> dict[str, Any]:
    """A stored job: its JSON by the names of `Job`, its segments as `Segment`.

    Raises:
        RifeError: it is no job of this version.
    """
    try:
        stored: dict[str, Any] = json.loads(text)
        if set(stored) != {field.name for field in fields(Job)}:
            raise KeyError
        return {**stored, "segments": tuple(Segment(**segment) for segment in stored["segments"])}
    except (ValueError, TypeError, KeyError) as error:
        raise RifeError("job.json is not one of this version") from error


def tick_of(film: Film, rate: Fraction | None, multi: Fraction) -> Fraction:
    """The unit in which all output times are whole numbers; a microsecond where that would be too fine."""
    if rate is not None:
        return 1 / rate
    tick = film.tick / multi.numerator
    return tick if tick.denominator <= FINEST else MICROSECOND


def own_version() -> str:
    """The version of this package."""
    try:
        return version("vsrife")
    except PackageNotFoundError:
        return "unknown"
