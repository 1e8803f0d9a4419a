"""Frames into files: the recipe an encoder is set up by, one clip into one file, and packets one by one."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrife.errors import ArgumentError, RifeError
from vsrife.film.encoders import AUTO, ENCODERS, MOST_THREADS, EncoderOptions, fixed_options
from vsrife.film.files import reason, whole
from vsrife.film.formats import converted, layout_of, nearest_format, picture
from vsrife.film.tags import Tags

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import av
    import vapoursynth as vs
    from av.container import OutputContainer

__all__ = [
    "CONTAINERS",
    "Progress",
    "Recipe",
    "add_video",
    "configure",
    "encoded",
    "open_encoder",
    "recipe_for",
    "save_clip",
]

Progress = Callable[[int, int], None]
"""Told how many of how many frames are done."""
Log = Callable[[str], None]

CONTAINERS = {".mkv": "matroska", ".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".webm": "webm"}
"""FFmpeg's names by what a file ends in."""
ORDERED = 2
"""So few frames are never reordered, and when they are decoded libx265 leaves as memory happens to be."""
TICKS = 90000
"""In a second, of a clip of variable rate that is saved by itself."""
ASPECTLESS = ("av1", "vp9", "ffv1", "prores", "nvenc_av1")
"""Encoders whose streams do not say how wide a pixel is; nor does PyAV let Matroska say it."""
SVT_LOG = "SVT_LOG"


@dataclass(frozen=True)
class Recipe:
    """All that an encoder is set up by; the same recipe and frames give the same bytes.

    Args:
        encoder: a name of `ENCODERS`.
        form: the sample format, by FFmpeg's name.
        width: of the picture.
        height: of it.
        tags: how it is shown.
        rate: mean frames a second, as a fraction's text.
        tick: seconds of a timestamp's unit, as a fraction's text.
        threads: of the encoder.
        options: FFmpeg's.
    """

    encoder: str
    form: str
    width: int
    height: int
    tags: Tags
    rate: str
    tick: str
    threads: int
    options: tuple[tuple[str, str], ...]


def recipe_for(
    clip: vs.VideoNode,
    properties: Any,
    options: EncoderOptions,
    suffix: str,
    rate: Fraction,
    tick: Fraction,
    log: Log = lambda line: None,
) -> Recipe:
    """How a clip is encoded.

    Args:
        clip: of constant format and size.
        properties: of a frame of it.
        options: what is asked for.
        suffix: what the file ends in.
        rate: mean frames a second.
        tick: seconds of a timestamp's unit.
        log: told where the encoder cannot take the clip's own format.

    Raises:
        RifeError: options that the encoder does not know or open with, or an encoder the container does not take.
    """
    import av

    tags = Tags.of(properties)
    name = options.encoder
    if name == AUTO:
        deep = clip.format.bits_per_sample > 8 or tags.hdr
        name = "av1" if suffix == ".webm" else "x265" if deep else "x264"
    kind = options.check(name)
    offered = [form.name for form in av.Codec(kind.codec, "w").video_formats or ()]
    form = nearest_format(clip.format, offered)
    made = converted(clip, form)
    if made is not clip:
        log(f"{name} does not take {clip.format.name}, it is encoded as {made.format.name}")
        if made.format.color_family != clip.format.color_family:
            properties = made.get_frame(0).props
            tags = Tags.of(properties)
    if tags.mastering and name not in ("x264", "x265", "av1"):
        log(f"{name} is not told the film's HDR10 metadata, x265 would be")
    if tags.aspect != "1" and name in ASPECTLESS and suffix in (".mkv", ".webm"):
        log(f"{name} into {suffix} cannot say that pixels are {tags.aspect} as wide as high; x265 would, or .mp4")
    threads = min(os.cpu_count() or 1, MOST_THREADS)
    said = fixed_options(name, options, threads, tags.mastering)
    mean = str(rate.limit_denominator(100_000))
    recipe = Recipe(name, form, clip.width, clip.height, tags, mean, str(tick), threads, said)
    with av.open(BytesIO(), "w", format=CONTAINERS[suffix]) as container:  # nothing is written
        open_encoder(add_video(container, recipe).codec_context, recipe)
    return recipe


def configure(context: av.VideoCodecContext, recipe: Recipe) -> None:
    """Set an encoder up that is not open yet."""
    context.width, context.height = recipe.width, recipe.height
    context.pix_fmt = recipe.form
    context.time_base = Fraction(recipe.tick)
    context.framerate = Fraction(recipe.rate)
    context.thread_count = recipe.threads
    layout = layout_of(recipe.form)
    recipe.tags.put_on(context, subsampled=layout is not None and layout.across + layout.down > 0)
    context.options = dict(recipe.options)


