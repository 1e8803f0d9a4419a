"""Frames into files: an encoder's settings, its packets, and one clip saved as one file."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from typing import TYPE_CHECKING, Any

from vsrife.errors import ArgumentError, RifeError, named
from vsrife.files import atomic_write, reason
from vsrife.film.encoders import AUTO, ENCODERS, MOST_THREADS, EncoderOptions, fixed_options
from vsrife.film.formats import ALPHA, convert, cropping, layout_of, nearest_format, to_av_frame
from vsrife.film.matroska import write_aspect
from vsrife.film.progress import ignore
from vsrife.film.tags import Tags
from vsrife.frame_properties import own_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    import av
    import vapoursynth as vs
    from av.container import OutputContainer

    from vsrife.film.progress import Log, Progress

__all__ = [
    "CONTAINERS",
    "Recipe",
    "add_video",
    "configure",
    "encode",
    "media_file",
    "open_encoder",
    "recipe_for",
    "save_clip",
    "state_aspect",
]

CONTAINERS = {".mkv": "matroska", ".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".webm": "webm"}
"""FFmpeg's names, by a file's suffix."""
ORDERED = 2
"""So few frames are never reordered, and libx265 leaves their decoding times uninitialised."""
OF_ALPHA = {"mov": "prores", "webm": "vp9"}
"""The encoder of a film with alpha where none is asked for, by FFmpeg's name of the container."""
TICKS = 90000
"""A second in units of time, for a clip of variable rate that is saved by itself."""
SVT_LOG = "SVT_LOG"


