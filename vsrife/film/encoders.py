"""The encoders there are: a name, what FFmpeg calls it, and how its quality is set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsrife.errors import ArgumentError, RifeError, nearest

if TYPE_CHECKING:
    import av
    from av.codec.context import CodecOption

    from vsrife.film.tags import Mastering

__all__ = ["AUTO", "ENCODERS", "MOST_THREADS", "EncoderOptions", "Kind", "available", "fixed_options"]

AUTO = "auto"
MOST_THREADS = 16
FRAME_THREADS = 3
"""x265's at most: the more, the worse its motion search."""


@dataclass(frozen=True)
class Kind:
    """An encoder.

    Args:
        codec: FFmpeg's name.
        quality: the option that says how good, the lower the better; None where it is lossless or fixed.
        default: of the quality.
        most: the worst quality.
        preset: the option that trades time for size; None where there is none.
        usual: of the preset.
        presets: all there are, where FFmpeg does not say.
        options: what is always said.
        parameters: the option that takes `name=value` pairs of the encoder's own, joined by colons.
    """

    codec: str
    quality: str | None = None
    default: float = 0
    most: float = 51
    preset: str | None = "preset"
    usual: str | None = None
    presets: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    parameters: str | None = None


_SPEEDS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo",
)  # fmt: skip
_NVENC = (("rc", "vbr"), ("b", "0"))
ENCODERS = {
    "x264": Kind("libx264", "crf", 17, 51, usual="medium", presets=_SPEEDS, parameters="x264-params"),
    "x265": Kind("libx265", "crf", 19, 51, usual="medium", presets=_SPEEDS, parameters="x265-params"),
    "av1": Kind("libsvtav1", "crf", 26, 63, usual="7", parameters="svtav1-params"),
    "vp9": Kind("libvpx-vp9", "crf", 24, 63, "cpu-used", "3", (), (("b", "0"), ("row-mt", "1"))),
    "ffv1": Kind("ffv1", preset=None, options=(("level", "3"), ("slices", "4"), ("slicecrc", "1"), ("g", "1"))),
    "prores": Kind("prores_ks", preset="profile", usual="hq", options=(("vendor", "apl0"),)),
    "nvenc_h264": Kind("h264_nvenc", "cq", 19, 51, usual="p5", options=_NVENC),
    "nvenc_hevc": Kind("hevc_nvenc", "cq", 21, 51, usual="p5", options=_NVENC),
    "nvenc_av1": Kind("av1_nvenc", "cq", 26, 51, usual="p5", options=_NVENC),
}


@dataclass(frozen=True)
class EncoderOptions:
    """How frames are encoded.

    Args:
        encoder: a name of `ENCODERS`, or auto: x264 for 8 bits, x265 above and for HDR, av1 into .webm.
        quality: the lower the better, on the encoder's own scale; None for its default, which few eyes tell from the
            source.
        preset: the encoder's own; None for its default.
        options: FFmpeg's options of the encoder, by name, over what is set by default.

    Raises:
        RifeError: an encoder, a quality or an option that is not known.
    """

    encoder: str = AUTO
    quality: float | None = None
    preset: str | None = None
    options: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.encoder not in (AUTO, *ENCODERS):
            raise ArgumentError("encoder", self.encoder, f"{AUTO}, {', '.join(ENCODERS)}")
        if self.encoder != AUTO:
            self.check(self.encoder)

    def check(self, name: str) -> Kind:
        """The encoder that was named or chosen, once it is known to take the quality, preset and options.

        Raises:
            RifeError: it does not, or it is not in this FFmpeg.
        """
        kind = ENCODERS[name]
        if self.quality is not None:
            if kind.quality is None:
                raise RifeError(f"quality must not be given for {name}, got {self.quality:g}")
            if not 0 <= self.quality <= kind.most:
                raise ArgumentError("quality", self.quality, f"0 to {kind.most:g} for {name}")
        if self.preset is not None and kind.preset is None:
            raise RifeError(f"preset must not be given for {name}, got {_brief(self.preset)}")
        known = available(name).supported_options
        options = {option.name: option for option in (*known.generic, *known.private)}
        if self.preset is not None and kind.preset:
            if kind.presets and self.preset not in kind.presets:
                allowed = ", ".join(kind.presets)
                raise ArgumentError("preset", self.preset, f"{allowed} for {name}")
            _check_value("preset", options[kind.preset], self.preset)
        for option, value in self.options:
            if option not in options:
                own = ", ".join(sorted(option.name for option in known.private))
                like = nearest(option, options)
                allowed = f"one of {kind.codec}'s" + (like or f" ({own}) or of FFmpeg's general ones")
                raise RifeError(f"encoder-option must be {allowed}, got {_brief(option)}")
            _check_value(option, options[option], value)
        return kind


def available(name: str) -> av.VideoCodecContext:
    """A context of an encoder, not open yet.

    Raises:
        RifeError: this FFmpeg has not got it.
    """
    import av

    kind = ENCODERS[name]
    try:
        context = av.CodecContext.create(kind.codec, "w")
    except (av.FFmpegError, ValueError) as error:
        raise RifeError(f"encoder must be one PyAV's FFmpeg has, got {name} ({kind.codec})") from error
    assert isinstance(context, av.VideoCodecContext)
    return context


def fixed_options(
    name: str, options: EncoderOptions, threads: int, mastering: Mastering
) -> tuple[tuple[str, str], ...]:
    """Everything that is said to an encoder, so that the same frames give the same bytes on any machine.

    Args:
        name: of the encoder.
        options: what the user asked for, checked.
        threads: the encoder's.
        mastering: what HDR10 says of the film.
    """
    kind = ENCODERS[name]
    said: dict[str, str] = dict(kind.options)
    if kind.preset and (preset := options.preset or kind.usual):
        said[kind.preset] = preset
    if kind.quality:
        said[kind.quality] = f"{kind.default if options.quality is None else options.quality:g}"
    parameters = _parameters(name, threads, mastering)
    for option, value in options.options:
        if option == kind.parameters:
            parameters.append(value)
        else:
            said[option] = value
    if kind.parameters and parameters:
        said[kind.parameters] = ":".join(parameters)
    return tuple(said.items())


def _parameters(name: str, threads: int, mastering: Mastering) -> list[str]:
    """What only the encoder's own parameters can say."""
    display, levels = mastering.display(whole=name != "av1"), mastering.levels
    match name:
        case "x264":
            said = {"mastering-display": display, "cll": levels}
        case "x265":
            said = {
                "log-level": "error",
                "frame-threads": str(min(threads, FRAME_THREADS)),
                "open-gop": "0",
                "master-display": display,
                "max-cll": levels,
            }
        case "av1":
            said = {"mastering-display": display, "content-light": levels}
        case _:
            said = {}
    return [f"{key}={value}" for key, value in said.items() if value is not None]


def _check_value(name: str, option: CodecOption, text: str) -> None:
    """That a number is one, within what FFmpeg allows."""
    from av.codec.context import OptionType

    choices = [choice.name for choice in option.choices]
    if option.type not in (OptionType.INT, OptionType.INT64, OptionType.FLOAT, OptionType.DOUBLE) or text in choices:
        return
    try:
        fits = option.min <= float(text) <= option.max
    except ValueError:
        fits = False
    if not fits:
        named = f" or {', '.join(choices)}" if choices else ""
        raise ArgumentError(name, text, f"{option.min:g} to {option.max:g}{named}")


def _brief(text: str) -> str:
    shown = text if text and text.isprintable() else repr(text)
    return shown if len(shown) <= 60 else shown[:57] + "..."
