"""The aspect of pixels in the header of a Matroska or WebM file, which PyAV does not let FFmpeg write."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from vsrife.errors import RifeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["write_aspect"]

SEGMENT, SEEK_HEAD, SEEK, SEEK_ID, SEEK_POSITION = 0x18538067, 0x114D9B74, 0x4DBB, 0x53AB, 0x53AC
VOID, CRC, CLUSTER, TRACKS, TRACK, VIDEO = 0xEC, 0xBF, 0x1F43B675, 0x1654AE6B, 0xAE, 0xE0
WIDTH, HEIGHT, DISPLAY_WIDTH, DISPLAY_HEIGHT, DISPLAY_UNIT = 0xB0, 0xBA, 0x54B0, 0x54BA, 0x54B2
RATIO = 3
"""The display unit for which width and height are a ratio; WebM has pixels alone."""
HEAD = 2**22
"""Bytes of a file within which its tracks are described; attachments follow them."""
NO_ROOM = "the file's header has no room for the aspect of its pixels"


@dataclass(frozen=True)
class Element:
    """An EBML element: where it starts, where its content starts, and where it ends."""

    id: int
    start: int
    content: int
    end: int


def write_aspect(path: Path, aspect: Fraction, *, webm: bool) -> None:
    """State in a file that FFmpeg has written how wide a pixel is for its height.

    The header grows into the empty space that FFmpeg leaves in front of it, so that no frame moves.

    Args:
        path: of a file with one video track.
        aspect: a pixel's width over its height.
        webm: whether the display size must be in pixels, as in WebM; else it is a ratio.

    Raises:
        RifeError: the file has another structure.
        OSError: it cannot be read or written.
    """
    with path.open("r+b") as file:
        head = file.read(HEAD)
        segment = next((element for element in _elements(head, 0, len(head)) if element.id == SEGMENT), None)
        if segment is None:
            raise RifeError(NO_ROOM)
        top = list(_elements(head, segment.content, len(head)))
        index, space, tracks = (next((e for e in top if e.id == name), None) for name in (SEEK_HEAD, VOID, TRACKS))
        if index is None or space is None or tracks is None or not index.end == space.start < tracks.start:
            raise RifeError(NO_ROOM)
        grown = _with_aspect(head, tracks, aspect, webm=webm)
        growth = len(grown) - (tracks.end - tracks.start)
        room = space.end - space.start - growth
        if room < 2:
            raise RifeError(NO_ROOM)
        moved = range(space.end - segment.content, tracks.end - segment.content)
        pieces = (
            _with_positions(head, index, moved, growth),
            _void(room),
            head[space.end : tracks.start],
            grown,
        )
        file.seek(index.start)
        file.write(b"".join(pieces))


def _elements(data: bytes, start: int, end: int) -> Iterator[Element]:
    """The elements between two places, up to the tracks, the first cluster or one that is cut off."""
    while start < end:
        identifier, content = _number(data, start, marked=True)
        size, content = _number(data, content)
        if identifier != SEGMENT and content + size > end:
            return
        yield Element(identifier, start, content, min(content + size, end))
        if identifier in (CLUSTER, SEGMENT, TRACKS):
            return
        start = content + size


def _number(data: bytes, start: int, *, marked: bool = False) -> tuple[int, int]:
    """A number of variable length, with or without the bit that marks its length, and where it ends.

    Raises:
        RifeError: it is cut off.
    """
    length = 9 - data[start].bit_length() if start < len(data) else 9
    if length > 8 or start + length > len(data):
        raise RifeError(NO_ROOM)
    value = int.from_bytes(data[start : start + length])
    return value if marked else value & ((1 << 7 * length) - 1), start + length


def _element(identifier: int, content: bytes, least: int = 1) -> bytes:
    """An element whose size takes at least so many bytes."""
    length = max(least, -(-(len(content) + 1).bit_length() // 7))
    name = identifier.to_bytes(-(-identifier.bit_length() // 8))
    return name + (len(content) | 1 << 7 * length).to_bytes(length) + content


def _unsigned(value: int) -> bytes:
    return value.to_bytes(max(1, -(-value.bit_length() // 8)))


def _void(size: int) -> bytes:
    """Empty space of at least 2 bytes."""
    length = 1 if size < 9 else 8
    return _element(VOID, bytes(size - 1 - length), length)


def _checked(content: bytes) -> bytes:
    """A master element's content with the checksum at its beginning, if there is one, made anew."""
    first = next(_elements(content, 0, len(content)))
    if first.id != CRC:
        return content
    return _element(CRC, zlib.crc32(content[first.end :]).to_bytes(4, "little")) + content[first.end :]


def _with_aspect(data: bytes, element: Element, aspect: Fraction, *, webm: bool) -> bytes:
    """The tracks, a track or its picture's description, with the display size."""
    inner = list(_elements(data, element.content, element.end))
    parts = []
    for child in inner:
        if child.id in (TRACK, VIDEO):
            parts.append(_with_aspect(data, child, aspect, webm=webm))
        elif child.id not in (DISPLAY_WIDTH, DISPLAY_HEIGHT, DISPLAY_UNIT):
            parts.append(data[child.start : child.end])
    if element.id == VIDEO:
        sides = {child.id: int.from_bytes(data[child.content : child.end]) for child in inner}
        parts.append(_display_size(sides[WIDTH], sides[HEIGHT], aspect, webm=webm))
    _, after = _number(data, element.start, marked=True)
    return _element(element.id, _checked(b"".join(parts)), element.content - after)


def _display_size(width: int, height: int, aspect: Fraction, *, webm: bool) -> bytes:
    """The size at which the picture is displayed: a ratio, or whole pixels, which are exact where they can be."""
    if not webm:
        ratio = Fraction(width, height) * aspect
        sides, unit = (ratio.numerator, ratio.denominator), _element(DISPLAY_UNIT, _unsigned(RATIO))
    else:
        wide, tall = width * aspect, height / aspect
        exact_height = wide.denominator > 1 and tall.denominator == 1
        sides, unit = ((width, int(tall)) if exact_height else (max(1, round(wide)), height)), b""
    return _element(DISPLAY_WIDTH, _unsigned(sides[0])) + _element(DISPLAY_HEIGHT, _unsigned(sides[1])) + unit


def _with_positions(data: bytes, element: Element, moved: range, growth: int) -> bytes:
    """The index of the header's parts, with the positions of those that moved forward; its size stays."""
    content = bytearray(data[element.content : element.end])
    for entry in _elements(data, element.content, element.end):
        if entry.id != SEEK:
            continue
        for child in _elements(data, entry.content, entry.end):
            position = int.from_bytes(data[child.content : child.end])
            if child.id == SEEK_POSITION and position in moved:
                place = slice(child.content - element.content, child.end - element.content)
                content[place] = (position - growth).to_bytes(child.end - child.content)
    return data[element.start : element.content] + _checked(bytes(content))
