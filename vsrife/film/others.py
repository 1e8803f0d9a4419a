"""What a film has besides its picture: sound, subtitles, chapters, covers, attachments, and what it is called."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import av
    from av.container import InputContainer, OutputContainer

    from vsrife.film.source import Film

__all__ = ["add_others"]

CODED_ON = ("encoder", "duration", "_statistics_", "number_of_", "bps", "handler_name", "vendor_id", "major_brand",
            "minor_version", "compatible_brands")  # fmt: skip
"""How the names of metadata begin that are of the source's own file and picture."""
PICTURES = {"mjpeg": "image/jpeg", "png": "image/png", "bmp": "image/bmp", "webp": "image/webp", "gif": "image/gif"}
WHICH = "audio", "subtitle"


def add_others(
    container: OutputContainer,
    source: InputContainer,
    film: Film,
    zero: Fraction,
    end: Fraction | None,
    log: Callable[[str], None],
) -> Iterator[tuple[Fraction, int, Any]]:
    """Add the source's other streams, chapters and metadata to a film that is not begun yet.

    Args:
        container: the new film, whose picture is there.
        source: the film's file.
        film: what is known of it.
        zero: the source's time that becomes 0.
        end: the source's time after which nothing is taken; None for all.
        log: told what the new container cannot take.

    Returns:
        Packets in the source's order, each with the time it is decoded at and its stream's number.
    """
    from av.stream import AttachmentStream, Disposition

    taken: dict[int, av.stream.Stream] = {}
    supported = container.supported_codecs
    matroska = container.format.name == "matroska"
    for stream in source.streams:
        if stream.index == film.track:
            continue
        codec = stream.codec_context.codec.name if stream.codec_context else None
        cover = stream.type == "video" and stream.disposition & Disposition.attached_pic
        if isinstance(stream, AttachmentStream) and matroska:
            name = stream.metadata.get("filename", f"attachment-{stream.index}")
            container.add_attachment(name, stream.mimetype or "application/octet-stream", stream.data)
        elif cover and matroska:
            _attach_cover(container, source, stream)
        elif (stream.type in WHICH or (cover and container.format.name in ("mp4", "mov"))) and _name(codec, supported):
            taken[stream.index] = _copy(container, stream)
        elif not _is_chapters(stream, source):
            log(f"{container.format.name} does not take {stream.type} stream {stream.index} "
                f"({_called(codec, stream)}), it is left out")  # fmt: skip
    _describe(container, source, film, zero, end)
    return _packets(source, taken, zero, end)


def _name(codec: str | None, supported: set[str]) -> bool:
    return codec is not None and codec in supported


def _called(codec: str | None, stream: Any) -> str:
    return ", ".join(part for part in (codec, stream.language, stream.metadata.get("filename")) if part) or "unknown"


def _is_chapters(stream: Any, source: InputContainer) -> bool:
    """Whether it is the text track that .mp4 has its chapters' titles in."""
    return stream.type == "data" and bool(source.chapters())


def _copy(container: OutputContainer, stream: Any) -> av.stream.Stream:
    made: av.stream.Stream = container.add_stream_from_template(stream, opaque=True)
    made.metadata.update(_kept(stream.metadata))
    made.disposition = stream.disposition
    return made


def _attach_cover(container: OutputContainer, source: InputContainer, stream: Any) -> None:
    """A cover as Matroska has it."""
    kind = PICTURES.get(stream.codec_context.codec.name, "application/octet-stream")
    name = stream.metadata.get("filename", f"cover.{kind.rpartition('/')[2]}")
    source.seek(0)
    for packet in source.demux(stream):
        if packet.size:
            container.add_attachment(name, kind, bytes(packet))
            break
    source.seek(0)


def _fraction(unit: Any) -> Fraction:
    """PyAV's own kind of fraction as one."""
    return Fraction(unit.numerator, unit.denominator)


def _kept(metadata: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if not key.lower().startswith(CODED_ON)}


def _describe(
    container: OutputContainer, source: InputContainer, film: Film, zero: Fraction, end: Fraction | None
) -> None:
    container.metadata.update(_kept(source.metadata))
    chapters = []
    for chapter in source.chapters():
        tick = _fraction(chapter["time_base"])
        start, stop = chapter["start"] * tick, chapter["end"] * tick
        if stop <= zero or (end is not None and start >= end):
            continue
        start, stop = max(start, zero) - zero, (stop if end is None else min(stop, end)) - zero
        moved = chapter.copy()
        moved["start"], moved["end"] = round(start / tick), round(stop / tick)
        chapters.append(moved)
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
            if packet.dts <= last.get(index, packet.dts - 1):  # of a damaged file, which no container takes
                packet.dts = last[index] + 1
                packet.pts = max(packet.pts, packet.dts)
            last[index] = packet.dts
        packet.stream = taken[index]
        yield packet.dts * tick, index + 1, packet
