"""What a user asks for, checked once, and the job that it is with a film."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from vsrife.errors import ArgumentError, RifeError
from vsrife.film.encoder import recipe_for
from vsrife.film.encoders import EncoderOptions
from vsrife.film.job import Job, own_version, tick_of
from vsrife.film.render import interpolated, part_of
from vsrife.film.segments import plan
from vsrife.film.source import probe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import vapoursynth as vs

    from vsrife.film.encoder import Progress
    from vsrife.film.source import Film

__all__ = ["Planned", "Request", "filter_arguments", "plan_job", "script_of"]

EVERY = Fraction(10)
SHORTEST, LONGEST = Fraction(1, 2), Fraction(3600)
"""Seconds of a segment."""
OWN = ("multi", "factor_num", "factor_den", "fps_num", "fps_den", "timecodes", "vfr", "positions")
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
        arguments: of the filter, by name, as `filter_arguments` gives them.
        encoder: how frames are encoded.
        start: seconds into the film at which to begin.
        duration: seconds of the film to make.
        preview: make ten seconds, from the middle where no start is given.
        every: seconds of the source in each segment.

    Raises:
        RifeError: one is outside what is allowed.
    """

    multi: Fraction | None = None
    fps: Fraction | None = None
    arguments: tuple[tuple[str, Any], ...] = ()
    encoder: EncoderOptions = AUTOMATIC
    start: Fraction | None = None
    duration: Fraction | None = None
    preview: bool = False
    every: Fraction = EVERY

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
        if not SHORTEST <= self.every <= LONGEST:
            raise ArgumentError("segment", float(self.every), f"{float(SHORTEST)} to {LONGEST} s")

    def part(self, film: Film) -> Film:
        """What of the film is made."""
        start, duration = self.start, self.duration
        if self.preview:
            duration = duration or PREVIEW
            start = max(Fraction(0), (film.seconds - duration) / 2) if start is None else start
        return film if start is None and duration is None else film.part(start, duration)


@dataclass(frozen=True)
class Planned:
    """A job, and what is open for it.

    Args:
        job: it.
        source: the film's part.
        clip: the output.
    """

    job: Job
    source: vs.VideoNode
    clip: vs.VideoNode


def filter_arguments(settings: Iterable[tuple[str, str]]) -> tuple[tuple[str, Any], ...]:
    """The filter's arguments from text, each as its own type, checked as far as that goes without a clip.

    Args:
        settings: names and values; of a name given twice the last one counts.

    Raises:
        RifeError: a name that is not one, or a value that is not allowed.
    """
    from vsrife.plugin.arguments import Arguments, arguments_of

    known = [name for name in arguments_of("RIFE") if name not in (*OWN, *NOT_HERE)]
    hints = get_type_hints(Arguments)
    typed: dict[str, Any] = {}
    for name, text in settings:
        if name in OWN:
            raise RifeError(f"set must not name {name}, which follows from the film and --multi or --fps")
        if name not in known:
            raise ArgumentError("set", name, f"one of {', '.join(known)}", verb="name")
        kind = next(kind for kind in (int, float, str) if kind is hints[name] or kind in _options(hints[name]))
        try:
            typed[name] = kind(text)
        except ValueError as error:
            what = {int: "an integer", float: "a number"}[kind]
            raise ArgumentError(name, text, what) from error
    if "model_path" in typed:
        typed["model_path"] = str(Path(typed["model_path"]).expanduser().absolute())
    Arguments(**typed)
    return tuple(sorted(typed.items()))


def plan_job(
    source: Path,
    suffix: str,
    request: Request,
    log: Callable[[str], None] = lambda line: None,
    watch: Progress | None = None,
    before: Job | None = None,
) -> Planned:
    """The job of a film.

    Args:
        source: the film.
        suffix: what the output ends in.
        request: what is asked for.
        log: told what the user may want to know.
        watch: told how many of how many segments' ends are found.
        before: a job whose segments are taken where it is the same otherwise.

    Raises:
        RifeError: the film or the request cannot be used.
    """
    film = request.part(probe(source, log))
    multi = request.multi or Fraction(2)
    arguments = dict(request.arguments)
    if request.fps is not None:
        rate: Fraction | None = request.fps
        arguments |= {"fps_num": request.fps.numerator, "fps_den": request.fps.denominator}
        if not film.times:
            arguments["vfr"] = 0
    else:
        rate = None if film.times else film.rate * multi
        arguments |= {"factor_num": multi.numerator, "factor_den": multi.denominator}
    if request.fps is not None:
        multi = request.fps / film.rate
    mean = rate or film.rate * multi
    if rate is not None and max(rate.numerator, rate.denominator) > INT32:
        raise RifeError(f"the new frame rate must be a fraction of 32-bit integers, got {rate}")
    part = part_of(film)
    tick = tick_of(film, rate, multi)
    properties = dict(part.get_frame(0).props)
    if film.turned and "_SARNum" in properties and "_SARDen" in properties:
        properties["_SARNum"], properties["_SARDen"] = properties["_SARDen"], properties["_SARNum"]
    recipe = recipe_for(part, properties, request.encoder, suffix, mean, tick, log)
    clip = interpolated(film, arguments, part)
    given = tuple(sorted(arguments.items()))
    weights = _hash(arguments.get("model_path"))
    job = Job(own_version(), film, given, weights, rate, multi, clip.num_frames, recipe, request.every)
    if before is not None and job.difference(before) is None:
        return Planned(replace(job, segments=before.segments), part, clip)
    if request.preview:
        job = replace(job, every=max(request.every, film.seconds * 2))
    return Planned(replace(job, segments=plan(job, part, watch)), part, clip)


def script_of(source: Path, request: Request) -> str:
    """A script that gives the same frames, for vspipe and whoever wants to change it.

    Raises:
        RifeError: the film or the request cannot be used.
    """
    film = request.part(probe(source))
    if film.track < 0:
        raise ArgumentError("source", film.path, "no script where a script is asked for")
    said: dict[str, Any] = {}
    if request.fps is not None:
        said |= {"fps_num": request.fps.numerator, "fps_den": request.fps.denominator, "vfr": int(bool(film.times))}
    else:
        multi = request.multi or Fraction(2)
        said |= {"factor_num": multi.numerator, "factor_den": multi.denominator}
    said |= dict(request.arguments)
    end = []
    if request.fps is not None and film.times:
        # the script does not know how long the last frame lasts
        count = interpolated(film, {"fps_num": said["fps_num"], "fps_den": said["fps_den"]}).num_frames
        end = [f"clip = (clip + clip[-1] * {count})[:{count}]"]
    arguments = ", ".join(f"{name}={value!r}" for name, value in said.items())
    lines = [
        "from vapoursynth import core",
        "",
        f"clip = core.bs.VideoSource({film.path!r}, track={film.track}, apply_rotation=1)",
        *([f"clip = clip[{film.first}:{film.stop}]"] if film.is_part else []),
        f"clip = core.rife.RIFE(clip, {arguments})",
        *end,
        "clip.set_output()",
    ]
    return "\n".join(lines) + "\n"


def _options(hint: Any) -> tuple[Any, ...]:
    return getattr(hint, "__args__", ())


def _hash(path: Any) -> str:
    if not path or not Path(path).is_file():
        return ""
    return sha256(Path(path).read_bytes()).hexdigest()


def _brief(text: str) -> str:
    shown = text if text and text.isprintable() else repr(text)
    return shown if len(shown) <= 60 else shown[:57] + "..."
