"""A user's request, checked once, and the job that follows from it and the film."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrife.errors import ArgumentError, RifeError
from vsrife.film.encoder import recipe_for
from vsrife.film.encoders import EncoderOptions
from vsrife.film.job import Job, own_version, tick_of
from vsrife.film.progress import ignore
from vsrife.film.render import interpolated_clip, part_of
from vsrife.film.segments import plan_segments
from vsrife.film.source import film_clip, probe
from vsrife.plugin.arguments import Arguments, arguments_from_text, arguments_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import vapoursynth as vs

    from vsrife.film.progress import Log, Progress
    from vsrife.film.source import Film

__all__ = ["Planned", "Request", "filter_arguments", "plan_job", "script_of"]

SEGMENT_SECONDS = Fraction(10)
SHORTEST, LONGEST = Fraction(1, 2), Fraction(3600)
"""Seconds of a segment."""
FROM_FILM = ("multi", "factor_num", "factor_den", "fps_num", "fps_den", "timecodes", "vfr", "positions")
"""Arguments of the filter that follow from the film and the rate."""
NOT_HERE = ("sc_clip", "extra", "protect", "list_gpu")
MOST = 1000
"""Frames a second, or for each of the source's."""
INT32 = 2**31 - 1
PREVIEW = Fraction(10)
AUTOMATIC = EncoderOptions()


