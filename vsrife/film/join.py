"""Joins segments and the source's other streams into one film, without encoding anything anew."""

from __future__ import annotations

import heapq
from contextlib import ExitStack
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrife.errors import RifeError
from vsrife.film.encoder import CONTAINERS, add_video, configure, media_file, open_encoder, state_aspect
from vsrife.film.encoders import encoder_context
from vsrife.film.formats import ALPHA_MODE
from vsrife.film.job import FINEST
from vsrife.film.others import add_others
from vsrife.film.progress import StoppedError, ignore
from vsrife.film.render import finished_segment
from vsrife.film.source import open_container

if TYPE_CHECKING:
    from collections.abc import Iterator

    import av
    from av.container import InputContainer, OutputContainer

    from vsrife.film.job import Job
    from vsrife.film.progress import Log, Progress
    from vsrife.film.render import Rendered

__all__ = ["join"]

Packets = Any
"""An iterator of a time, a tie-breaker, and a packet."""


def join(job: Job, folder: Path, target: Path, watch: Progress | None = None, log: Log = ignore) -> list[Rendered]:
    """Write the film, completely or not at all: the segments' packets at their exact times, and the other streams'.

    Args:
        job: the film's.
        folder: of the segments.
        target: the film's file.
        watch: called after each frame.
        log: takes a line about what the file cannot say.

    Returns:
        The segments' records.

    Raises:
        RifeError: a segment is missing or has another header, or the film cannot be written.
    """
    import av

    records: list[Rendered] = []
    for segment in job.segments:
        rendered = finished_segment(folder / segment.name, segment)
        if rendered is None:
            raise RifeError(f"segment {segment.number} must be complete, got none in {folder}")
        if records and rendered.header != records[0].header:
            raise RifeError(
                f"segment {segment.number} must be encoded like the others, got another header "
                "(another version of the encoder?); --overwrite encodes all of them again"
            )
        records.append(rendered)
    delay = _delay(job, folder)
    container_format = CONTAINERS[target.suffix.lower()]
    options = {"movflags": "+faststart"} if container_format in ("mp4", "mov") else {}
    with media_file(target, beside=folder, kind=StoppedError) as partial:
        with (
            ExitStack() as stack,
            av.open(str(partial), "w", format=container_format, options=options) as container,
        ):
            first = stack.enter_context(av.open(str(folder / job.segments[0].name)))
            stream = _add_pictures(container, job, first)
            source = stack.enter_context(open_container(Path(job.film.path))) if job.film.track >= 0 else None
            _mux(job, folder, container, stream, source, delay, watch)
        state_aspect(partial, job.recipe, log)
    return records


def _mux(
    job: Job,
    folder: Path,
    container: OutputContainer,
    stream: av.VideoStream,
    source: InputContainer | None,
    delay: int,
    watch: Progress | None,
) -> None:
    begin = Fraction(0)
    others: Packets = iter(())
    if source:
        zero = job.film.begins
        if not job.film.is_part and source.start_time is not None:
            zero = min(zero, Fraction(source.start_time, 1_000_000))
        begin = job.film.begins - zero
        end = job.film.begins + job.film.seconds if job.film.is_part else None
        others = add_others(container, source, job.film, zero, end)
        shown = source.streams[job.film.track]
        stream.metadata.update({k: v for k, v in shown.metadata.items() if k.lower() in ("title", "language")})
        stream.disposition = shown.disposition
    unit = job.tick
    if (begin / unit).denominator > 1:  # the first frame is off the output's grid: use a finer one
        finer = Fraction(1, lcm(unit.denominator, begin.denominator))
        unit = finer if finer.denominator <= FINEST else unit
    stream.time_base = unit
    container.start_encoding()
    pictures = _pictures(job, folder, stream, round(begin / unit), unit, delay, watch)
    for _, _, packet in heapq.merge(pictures, others, key=lambda entry: entry[:2]):
        container.mux(packet)


def _pictures(
    job: Job, folder: Path, stream: av.VideoStream, offset: int, unit: Fraction, delay: int, watch: Progress | None
) -> Iterator[tuple[Fraction, int, Any]]:
    """The segments' packets, with their decoding and presentation times in the output."""
    import av

    ratio = int(job.tick / unit)
    count = 0
    for segment in job.segments:
        inside = 0
        with av.open(str(folder / segment.name)) as file:
            for packet in file.demux(video=0):
                if packet.pts is None:
                    continue
                n = segment.first + packet.pts
                early = count - delay
                pts = offset + job.time(n) * ratio
                first = job.time(1) * ratio
                dts = offset + (job.time(early) * ratio if early >= 0 else early * first)
                packet.pts, packet.dts = pts, dts
                packet.duration = (job.time(n + 1) - job.time(n)) * ratio
                packet.time_base = unit
                packet.stream = stream
                yield dts * unit, 0, packet
                count += 1
                inside += 1
                if watch:
                    watch(count, job.frames)
        if inside != segment.length:
            raise RifeError(f"segment {segment.number} must hold {segment.length} frames, got {inside}")


def _delay(job: Job, folder: Path) -> int:
    """The frames by which decoding must run ahead of presentation in every segment."""
    import av

    most = 0
    for segment in job.segments:
        with av.open(str(folder / segment.name)) as file:
            shown = [packet.pts for packet in file.demux(video=0) if packet.pts is not None]
        most = max(most, *(k - n for k, n in enumerate(shown)), 0)
    return most


def _add_pictures(container: OutputContainer, job: Job, file: InputContainer) -> av.VideoStream:
    """Add the output's picture stream, with the segments' header.

    Of a constant rate an encoder is opened for it, where this machine has it: only so does the file state its rate.
    """
    template = file.streams.video[0]
    if job.rate is None or not _opens(job):
        copied: av.VideoStream = container.add_stream_from_template(template, opaque=True)
        copied.time_base = job.tick
        copied.codec_context.sample_aspect_ratio = Fraction(job.recipe.tags.aspect)
        copied.metadata.update({key: value for key, value in template.metadata.items() if key == ALPHA_MODE})
        return copied
    stream = add_video(container, job.recipe)
    open_encoder(stream.codec_context, job.recipe)
    stream.codec_context.extradata = template.codec_context.extradata
    return stream


def _opens(job: Job) -> bool:
    """Whether the encoder can be opened on this machine; those of a graphics card need the card."""
    try:
        context = encoder_context(job.recipe.encoder)
        configure(context, job.recipe)
        open_encoder(context, job.recipe)
    except RifeError:
        return False
    return True
