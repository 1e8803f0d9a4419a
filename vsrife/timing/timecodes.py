"""Timecode files, formats v1 and v2 of Matroska's tools: when each frame of a clip is shown.

v2 has one time in milliseconds a line, v1 the frame rates of ranges of frames; mkvmerge's manual describes both under
"External timestamp files". Numbers are plain decimals and taken exactly as they are written.
"""

from __future__ import annotations

import re
import stat
from codecs import BOM_UTF8
from fractions import Fraction
from typing import TYPE_CHECKING, BinaryIO

from vsrife.errors import ArgumentError, RifeError, shown
from vsrife.timing.rates import ntsc_rate
from vsrife.timing.source_times import SourceTimes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Lines = Iterator[tuple[int, str]]

__all__ = ["read_timecodes"]

LARGEST = 2**26
"""Bytes of a file: a v2 file of 23 hours at 60 fps is smaller."""
LONGEST_LINE = 100
LONGEST_NUMBER = 30
HEADER = re.compile(r"#\s*time(?:code|stamp)s? format v([12])", re.IGNORECASE)
DECIMAL = re.compile(r"([0-9]+)(?:\.([0-9]*))?")
ASSUME = re.compile(r"assume\s+(\S+)", re.IGNORECASE)
RANGE = re.compile(r"([0-9]+)\s*,\s*([0-9]+)\s*,\s*(\S+)")
NTSC_BELOW = 500
"""Frames for each second up to which a decimal may be meant as n·1000/1001; 998 to 1002 are near one anyway."""


def read_timecodes(path: Path, frames: int) -> SourceTimes:
    """The times a v1 or v2 file gives to a clip's frames.

    Args:
        path: of the file.
        frames: of the clip, at least 1.

    Raises:
        RifeError: the file cannot be read, is malformed or is of a clip of another length.
    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise RifeError(f"timecodes must be a file, got something else ({shown(path.name)})")
        if about.st_size > LARGEST:
            raise ArgumentError("timecodes", about.st_size, f"at most {LARGEST} bytes")
        with path.open("rb") as file:
            return _parse(file, frames)
    except OSError as error:
        raise RifeError(f"timecodes cannot be read: {error.strerror} ({shown(path.name)})") from error
    except RifeError:
        raise
    except ValueError as error:  # a null character in the path
        raise ArgumentError("timecodes", path, "the path of a file") from error


def _parse(file: BinaryIO, frames: int) -> SourceTimes:
    lines = _lines(file)
    number, text = next(lines, (1, ""))
    header = HEADER.fullmatch(text)
    if not header:
        raise _wrong("must be a v1 or v2 file, '# timecode format v1' or v2 its first line", number, text)
    entries = (line for line in lines if not line[1].startswith("#"))
    return _ranges(entries, frames) if header[1] == "1" else _list(entries, frames)


def _lines(file: BinaryIO) -> Lines:
    """The lines that are not blank, with their numbers; of an endless one the beginning."""
    for number, line in enumerate(file, 1):
        stripped = line.removeprefix(BOM_UTF8).strip() if number == 1 else line.strip()
        if stripped:
            text = stripped[: 8 * LONGEST_LINE].decode("utf-8", "replace")
            if len(text) > LONGEST_LINE and not text.startswith("#"):
                raise _wrong(f"must have lines of at most {LONGEST_LINE} characters", number, text)
            yield number, text


def _list(lines: Lines, frames: int) -> SourceTimes:
    """v2: a last frame without an end lasts as long as the one before."""
    starts: list[int] = []  # in 1/10^places milliseconds
    places = 0
    for number, text in lines:
        match = DECIMAL.fullmatch(text)
        if not match or len(text) > LONGEST_NUMBER:
            raise _wrong("must have one time in milliseconds a line", number, text)
        decimals = (match[2] or "").rstrip("0")
        if len(decimals) > places:
            finer = 10 ** (len(decimals) - places)
            starts = [start * finer for start in starts]
            places = len(decimals)
        start = int(match[1] + decimals.ljust(places, "0"))
        if starts and start <= starts[-1]:
            raise _wrong("must have a later time in each line than in the one before", number, text)
        starts.append(start)
        if len(starts) > frames + 1:
            raise _miscounted(frames, len(starts) + sum(1 for _ in lines))
    if len(starts) < max(frames, 2):
        raise _miscounted(frames, len(starts))
    if len(starts) == frames:
        starts.append(2 * starts[-1] - starts[-2])
    scale = 1000 * 10**places
    return SourceTimes([start - starts[0] for start in starts], scale, Fraction(1, scale))


def _miscounted(frames: int, got: int) -> RifeError:
    if frames == 1:
        return RifeError(f"timecodes of 1 frame must have two times, its start and its end, got {got}")
    return RifeError(
        f"timecodes must have a time for each of the clip's {frames} frames, one more for its end at most, got {got}"
    )


def _ranges(lines: Lines, frames: int) -> SourceTimes:
    """v1: `Assume` is the rate of all frames that no range names; a range may end after the clip."""
    number, text = next(lines, (1, ""))
    match = ASSUME.fullmatch(text)
    if not match:
        raise _wrong("of format v1 must begin with 'Assume <fps>'", number, text)
    durations = [1 / _fps(match[1], number, text)] * frames
    free = 0
    for number, text in lines:
        match = RANGE.fullmatch(text)
        if not match:
            raise _wrong("of format v1 must have 'first,last,fps' in each line", number, text)
        first, last = int(match[1]), int(match[2])
        if first < free or last < first:
            raise _wrong("must have ranges that rise and do not overlap", number, text)
        if first >= frames:
            raise _wrong(f"must have ranges that begin before the clip's end, {frames} frames", number, text)
        free = last + 1
        end = min(free, frames)
        durations[first:end] = [1 / _fps(match[3], number, text)] * (end - first)
    return SourceTimes.from_durations(durations)


def _fps(written: str, number: int, line: str) -> Fraction:
    """A rate as `num/den` or a decimal; 23.976 and 29.97002997 are 24000/1001 and 30000/1001, others what they say."""
    parts = [DECIMAL.fullmatch(part) for part in written.split("/")]
    numbers = [Fraction(part[0]) for part in parts if part and len(part[0]) <= LONGEST_NUMBER]
    if len(numbers) != len(parts) or len(numbers) > 2 or not all(numbers):
        raise _wrong("must have frame rates above 0, as 24000/1001 or 23.976", number, line)
    if len(numbers) == 2:
        return numbers[0] / numbers[1]
    fps = numbers[0]
    return ntsc_rate(fps, fps / 500_000) if fps < NTSC_BELOW else fps


def _wrong(allowed: str, number: int, text: str) -> RifeError:
    return RifeError(f"timecodes {allowed}, got {shown(text)} (line {number})")