@dataclass(frozen=True)
class Recipe:
    """All settings of an encoder; the same recipe and frames give the same bytes.

    Args:
        encoder: a name of `ENCODERS`.
        form: the sample format, by FFmpeg's name.
        tags: how the picture is shown.
        rate: mean frames a second, as a fraction's text.
        tick: seconds of a timestamp's unit, as a fraction's text.
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
    log: Log = ignore,
) -> Recipe:
    """Choose an encoder's settings for a clip, and try them.

    Args:
        clip: of constant format and size.
        properties: of one of its frames.
        options: what the user asks for.
        suffix: the file's.
        rate: mean frames a second.
        tick: seconds of a timestamp's unit.
        log: takes a line about what of the clip the encoder or the file cannot express.

    Raises:
        RifeError: the encoder does not take the options, or the container does not take the encoder.
    """
    import av

    tags, container, alpha = Tags.of(properties), CONTAINERS[suffix], _has_alpha(clip, properties)
    name = options.encoder
    if name == AUTO:
        deep = clip.format.bits_per_sample > 8 or tags.hdr
        usual = "av1" if suffix == ".webm" else "x265" if deep else "x264"
        name = OF_ALPHA.get(container, usual) if alpha else usual
    spec = options.check(name)
    offered = [form.name for form in av.Codec(spec.codec, "w").video_formats or ()]
    preset = dict(options.options).get(spec.preset or "", options.preset)
    with_alpha = spec.formats(offered, preset, alpha=True) if alpha and spec.keeps_alpha(container) else []
    if alpha and not with_alpha:
        log(_alpha_lost(name, preset, container))
    if ALPHA in properties and not alpha:
        log("the film's alpha has another size than its picture, it is left out")
    formats = with_alpha or spec.formats(offered, preset, alpha=False)
    form = nearest_format(clip.format, formats, alpha=bool(with_alpha))
    converted = convert(clip, form)
    if converted is not clip:
        log(f"{name} does not take {clip.format.name}, it is encoded as {converted.format.name}")
        if line := cropping(converted, (clip.width, clip.height)):
            log(line)
        if converted.format.color_family != clip.format.color_family:
            tags = Tags.of(converted.get_frame(0).props)
    if tags.mastering and name not in ("x264", "x265", "av1"):
        log(f"{name} cannot be given the film's HDR10 metadata; x265 can")
    threads = min(os.cpu_count() or 1, MOST_THREADS)
    settings = fixed_options(name, options, form, threads, tags.mastering)
    mean = str(rate.limit_denominator(100_000))
    recipe = Recipe(name, form, converted.width, converted.height, tags, mean, str(tick), threads, settings)
    _try(recipe, container)
    return recipe


def _has_alpha(clip: vs.VideoNode, properties: Any) -> bool:
    alpha = properties.get(ALPHA)
    return alpha is not None and (alpha.width, alpha.height) == (clip.width, clip.height)


def _alpha_lost(name: str, preset: str | None, container: str) -> str:
    """A line about alpha that is not kept, and what would keep it."""
    import av

    if preset and ENCODERS[name].keeps_alpha(container):
        return f"{name} in preset {preset} does not keep the film's alpha, preset {ENCODERS[name].full_chroma[0]} would"
    with av.open(BytesIO(), "w", format=container) as output:
        codecs = output.supported_codecs
    others = [other for other, spec in ENCODERS.items() if spec.keeps_alpha(container) and spec.codec in codecs]
    listed = " or ".join([", ".join(others[:-1]), *others[-1:]] if len(others) > 1 else others)
    would = f"; {listed} would" if others else ""
    return f"{name} does not keep the film's alpha in {container}, it is left out{would}"


def _try(recipe: Recipe, form: str) -> None:
    """Write the header of a file that nobody reads.

    Raises:
        RifeError: the encoder refuses its settings, or the container of FFmpeg's name does not take the encoder.
    """
    import av

    try:
        with av.open(BytesIO(), "w", format=form) as container:
            open_encoder(add_video(container, recipe).codec_context, recipe)
            container.start_encoding()
    except (av.FFmpegError, OSError) as error:
        raise ArgumentError("encoder", recipe.encoder, f"one that {form} takes", note=f" ({reason(error)})") from error


def configure(context: av.VideoCodecContext, recipe: Recipe) -> None:
    """Apply the settings to an encoder that is not open yet."""
    context.width, context.height = recipe.width, recipe.height
    context.pix_fmt = recipe.form
    context.time_base = Fraction(recipe.tick)
    context.framerate = Fraction(recipe.rate)
    context.thread_count = recipe.threads
    layout = layout_of(recipe.form)
    recipe.tags.put_on(context, subsampled=layout is not None and layout.across + layout.down > 0)
    context.options = dict(recipe.options)


def add_video(container: OutputContainer, recipe: Recipe) -> av.VideoStream:
    """Add a stream with an encoder of its own.

    Raises:
        RifeError: the container does not take the encoder.
    """
    import av

    codec = ENCODERS[recipe.encoder].codec
    try:
        stream = container.add_stream(codec, Fraction(recipe.rate), time_base=Fraction(recipe.tick))
    except ValueError as error:
        taken = ", ".join(name for name, spec in ENCODERS.items() if spec.codec in container.supported_codecs)
        raise ArgumentError("encoder", recipe.encoder, f"{taken} for {container.format.name}") from error
    assert isinstance(stream, av.VideoStream)
    configure(stream.codec_context, recipe)
    return stream


def open_encoder(context: av.VideoCodecContext, recipe: Recipe) -> None:
    """Open a configured encoder.

    Raises:
        RifeError: it refuses its settings.
    """
    import av

    try:
        with _quiet_svt():
            context.open(strict=False)
    except (av.FFmpegError, ValueError, OSError) as error:
        raise RifeError(f"encoder {recipe.encoder} cannot be opened ({reason(error)})") from error


def encode(
    stream: av.VideoStream, recipe: Recipe, frames: Iterable[tuple[vs.VideoFrame, int, int]]
) -> Iterator[av.Packet[Any]]:
    """Encode frames, each with its time and duration in ticks, by the stream's configured encoder.

    Returns:
        Packets in decoding order.

    Raises:
        RifeError: the encoder cannot be opened.
    """
    open_encoder(stream.codec_context, recipe)
    tick = Fraction(recipe.tick)
    for frame, pts, duration in frames:
        shot = to_av_frame(frame, recipe.form)
        shot.pts, shot.duration, shot.time_base = pts, duration, tick
        shot.colorspace = stream.codec_context.colorspace
        shot.color_range = stream.codec_context.color_range
        yield from stream.encode(shot)
    yield from stream.encode(None)


def media_file(
    target: Path, *, beside: Path | None = None, kind: type[RifeError] = RifeError
) -> AbstractContextManager[Path]:
    """`atomic_write` for a file that PyAV writes."""
    import av

    return atomic_write(target, beside=beside, failures=(OSError, av.FFmpegError), kind=kind)


def state_aspect(path: Path, recipe: Recipe, log: Log = ignore) -> None:
    """Have a finished Matroska or WebM file say how wide its pixels are, which not every encoder's stream does.

    PyAV passes the aspect to the encoder and to the other containers alone.

    Raises:
        OSError: the file cannot be read or written.
    """
    kind = CONTAINERS[path.suffix.lower()]
    if recipe.tags.aspect == "1" or kind not in ("matroska", "webm"):
        return
    try:
        write_aspect(path, Fraction(recipe.tags.aspect), webm=kind == "webm")
    except RifeError as error:
        log(f"the file does not say that pixels are {recipe.tags.aspect} as wide as high: {error}")


@named("save_clip")
def save_clip(
    clip: vs.VideoNode, path: Path, options: EncoderOptions | None = None, watch: Progress | None = None
) -> None:
    """Save one clip as one file, completely or not at all.

    Args:
        clip: of constant format and size; without a frame rate its frames must have durations.
        path: the file, whose suffix names the container.
        options: how it is encoded; None for auto.
        watch: called after each frame.

    Raises:
        RifeError: the suffix is unknown, an option cannot be used, or the file cannot be written.
    """
    import av

    from vsrife.footage.ahead import read_ahead

    container_format = CONTAINERS.get(path.suffix.lower())
    if container_format is None:
        raise ArgumentError("path", path.name, f"{', '.join(CONTAINERS)}", verb="end in")
    steady = clip.fps > 0
    tick = 1 / clip.fps if steady else Fraction(1, TICKS)
    first = clip.get_frame(0).props
    rate = clip.fps if steady else 1 / _seconds(first, 0)
    recipe = recipe_for(clip, first, options or EncoderOptions(), path.suffix.lower(), rate, tick)
    clip = convert(clip, recipe.form)

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

    with media_file(path) as partial:
        with av.open(str(partial), "w", format=container_format) as container:
            stream = add_video(container, recipe)
            for packet in encode(stream, recipe, timed()):
                packet.duration = durations.pop(packet.pts)
                if clip.num_frames <= ORDERED:
                    packet.dts = packet.pts
                container.mux(packet)
        state_aspect(partial, recipe)


@contextmanager
def _quiet_svt() -> Iterator[None]:
    """Keep SVT-AV1 from printing its settings, for which it heeds an environment variable alone."""
    before = os.environ.get(SVT_LOG)
    os.environ.setdefault(SVT_LOG, "1")
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(SVT_LOG, None)


def _seconds(properties: Any, number: int) -> Fraction:
    seconds = own_duration(properties)
    if seconds is None:
        raise RifeError(f"clip must have a frame rate, or a duration on every frame; frame {number} has none")
    return seconds
