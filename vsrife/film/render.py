"""Output frames of a job, a segment at a time: the same bytes in any process."""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fractions import Fraction
from hashlib import file_digest, sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrife.errors import ArgumentError, RifeError, first_line
from vsrife.film.encoder import add_video, encode, media_file
from vsrife.film.formats import convert
from vsrife.film.progress import StoppedError
from vsrife.film.source import film_clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    import vapoursynth as vs

    from vsrife.film.job import Job, Segment
    from vsrife.film.progress import Log, Progress
    from vsrife.film.source import Film

__all__ = [
    "Rendered",
    "finished_segment",
    "intact_segment",
    "interpolated_clip",
    "part_of",
    "render_segment",
    "store_segment",
]

NUMBERED = Fraction(1, 1000)
"""The unit of time in a segment's file: its timestamps count frames, as Matroska keeps whole milliseconds alone."""
AHEAD = 1000
"""Frames by which a segment's packets are decoded before they are shown, more than any encoder reorders."""
MILLISECOND_PLACES = 12


@dataclass(frozen=True)
class Rendered:
    """The record of a segment's file.

    Args:
        frames: their number.
        made: how many of them the network interpolated.
        bytes: the file's size.
        header: a hash of the encoder's header.
        digest: SHA-256 of the file.
    """

    frames: int
    made: int
    bytes: int
    header: str
    digest: str


def part_of(film: Film) -> vs.VideoNode:
    """The film's frames from `first` to `stop`, at the film's rate where that is constant."""
    import vapoursynth as vs

    clip = film_clip(Path(film.path), film.track)
    if clip.num_frames != film.frames:
        raise ArgumentError("source", clip.num_frames, f"{film.frames} frames as before", verb="have")
    if film.track >= 0 and not film.times and clip.fps != film.rate:  # what it announces is a mean of some times
        core: Any = vs.core
        clip = core.std.AssumeFPS(clip, fpsnum=film.rate.numerator, fpsden=film.rate.denominator)
    part: vs.VideoNode = clip[film.first : film.stop]
    return part


def interpolated_clip(film: Film, arguments: dict[str, Any], clip: vs.VideoNode | None = None) -> vs.VideoNode:
    """The film at its new rate.

    Args:
        film: the source.
        arguments: of the filter; the times of a film of variable rate are added to them.
        clip: the film's part, where it is open already.

    Raises:
        RifeError: the filter does not take an argument.
    """
    import vapoursynth as vs

    from vsrife.plugin.function import rife

    clip = part_of(film) if clip is None else clip
    with tempfile.TemporaryDirectory(prefix="vsrife-") as folder:
        if film.times:
            timecodes = Path(folder) / "times.txt"
            timecodes.write_text(_timecodes(film), encoding="ascii")
            arguments = {**arguments, "timecodes": str(timecodes)}
        try:
            interpolated = rife(clip, **arguments)
        except vs.Error as error:
            raise RifeError(f"{Path(film.path).name} cannot be interpolated ({first_line(error, 500)})") from error
    assert isinstance(interpolated, vs.VideoNode)
    return interpolated


