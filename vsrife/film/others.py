"""The streams of a film besides its picture: sound, subtitles, chapters, covers, attachments, and its metadata."""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrife.film.source import open_container

if TYPE_CHECKING:
    from collections.abc import Iterator

    import av
    from av.container import InputContainer, OutputContainer

    from vsrife.film.source import Film

__all__ = ["add_others", "left_out"]

CODED_ON = ("encoder", "duration", "_statistics_", "number_of_", "bps", "handler_name", "vendor_id", "major_brand",
            "minor_version", "compatible_brands")  # fmt: skip
"""Prefixes of metadata that describe the source's file and picture, and would be wrong of the output."""
PICTURES = {"mjpeg": "image/jpeg", "png": "image/png", "bmp": "image/bmp", "webp": "image/webp", "gif": "image/gif"}
COPIED_TYPES = "audio", "subtitle"
ATTACHED, COVER, COPIED = "attached", "cover", "copied"


def left_out(film: Film, container_format: str) -> list[str]:
    """A line for each stream of a film that a container of FFmpeg's name cannot take."""
    import av

    if film.track < 0:
        return []
    with open_container(Path(film.path)) as source, av.open(BytesIO(), "w", format=container_format) as container:
        streams = [s for s in source.streams if s.index != film.track and not _is_chapters(s, source)]
        return [
            f"{container_format} does not take {s.type} stream {s.index} ({_description(s)}), it is left out"
            for s in streams
            if _way(container, s) is None
        ]


def add_others(
    container: OutputContainer, source: InputContainer, film: Film, zero: Fraction, end: Fraction | None
) -> Iterator[tuple[Fraction, int, Any]]:
    """Add the source's other streams, chapters and metadata to an output before its first packet.

    Args:
        container: the output, which has its picture stream.
        source: the film's file.
        film: the source.
        zero: the source's time that becomes 0.
        end: the source's time at which the output ends; None for all of it.

    Returns:
        Packets in the source's order, each with its decoding time and its stream's number.
    """
    taken: dict[int, av.stream.Stream] = {}
    stream: Any
    for stream in source.streams:
        way = None if stream.index == film.track else _way(container, stream)
        if way == ATTACHED:
            name = stream.metadata.get("filename", f"attachment-{stream.index}")
            container.add_attachment(name, stream.mimetype or "application/octet-stream", stream.data)
        elif way == COVER:
            _attach_cover(container, source, stream)
        elif way == COPIED:
            taken[stream.index] = _copy(container, stream)
    _describe(container, source, film, zero, end)
    return _packets(source, taken, zero, end)


def _way(container: OutputContainer, stream: Any) -> str | None:
    """How a stream goes into a container; None where the container does not take it."""
    from av.stream import AttachmentStream, Disposition

    matroska = container.format.name == "matroska"
    cover = stream.type == "video" and stream.disposition & Disposition.attached_pic
    if isinstance(stream, AttachmentStream) and matroska:
        return ATTACHED
    if cover and matroska:
        return COVER
    if stream.type in COPIED_TYPES or (cover and container.format.name in ("mp4", "mov")):
        return COPIED if _codec(stream) in container.supported_codecs else None
    return None


def _codec(stream: Any) -> str | None:
    return stream.codec_context.codec.name if stream.codec_context else None


def _description(stream: Any) -> str:
    facts = _codec(stream), stream.language, stream.metadata.get("filename")
    return ", ".join(fact for fact in facts if fact) or "unknown"


def _is_chapters(stream: Any, source: InputContainer) -> bool:
    """Whether a stream is the text track in which .mp4 keeps its chapters' titles."""
    return stream.type == "data" and bool(source.chapters())


def _copy(container: OutputContainer, stream: Any) -> av.stream.Stream:
    copy: av.stream.Stream = container.add_stream_from_template(stream, opaque=True)
    copy.metadata.update(_own_metadata(stream.metadata))
    copy.disposition = stream.disposition
    return copy


def _attach_cover(container: OutputContainer, source: InputContainer, stream: Any) -> None:
    """Attach a cover, as Matroska stores them."""
    kind = PICTURES.get(stream.codec_context.codec.name, "application/octet-stream")
    name = stream.metadata.get("filename", f"cover.{kind.rpartition('/')[2]}")
    source.seek(0)
    for packet in source.demux(stream):
        if packet.size:
            container.add_attachment(name, kind, bytes(packet))
            break
    source.seek(0)


def _fraction(unit: Any) -> Fraction:
    """PyAV's type of fraction as Python's."""
    return Fraction(unit.numerator, unit.denominator)


def _own_metadata(metadata: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if not key.lower().startswith(CODED_ON)}


def _describe(
    container: OutputContainer, source: InputContainer, film: Film, zero: Fraction, end: Fraction | None
) -> None:
    container.metadata.update(_own_metadata(source.metadata))
    chapters = []
    for chapter in source.chapters():
        tick = _fraction(chapter["time_base"])
        start, stop = chapter["start"] * tick, chapter["end"] * tick
        if stop <= zero or (end is not None and start >= end):
            continue
        start, stop = max(start, zero) - zero, (stop if end is None else min(stop, end)) - zero
        kept = chapter.copy()
        kept["start"], kept["end"] = round(start / tick), round(stop / tick)
        chapters.append(kept)
    if chapters:
        container.set_chapters(chapters)


def _packets(
    source: InputContainer, taken: dict[int, Any], zero: Fraction, end: Fraction | None
) -> Iterator[tuple[Fraction, int, Any]]:
    if not taken:
        return
    streams = [stream for stream in source.streams if stream.index in taken]
    if zero > Fraction(source.start_time or 0, 1_000_000):
        source.seek(int(zero * 1_000_000))
    last: dict[int, int] = {}
    over = {stream.index for stream in streams if stream.type == "video"}
    for packet in source.demux(streams):
        if packet.stream.type == "video":  # a cover, which has no time
            if packet.size:
                packet.pts = packet.dts = 0
                index, packet.stream = packet.stream.index, taken[packet.stream.index]
                yield Fraction(0), index + 1, packet
            continue
        if packet.pts is None:
            continue
        tick = _fraction(packet.time_base)
        time = packet.pts * tick
        if end is not None and time >= end:
            over.add(packet.stream.index)
            if len(over) == len(streams):
                return
            continue
        if time < zero and end is not None:
            continue
        shift = round(zero / tick)
        index = packet.stream.index
        packet.pts -= shift
        packet.dts = packet.pts if packet.dts is None else packet.dts - shift
        if packet.stream.type == "audio":
            if packet.dts <= last.get(index, packet.dts - 1):  # in a damaged file; no container takes it
                packet.dts = last[index] + 1
                packet.pts = max(packet.pts, packet.dts)
            last[index] = packet.dts
        packet.stream = taken[index]
        yield packet.dts * tick, index + 1, packet
