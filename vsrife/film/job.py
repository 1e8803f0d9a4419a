"""Everything that decides what a film becomes, as data: what a resumed run, or another machine, goes by."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from vsrife.errors import RifeError
from vsrife.film.encoder import Recipe
from vsrife.film.source import Film
from vsrife.film.tags import Mastering, Tags

__all__ = ["Job", "Segment", "own_version"]

FINEST = 2**31 - 1
"""Ticks in a second that every container takes."""
MICROSECOND = Fraction(1, 1_000_000)
PART = "first", "stop"
"""Of a film, what start and duration decide."""
RATE = "multi", "fps_num", "fps_den", "factor_num", "factor_den"
"""Arguments that multi and fps decide."""


@dataclass(frozen=True)
class Segment:
    """A run of output frames that is one file.

    Args:
        number: from 0.
        first: its first output frame.
        stop: the frame before which it ends.
    """

    number: int
    first: int
    stop: int

    @property
    def length(self) -> int:
        """Its frames."""
        return self.stop - self.first

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.number:05d}.mkv"


@dataclass(frozen=True)
class Job:
    """One film made into another, all but where it goes.

    Args:
        version: of this package.
        film: the source.
        arguments: of the filter, by name, those that are given.
        weights: a hash of the model's file where one is named.
        rate: output frames a second where that is constant, else None.
        multi: output frames for each source frame, where no rate is asked for.
        frames: of the output.
        recipe: how they are encoded.
        every: seconds of the source a segment has, nominally.
        segments: which frames make up which file.
    """

    version: str
    film: Film
    arguments: tuple[tuple[str, Any], ...]
    weights: str
    rate: Fraction | None
    multi: Fraction
    frames: int
    recipe: Recipe
    every: Fraction
    segments: tuple[Segment, ...] = ()

    @cached_property
    def tick(self) -> Fraction:
        """Seconds of a unit of the output's times."""
        return Fraction(self.recipe.tick)

    def time(self, n: int) -> int:
        """When output frame n is shown, in ticks after the first; for n = `frames`, when the last one ends."""
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

    @property
    def key(self) -> str:
        """A hash of all of it."""
        return hashlib.sha256(self.text().encode()).hexdigest()

    def text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), default=str) + "\n"

    @classmethod
    def from_text(cls, text: str) -> Job:
        """Of its JSON.

        Raises:
            RifeError: it is not one of this version.
        """
        try:
            said = json.loads(text)
            film = {**said["film"], "times": tuple(said["film"]["times"])}
            for name in ("rate", "start", "tick"):
                film[name] = Fraction(film[name])
            recipe = dict(said["recipe"])
            tags = dict(recipe["tags"])
            mastering = {name: tuple(value) for name, value in tags["mastering"].items()}
            recipe["tags"] = Tags(**{**tags, "mastering": Mastering(**mastering)})
            recipe["options"] = _pairs(recipe["options"])
            return cls(
                **{
                    **said,
                    "film": Film(**film),
                    "arguments": _pairs(said["arguments"]),
                    "rate": None if said["rate"] is None else Fraction(said["rate"]),
                    "multi": Fraction(said["multi"]),
                    "recipe": Recipe(**recipe),
                    "every": Fraction(said["every"]),
                    "segments": tuple(Segment(**segment) for segment in said["segments"]),
                }
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RifeError("job.json is not one of this version") from error

    def difference(self, other: Job) -> str | None:
        """What another job has differently, in a few words; None where nothing but the segments, which follow."""
        for item in fields(self):
            if item.name == "segments":
                continue
            mine, theirs = getattr(self, item.name), getattr(other, item.name)
            if mine == theirs:
                continue
            if item.name in ("film", "recipe"):
                name = next(f.name for f in fields(mine) if getattr(mine, f.name) != getattr(theirs, f.name))
                mine, theirs = getattr(mine, name), getattr(theirs, name)
                if name in PART:
                    return "start or duration was another one"
                return f"{item.name}'s {name} was {_brief(theirs)}, is {_brief(mine)}"
            if item.name == "arguments":
                before, now = dict(theirs), dict(mine)
                name = next(n for n in {**before, **now} if before.get(n) != now.get(n))
                if name in RATE:
                    return "multi or fps was another one"
                return f"{name} was {_brief(before.get(name))}, is {_brief(now.get(name))}"
            return f"{item.name} was {_brief(theirs)}, is {_brief(mine)}"
        return None


def tick_of(film: Film, rate: Fraction | None, multi: Fraction) -> Fraction:
    """The unit in which all output frames' times are whole numbers; a microsecond where that is too fine."""
    if rate is not None:
        return 1 / rate
    tick = film.tick / multi.numerator
    return tick if tick.denominator <= FINEST else MICROSECOND


def own_version() -> str:
    """Of this package."""
    try:
        return version("vsrife")
    except PackageNotFoundError:
        return "unknown"


def _pairs(said: Any) -> tuple[tuple[str, Any], ...]:
    return tuple((str(name), value) for name, value in said)


def _brief(value: object) -> str:
    shown = str(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