def render_segment(
    job: Job, segment: Segment, path: Path, watch: Progress | None = None, clip: vs.VideoNode | None = None
) -> Rendered:
    """Interpolate and encode a segment's frames, into a file that is complete or absent.

    The file's timestamps count its frames; the job knows when they are shown. A JSON file of the same name with the
    segment's record is written last.

    Args:
        job: decides the frames and how they are encoded.
        segment: which frames.
        path: the file, in an existing folder.
        watch: called after each frame.
        clip: the job's `interpolated_clip`, where it is open already.

    Raises:
        RifeError: the film has changed, a frame cannot be made, or the file cannot be written.
    """
    import av
    import vapoursynth as vs

    from vsrife.footage.ahead import read_ahead

    _check_source(job)
    clip = interpolated_clip(job.film, dict(job.arguments)) if clip is None else clip
    if clip.num_frames != job.frames:
        raise ArgumentError("source", clip.num_frames, f"{job.frames} frames as planned", verb="give")
    clip = convert(clip, job.recipe.form)
    made = 0

    def timed() -> Iterator[tuple[vs.VideoFrame, int, int]]:
        nonlocal made
        base = job.time(segment.first)
        numbers = range(segment.first, segment.stop)
        for n, frame in zip(numbers, read_ahead(clip, numbers), strict=True):
            made += bool(frame.props.get("RifeMade"))
            start = job.time(n)
            yield frame, start - base, job.time(n + 1) - start
            if watch:
                watch(n + 1 - segment.first, segment.length)

    try:
        with media_file(path, kind=StoppedError) as partial:
            options = {"fflags": "+bitexact"}
            with av.open(str(partial), "w", format="matroska", container_options=options) as container:
                stream = add_video(container, job.recipe)
                numbers = {job.time(segment.first + n) - job.time(segment.first): n for n in range(segment.length)}
                count = 0
                for packet in encode(stream, job.recipe, timed()):
                    assert packet.pts is not None
                    packet.pts, packet.dts, packet.duration = numbers[packet.pts], count - AHEAD, 1
                    packet.time_base = NUMBERED
                    container.mux(packet)
                    count += 1
                header = sha256(stream.codec_context.extradata or b"").hexdigest()
            rendered = Rendered(segment.length, made, partial.stat().st_size, header, _digest(partial))
    except vs.Error as error:
        raise StoppedError(f"{Path(job.film.path).name} cannot be interpolated ({first_line(error, 500)})") from error
    if count != segment.length:
        raise RifeError(f"encoder {job.recipe.encoder} gave {count} packets for {segment.length} frames")
    _store_record(path, rendered)
    return rendered


@contextmanager
def store_segment(path: Path, rendered: Rendered) -> Iterator[Path]:
    """A path to write a rendered segment's file to; its record follows when the block ends.

    Raises:
        RifeError: it cannot be written.
    """
    with media_file(path, kind=StoppedError) as partial:
        yield partial
    _store_record(path, rendered)


def finished_segment(path: Path, segment: Segment) -> Rendered | None:
    """The record of a segment's file; None where the file is missing or incomplete. The file is not read."""
    try:
        rendered = Rendered(**json.loads(path.with_suffix(".json").read_text(encoding="utf-8")))
        complete = path.stat().st_size == rendered.bytes and rendered.frames == segment.length
    except (OSError, ValueError, TypeError):
        return None
    return rendered if complete else None


def intact_segment(path: Path, segment: Segment, log: Log) -> bool:
    """Whether a segment's file is there with the bytes that were written; says where it was there and no longer is."""
    rendered = finished_segment(path, segment)
    if rendered is None:
        if path.with_suffix(".json").exists():
            log(f"segment {segment.number} is damaged, it is encoded again")
        return False
    try:
        same = _digest(path) == rendered.digest
    except OSError:
        same = False
    if not same:
        log(f"segment {segment.number} was altered after it was encoded, it is encoded again")
    return same


def _store_record(path: Path, rendered: Rendered) -> None:
    with media_file(path.with_suffix(".json"), kind=StoppedError) as partial:
        partial.write_text(json.dumps(asdict(rendered)) + "\n", encoding="utf-8")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _check_source(job: Job) -> None:
    """Check that the film still is the one the job was planned for."""
    film = job.film
    try:
        size = Path(film.path).stat().st_size
    except OSError as error:
        raise RifeError(f"source must be a film, got {film.path} ({error.strerror})") from error
    if size != film.size:
        raise RifeError(f"source must be the film as planned, got {film.path} with another size")


def _timecodes(film: Film) -> str:
    """The part's times as a timecode file, to 1e-15 s."""
    lines = ["# timecode format v2"]
    for k in range(film.length + 1):
        whole, rest = divmod(film.shown(k) * 1000, 1)
        digits = f"{round(rest * 10**MILLISECOND_PLACES):0{MILLISECOND_PLACES}d}".rstrip("0") if rest else ""
        lines.append(f"{whole}.{digits}" if digits else str(whole))
    return "\n".join(lines) + "\n"