@dataclass(frozen=True)
class Request:
    """How a film is to be interpolated.

    Args:
        multi: output frames for each source frame; 2 where no rate is given either.
        fps: output frames a second.
        arguments: of the filter, as `filter_arguments` gives them.
        encoder: how frames are encoded.
        start: seconds into the film at which the output begins.
        duration: seconds of the film that it covers.
        preview: cover ten seconds, in the middle where no start is given.
        segment_seconds: seconds of the source in each segment.

    Raises:
        RifeError: a value is not allowed.
    """

    multi: Fraction | None = None
    fps: Fraction | None = None
    arguments: tuple[tuple[str, Any], ...] = ()
    encoder: EncoderOptions = AUTOMATIC
    start: Fraction | None = None
    duration: Fraction | None = None
    preview: bool = False
    segment_seconds: Fraction = SEGMENT_SECONDS

    def __post_init__(self) -> None:
        if self.multi is not None and self.fps is not None:
            raise RifeError("multi and fps must not both be given")
        for name in ("multi", "fps"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= MOST:
                raise ArgumentError(name, float(value), f"above 0 and at most {MOST}")
        if self.start is not None and self.start < 0:
            raise ArgumentError("start", self.start, "at least 0")
        if self.duration is not None and self.duration <= 0:
            raise ArgumentError("duration", self.duration, "above 0")
        if not SHORTEST <= self.segment_seconds <= LONGEST:
            raise ArgumentError("segment", float(self.segment_seconds), f"{float(SHORTEST)} to {LONGEST} s")

    def part(self, film: Film) -> Film:
        """The part of the film that the output covers."""
        start, duration = self.start, self.duration
        if self.preview:
            duration = duration or PREVIEW
            start = max(Fraction(0), (film.seconds - duration) / 2) if start is None else start
        return film if start is None and duration is None else film.part(start, duration)

    def rate_arguments(self) -> dict[str, int]:
        """The output rate as arguments of the filter."""
        if self.fps is not None:
            return {"fps_num": self.fps.numerator, "fps_den": self.fps.denominator}
        multi = self.multi or Fraction(2)
        return {"factor_num": multi.numerator, "factor_den": multi.denominator}


@dataclass(frozen=True)
class Planned:
    """A job, with its film's part (`source`) and the interpolated clip, both open."""

    job: Job
    source: vs.VideoNode
    clip: vs.VideoNode


def filter_arguments(settings: Iterable[tuple[str, str]]) -> tuple[tuple[str, Any], ...]:
    """Convert arguments of the filter from text, those that do not follow from the film; see `arguments_from_text`.

    Raises:
        RifeError: a name is unknown, or a value not allowed.
    """
    known = [name for name in arguments_of("RIFE") if name not in (*FROM_FILM, *NOT_HERE)]
    settings = list(settings)
    for name, _ in settings:
        if name in FROM_FILM:
            raise RifeError(f"set must not name {name}, which follows from the film and --multi or --fps")
        if name not in known:
            raise ArgumentError("set", name, f"one of {', '.join(known)}", verb="name")
    arguments = arguments_from_text(settings)
    path = Arguments(**arguments).path
    if path is not None:
        arguments["model_path"] = str(path.absolute())
    return tuple(sorted(arguments.items()))


def plan_job(
    source: Path,
    suffix: str,
    request: Request,
    log: Log = ignore,
    watch: Progress | None = None,
    before: dict[str, Any] | None = None,
) -> Planned:
    """Plan the job of a film.

    Args:
        source: the film.
        suffix: the output's.
        request: what the user asks for.
        log: takes lines about the film and the encoder.
        watch: called after each segment's boundary.
        before: the stored job of an earlier run, whose segments are taken where nothing differs.

    Raises:
        RifeError: the film or the request cannot be used.
    """
    film = request.part(probe(source, log))
    arguments = dict(request.arguments) | request.rate_arguments()
    rate: Fraction | None
    if request.fps is not None:
        multi, rate = request.fps / film.rate, request.fps
        if not film.times:
            arguments["vfr"] = 0
    else:
        multi = request.multi or Fraction(2)
        rate = None if film.times else film.rate * multi
    if rate is not None and max(rate.numerator, rate.denominator) > INT32:
        raise RifeError(f"the new frame rate must be a fraction of 32-bit integers, got {rate}")
    part = part_of(film)
    tick = tick_of(film, rate, multi)
    properties = dict(part.get_frame(0).props)
    if film.aspect is not None:
        properties |= {"_SARNum": film.aspect.numerator, "_SARDen": film.aspect.denominator}
    if film.turned and "_SARNum" in properties and "_SARDen" in properties:
        properties["_SARNum"], properties["_SARDen"] = properties["_SARDen"], properties["_SARNum"]
    recipe = recipe_for(part, properties, request.encoder, suffix, rate or film.rate * multi, tick, log)
    clip = interpolated_clip(film, arguments, part)
    weights = _hash_file(arguments.get("model_path"))
    ordered = tuple(sorted(arguments.items()))
    job = Job(own_version(), film, ordered, weights, rate, multi, clip.num_frames, recipe, request.segment_seconds)
    if before is not None and job.difference(before) is None:
        return Planned(replace(job, segments=before["segments"]), part, clip)
    if request.preview:
        job = replace(job, segment_seconds=max(request.segment_seconds, film.seconds * 2))
    return Planned(replace(job, segments=plan_segments(job, part, watch)), part, clip)


def script_of(source: Path, request: Request) -> str:
    """A script that gives the same frames, for vspipe and to be changed.

    Raises:
        RifeError: the film or the request cannot be used.
    """
    film = request.part(probe(source))
    if film.track < 0:
        raise ArgumentError("source", film.path, "no script where a script is asked for")
    rate: dict[str, Any] = request.rate_arguments()
    given = rate | ({} if request.fps is None else {"vfr": int(bool(film.times))}) | dict(request.arguments)
    end = []
    if request.fps is not None and film.times:
        # the script does not know the last frame's duration
        count = interpolated_clip(film, rate).num_frames
        end = [f"clip = (clip + clip[-1] * {count})[:{count}]"]
    assumed = []
    if not film.times and film_clip(Path(film.path), film.track).fps != film.rate:
        assumed = [f"clip = core.std.AssumeFPS(clip, fpsnum={film.rate.numerator}, fpsden={film.rate.denominator})"]
    arguments = ", ".join(f"{name}={value!r}" for name, value in given.items())
    lines = [
        "from vapoursynth import core",
        "",
        f"clip = core.bs.VideoSource({film.path!r}, track={film.track}, apply_rotation=1)",
        *assumed,
        *([f"clip = clip[{film.first}:{film.stop}]"] if film.is_part else []),
        f"clip = core.rife.RIFE(clip, {arguments})",
        *end,
        "clip.set_output()",
    ]
    return "\n".join(lines) + "\n"


def _hash_file(path: str | None) -> str:
    if not path or not Path(path).is_file():
        return ""
    return sha256(Path(path).read_bytes()).hexdigest()