def add_video(container: OutputContainer, recipe: Recipe) -> av.VideoStream:
    """A stream with an encoder of its own.

    Raises:
        RifeError: the container does not take it.
    """
    import av

    codec = ENCODERS[recipe.encoder].codec
    try:
        stream = container.add_stream(codec, Fraction(recipe.rate), time_base=Fraction(recipe.tick))
    except ValueError as error:
        taken = ", ".join(name for name, kind in ENCODERS.items() if kind.codec in container.supported_codecs)
        raise ArgumentError("encoder", recipe.encoder, f"{taken} for {container.format.name}") from error
    assert isinstance(stream, av.VideoStream)
    configure(stream.codec_context, recipe)
    return stream


def open_encoder(context: av.VideoCodecContext, recipe: Recipe) -> None:
    """Open an encoder that is set up.

    Raises:
        RifeError: it refuses; in one line.
    """
    import av

    try:
        with _quiet():
            context.open(strict=False)
    except (av.FFmpegError, ValueError, OSError) as error:
        raise RifeError(f"encoder {recipe.encoder} cannot be opened ({reason(error)})") from error


def encoded(
    stream: av.VideoStream, recipe: Recipe, frames: Iterable[tuple[vs.VideoFrame, int, int]]
) -> Iterator[av.Packet[Any]]:
    """Packets in the order they are decoded in.

    Args:
        stream: with an encoder that was set up by the recipe.
        recipe: it.
        frames: of the recipe's format; each with its time and duration in ticks.

    Raises:
        RifeError: the encoder cannot be opened or fails.
    """
    open_encoder(stream.codec_context, recipe)
    tick = Fraction(recipe.tick)
    for frame, pts, duration in frames:
        shot = picture(frame, recipe.form)
        shot.pts, shot.duration, shot.time_base = pts, duration, tick
        shot.colorspace = stream.codec_context.colorspace
        shot.color_range = stream.codec_context.color_range
        yield from stream.encode(shot)
    yield from stream.encode(None)


def save_clip(
    clip: vs.VideoNode, path: Path, options: EncoderOptions | None = None, watch: Progress | None = None
) -> None:
    """One clip into one file, whole or not at all.

    Args:
        clip: of constant format and size; without a frame rate its frames must say how long they last.
        path: the file, whose suffix says which container.
        options: how it is encoded; None for auto.
        watch: told how many of how many frames are done.

    Raises:
        RifeError: a suffix that is not known, options that cannot be used, or a file that cannot be written.
    """
    import av

    from vsrife.footage.ahead import read_ahead

    path = Path(path)
    container_format = CONTAINERS.get(path.suffix.lower())
    if container_format is None:
        raise ArgumentError("path", path.name, f"{', '.join(CONTAINERS)}", verb="end in")
    steady = clip.fps > 0
    tick = 1 / clip.fps if steady else Fraction(1, TICKS)
    first = clip.get_frame(0).props
    rate = clip.fps if steady else 1 / _seconds(first, 0)
    recipe = recipe_for(clip, first, options or EncoderOptions(), path.suffix.lower(), rate, tick)
    clip = converted(clip, recipe.form)

    durations: dict[int | None, int] = {}  # encoders do not keep them

    def timed() -> Iterator[tuple[vs.VideoFrame, int, int]]:
        start = Fraction(0)
        for number, frame in enumerate(read_ahead(clip, range(clip.num_frames))):
            end = Fraction(number + 1) * tick if steady else start + _seconds(frame.props, number)
            pts = round(start / tick)
            durations[pts] = round(end / tick) - pts
            yield frame, pts, durations[pts]
            start = end
            if watch:
                watch(number + 1, clip.num_frames)

    with whole(path, who="save_clip") as partial, av.open(str(partial), "w", format=container_format) as container:
        stream = add_video(container, recipe)
        for packet in encoded(stream, recipe, timed()):
            packet.duration = durations.pop(packet.pts)
            if clip.num_frames <= ORDERED:
                packet.dts = packet.pts
            container.mux(packet)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps SVT-AV1 from telling its settings to the terminal, which its environment alone can."""
    said = os.environ.get(SVT_LOG)
    os.environ.setdefault(SVT_LOG, "1")
    try:
        yield
    finally:
        if said is None:
            os.environ.pop(SVT_LOG, None)


def _seconds(properties: Any, number: int) -> Fraction:
    num, den = properties.get("_DurationNum"), properties.get("_DurationDen")
    if not num or not den or num < 0 or den < 0:
        raise RifeError(f"clip must have a frame rate, or frames that say how long they last, {number} does not")
    return Fraction(num, den)
