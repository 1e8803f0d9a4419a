"""Output frames of a job, a segment at a time: the same bytes in any process."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, dataclass
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrife.errors import ArgumentError, RifeError
from vsrife.film.encoder import add_video, encoded
from vsrife.film.files import FULL, whole
from vsrife.film.formats import converted
from vsrife.film.source import film_clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    import vapoursynth as vs

    from vsrife.film.encoder import Progress
    from vsrife.film.job import Job, Segment
    from vsrife.film.source import Film

__all__ = ["Rendered", "interpolated", "known_segment", "part_of", "render_segment"]

NUMBERED = Fraction(1, 1000)
"""The unit of time in a segment's file: frames are numbered by it, as Matroska keeps whole milliseconds alone."""
AHEAD = 1000
"""Frames by which a segment's packets are decoded before they are shown, more than any encoder reorders."""
MILLISECOND_PLACES = 12


@dataclass(frozen=True)
class Rendered:
    """What is known of a segment's file.

    Args:
        frames: in it.
        made: of them by the network.
        bytes: its size.
        header: a hash of what the encoder says once for all frames.
    """

    frames: int
    made: int
    bytes: int
    header: str


def part_of(film: Film) -> vs.VideoNode:
    """The film's frames that are made something of."""
    clip = film_clip(Path(film.path), film.track)
    if clip.num_frames != film.frames:
        raise ArgumentError("source", clip.num_frames, f"{film.frames} frames as before", verb="have")
    part: vs.VideoNode = clip[film.first : film.stop]
    return part


def interpolated(film: Film, arguments: dict[str, Any], clip: vs.VideoNode | None = None) -> vs.VideoNode:
    """The film at its new rate.

    Args:
        film: the source.
        arguments: of the filter; where the film's rate is variable, its times are told beside them.
        clip: the film's part, where it is open already.

    Raises:
        RifeError: an argument cannot be used; the line begins with `RIFE: `.
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
            made = rife(clip, **arguments)
        except vs.Error as error:
            raise RifeError(" ".join(str(error).split())) from error
    assert isinstance(made, vs.VideoNode)
    return made


def render_segment(
    job: Job, segment: Segment, path: Path, watch: Progress | None = None, clip: vs.VideoNode | None = None
) -> Rendered:
    """Make and encode a segment's frames, into a file that is there whole or not at all.

    The file holds frames by their numbers; when they are shown, the job says. Beside it lies a JSON file of the same
    name with what `Rendered` says, written last.

    Args:
        job: all that decides them.
        segment: which frames.
        path: the file, in a folder that is there.
        watch: told how many of the segment's frames are done.
        clip: what `interpolated` gave for the job, where it is there already.

    Raises:
        RifeError: the film is not as the job has it, a frame cannot be made, or the file cannot be written.
    """
    import av
    import vapoursynth as vs

    from vsrife.footage.ahead import read_ahead

    _check(job)
    clip = interpolated(job.film, dict(job.arguments)) if clip is None else clip
    if clip.num_frames != job.frames:
        raise ArgumentError("source", clip.num_frames, f"{job.frames} frames as planned", verb="give")
    clip = converted(clip, job.recipe.form)
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
        with whole(path, note=FULL) as partial:
            options = {"fflags": "+bitexact"}
            with av.open(str(partial), "w", format="matroska", container_options=options) as container:
                stream = add_video(container, job.recipe)
                numbers: dict[int, int] = {}
                for n in range(segment.length):
                    numbers[job.time(segment.first + n) - job.time(segment.first)] = n
                count = 0
                for packet in encoded(stream, job.recipe, timed()):
                    assert packet.pts is not None
                    packet.pts, packet.dts, packet.duration = numbers[packet.pts], count - AHEAD, 1
                    packet.time_base = NUMBERED
                    container.mux(packet)
                    count += 1
                header = sha256(stream.codec_context.extradata or b"").hexdigest()
            done = Rendered(segment.length, made, partial.stat().st_size, header)
    except vs.Error as error:
        said = " ".join(str(error).split())[:300]
        raise RifeError(f"{Path(job.film.path).name} cannot be made ({said})") from error
    if count != segment.length:
        raise RifeError(f"encoder {job.recipe.encoder} gave {count} packets for {segment.length} frames")
    with whole(path.with_suffix(".json"), note=FULL) as partial:
        partial.write_text(json.dumps(asdict(done)) + "\n", encoding="utf-8")
    return done


def known_segment(path: Path, segment: Segment) -> Rendered | None:
    """What is known of a segment's file where it is there whole."""
    try:
        done = Rendered(**json.loads(path.with_suffix(".json").read_text(encoding="utf-8")))
        return done if path.stat().st_size == done.bytes and done.frames == segment.length else None
    except (OSError, ValueError, TypeError):
        return None


def _check(job: Job) -> None:
    """That the film is the one the job is of."""
    film = job.film
    try:
        about = Path(film.path).stat()
    except OSError as error:
        raise RifeError(f"source must be a film, got {film.path} ({error.strerror})") from error
    if about.st_size != film.size:
        raise RifeError(f"source must be the film as planned, got {film.path} with another size")


def _timecodes(film: Film) -> str:
    """The part's times as a timecode file, to 1e-15 s."""
    lines = ["# timecode format v2"]
    for k in range(film.length + 1):
        milliseconds = film.shown(k) * 1000
        whole_part, rest = divmod(milliseconds, 1)
        digits = f"{round(rest * 10**MILLISECOND_PLACES):0{MILLISECOND_PLACES}d}".rstrip("0") if rest else ""
        lines.append(f"{whole_part}.{digits}" if digits else str(whole_part))
    return "\n".join(lines) + "\n"
