"""A film as a source: its frames, their times, and its clip."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrife.errors import ArgumentError, RifeError, first_line, shown
from vsrife.files import reason
from vsrife.film.formats import ALPHA, ALPHA_MODE, cropping
from vsrife.film.frame_times import UNSTATED, kept_rate, likely_rate, stated_rates, usable_times
from vsrife.film.progress import ignore
from vsrife.networks.config import SMALLEST

if TYPE_CHECKING:
    import av
    import vapoursynth as vs
    from av.container import InputContainer

    from vsrife.film.progress import Log

__all__ = ["Film", "film_clip", "fraction", "open_container", "probe", "video_stream"]

SCRIPT = ".vpy"


@dataclass(frozen=True)
class Film:
    """A film, or the part of it that is interpolated.

    Args:
        path: absolute.
        size: of the file in bytes.
        changed: the file's modification time in nanoseconds.
        track: the picture's number among the file's streams; -1 of a script.
        frames: of the whole film.
        first: the first frame of the part.
        stop: the frame before which the part ends.
        rate: frames a second where that is constant, else their mean.
        start: the time of frame 0, in seconds of the container's clock.
        tick: seconds of a unit of `times`.
        turned: whether the frames are rotated for display; the aspect of their pixels is not.
        aspect: a pixel's width over its height as the file states it, which overrides the frames'; None where it does
            not.
        times: of a variable rate, the times of the frames from `first` on, and the end of the last one.
    """

    path: str
    size: int
    changed: int
    track: int
    frames: int
    first: int
    stop: int
    rate: Fraction
    start: Fraction
    tick: Fraction = Fraction(1)
    turned: bool = False
    aspect: Fraction | None = None
    times: tuple[int, ...] = ()

    @property
    def length(self) -> int:
        return self.stop - self.first

    @property
    def seconds(self) -> Fraction:
        return self.shown(self.length)

    @property
    def is_part(self) -> bool:
        return self.length < self.frames

    @property
    def begins(self) -> Fraction:
        """The time of the part's first frame, by the container's clock."""
        if self.times:
            return self.start + self.times[0] * self.tick
        return self.start + self.first / self.rate

    def shown(self, k: int) -> Fraction:
        """The time of the part's frame k, in seconds after its first; of k = `length`, the end of the last one."""
        if self.times:
            return (self.times[k] - self.times[0]) * self.tick
        return k / self.rate

    def at(self, seconds: Fraction) -> int:
        """The first frame of the part that is shown at that time or later, `length` after the last."""
        if self.times:
            return min(self.length, bisect_left(self.times, self.times[0] + seconds / self.tick))
        return min(self.length, max(0, -(-seconds * self.rate // 1)))

    def part(self, start: Fraction | None, duration: Fraction | None) -> Film:
        """The part from the frame shown at `start`, for `duration` seconds.

        Raises:
            RifeError: `start` is after the end.
        """
        first = 0
        if start is not None and start > 0:
            if self.times:
                first = bisect_right(self.times, self.times[0] + start / self.tick) - 1
            else:
                first = int(start * self.rate)
        if first >= self.length:
            raise ArgumentError("start", start, f"before the film's end at {float(self.seconds):.3f} s")
        stop = self.length if duration is None else max(first + 1, self.at(self.shown(first) + duration))
        times = self.times[first : stop + 1] if self.times else ()
        return replace(self, first=self.first + first, stop=self.first + stop, times=times)


def open_container(path: Path) -> InputContainer:
    """Open a film's file for its streams.

    Raises:
        RifeError: it is missing, or no film.
    """
    import av

    try:
        return av.open(str(path))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise ArgumentError("source", path, "a film", note=f" ({reason(error)})") from error


def video_stream(container: InputContainer) -> av.VideoStream:
    """The picture's stream, which no cover is.

    Raises:
        RifeError: the file has no picture.
    """
    import av
    from av.stream import Disposition

    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic and isinstance(stream, av.VideoStream):
            return stream
    kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
    raise RifeError(f"source must have a picture, got {container.name} with {kinds}")


def fraction(unit: Any) -> Fraction | None:
    """PyAV's type of fraction as Python's; None for none and 0."""
    return Fraction(unit.numerator, unit.denominator) if unit and unit.numerator and unit.denominator else None


def probe(path: Path, log: Log = ignore) -> Film:
    """Examine a film, which is read once unless its index is cached.

    Args:
        path: a video, or a .vpy script.
        log: takes lines about what may look wrong.

    Raises:
        RifeError: it cannot be read or interpolated.
    """
    path = path.expanduser().absolute()
    try:
        about = path.stat()
    except OSError as error:
        what = "no such file" if isinstance(error, FileNotFoundError) else reason(error)
        raise ArgumentError("source", path, "a film", note=f" ({what})") from error
    if path.is_dir():
        raise ArgumentError("source", path, "a film", note=" (a folder)")
    file = str(path), about.st_size, about.st_mtime_ns
    if path.suffix.lower() == SCRIPT:
        clip = film_clip(path, -1)
        _check(clip, path, log)
        if clip.fps <= 0:
            raise ArgumentError("source", path, "a constant frame rate where it is a script", verb="have")
        return Film(*file, -1, clip.num_frames, 0, clip.num_frames, clip.fps, Fraction(0))
    with open_container(path) as container:
        stream = video_stream(container)
        stored = (stream.width, stream.height)
        output = _video(path, stream.index, exporttimestamps=1)
        clip = output["clip"]
        _check(clip, path, log)
        turned = _is_turned(stored, (clip.width, clip.height))
        if line := cropping(clip, stored[::-1] if turned else stored):
            log(line)
        film = Film(
            *file,
            stream.index,
            clip.num_frames,
            0,
            clip.num_frames,
            clip.fps,
            Fraction(0),
            turned=turned,
            aspect=fraction(stream.sample_aspect_ratio),
        )
        tags = {key.lower(): value for key, value in stream.metadata.items()}
        if tags.get(ALPHA_MODE) == "1" and ALPHA not in clip.get_frame(0).props:
            log("the film's alpha cannot be read, it is left out")
        return _timed(film, container, output, log)


def _is_turned(stored: tuple[int, int], displayed: tuple[int, int]) -> bool:
    """Whether a picture is shown with its stored sides exchanged, but for an odd column or row that is cropped."""
    same, turned = (all(0 <= a - b < 2 for a, b in zip(s, displayed, strict=True)) for s in (stored, stored[::-1]))
    return turned and not same


def _timed(film: Film, container: InputContainer, output: Any, log: Log) -> Film:
    """The film with its start, and its rate or its frames' times.

    Args:
        film: with the rate that the source filter announces, 0 for none.
        container: its file, of which no packet is read yet.
        output: of the source filter: the times of the frames, in the order in which they are shown.
        log: takes lines about times that are missing or uneven.

    Raises:
        RifeError: there are neither times nor a rate.
    """
    stream: Any = container.streams[film.track]
    stamps = output["timestamps"]
    stamps = [int(stamp) for stamp in ([stamps] if isinstance(stamps, int) else stamps)]
    tick = Fraction(output["timebasenum"], output["timebaseden"])
    rates = stated_rates(stream, film.rate)
    if len(stamps) != film.frames or not rates:
        raise ArgumentError("source", Path(film.path), "frames with times or a rate", verb="have")
    rate = likely_rate(stamps, tick, rates)
    packets = (packet.pts for packet in container.demux(stream) if fraction(stream.time_base) == tick)
    times = usable_times(stamps, packets, tick, rate)
    if times is None:
        log(f"the film's frames have no rising times, they are placed by its frame rate of {float(rate):g}")
        return replace(film, rate=rate, start=_start(container, stream, stamps, tick, rate))
    if missing := stamps.count(UNSTATED):
        log(f"the film does not state the times of {missing} of its {film.frames} frames, they follow from the others")
    film = replace(film, start=times[0] * tick)
    after = [time - times[0] for time in times]
    if (kept := kept_rate(after, tick, [of for of in (film.rate, rate, *rates) if of > 0])) is not None:
        return replace(film, rate=kept)
    log("the film has a variable frame rate, frames are placed by their own times")
    usual = after[-1] - after[-2] if len(after) > 1 else round(1 / (rate * tick))
    after.append(after[-1] + (_last_duration(container, film.track, times[-1]) or max(1, usual)))
    return replace(film, rate=film.frames / (after[-1] * tick), tick=tick, times=tuple(after))


def _start(container: InputContainer, stream: Any, stamps: list[int], tick: Fraction, rate: Fraction) -> Fraction:
    """The time of the first frame where not all frames have one, in seconds of the container's clock."""
    stated = next(((n, stamp) for n, stamp in enumerate(stamps) if stamp != UNSTATED), None)
    if stated is not None:
        return stated[1] * tick - stated[0] / rate
    if stream.start_time is not None:
        return Fraction(stream.start_time * tick)
    return Fraction(container.start_time or 0, 1_000_000)


def film_clip(path: Path, track: int) -> vs.VideoNode:
    """Open the film's frames as a clip.

    Raises:
        RifeError: they cannot be read.
    """
    if track < 0:
        from vsrife.footage import open_footage

        return open_footage(path).clip
    clip: vs.VideoNode = _video(path, track)
    return clip


def _video(path: Path, track: int, **more: int) -> Any:
    """Open a video by bestsource, whose index is cached in the user's folder, never beside the film."""
    import vapoursynth as vs
    from platformdirs import user_cache_path

    from vsrife.footage import open_video

    core: Any = vs.core
    if more and hasattr(core, "bs") and "exporttimestamps" not in core.bs.VideoSource.signature:
        raise RifeError("the source filter is too old; pip install -U vapoursynth-bestsource")
    cache = str(user_cache_path("vsrife", appauthor=False) / "bestsource")
    return open_video(path, track=track, cachemode=1, cachepath=cache, apply_rotation=1, **more)


def _check(clip: vs.VideoNode, path: Path, log: Log) -> None:
    import vapoursynth as vs

    if not clip.format or not clip.width or not clip.height:
        raise ArgumentError("source", path, "one format and size throughout", verb="have")
    if min(clip.width, clip.height) < SMALLEST:
        size = f"{clip.width}x{clip.height}"
        raise ArgumentError("source", size, f"at least {SMALLEST}x{SMALLEST}", note=f" ({shown(path)})")
    try:
        field = clip.get_frame(0).props.get("_FieldBased")
    except vs.Error as error:
        raise ArgumentError("source", path, "a film", note=f" ({first_line(error)})") from error
    if field:
        log("the film says it is interlaced: deinterlace it first, or its fields are interpolated as one picture")


def _last_duration(container: InputContainer, track: int, last: int) -> int | None:
    """How long the last frame is shown, where its packet says."""
    import av

    stream = container.streams[track]
    try:
        container.seek(last, stream=stream)
        for packet in container.demux(stream):
            if packet.pts == last:
                return packet.duration or None
    except (av.FFmpegError, OSError):
        return None
    return None
