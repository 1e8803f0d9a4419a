"""The encoders there are: a name, what FFmpeg calls it, and how its quality is set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsrife.errors import ArgumentError, RifeError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

    import av
    from av.codec.context import CodecOption

    from vsrife.film.tags import Mastering

__all__ = ["AUTO", "ENCODERS", "MOST_THREADS", "EncoderOptions", "EncoderSpec", "encoder_context", "fixed_options"]

AUTO = "auto"
MOST_THREADS = 16
FRAME_THREADS = 3
"""x265's frame threads at most: the more, the worse its motion search."""
ANY_CHROMA = "auto", "-1"
"""Presets of ProRes that take every format."""


@dataclass(frozen=True)
class EncoderSpec:
    """An encoder.

    Args:
        codec: FFmpeg's name.
        quality: the option of the quality, the lower the better; None where it is lossless or fixed.
        default: the quality where none is asked for.
        most: the worst quality.
        preset: the option that trades time for size, if there is one.
        usual: the preset where none is asked for.
        presets: all presets, where FFmpeg does not list them.
        options: options that are always set.
        parameters: the option that takes `name=value` pairs of the encoder's own, joined by colons.
        alpha: the beginnings of the formats whose alpha decoders give back.
        alpha_in: the containers, by FFmpeg's names, that keep it; empty where it is in the encoder's own stream.
        full_chroma: the presets of formats with full chroma, which others but `auto` are not of; the first of them is
            used for such a format where none is asked for.
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
    alpha: tuple[str, ...] = ()
    alpha_in: tuple[str, ...] = ()
    full_chroma: tuple[str, ...] = ()

    def keeps_alpha(self, container: str) -> bool:
        """Whether alpha is kept in a container, by FFmpeg's name, where the container takes the encoder."""
        return bool(self.alpha) and (not self.alpha_in or container in self.alpha_in)

    def usual_preset(self, form: str) -> str | None:
        """The preset for a format where none is asked for."""
        return self.full_chroma[0] if self.full_chroma and "444" in form else self.usual

    def formats(self, offered: Iterable[str], preset: str | None, *, alpha: bool) -> list[str]:
        """The encoder's formats that a preset is of, those with alpha or those without.

        Args:
            offered: all formats, by FFmpeg's names.
            preset: what is asked for; None for the usual one.
            alpha: whether those with alpha are asked for.
        """
        names = [name for name in offered if name.startswith(self.alpha)] if alpha else list(offered)
        if not self.full_chroma or preset in (None, *ANY_CHROMA):
            return names
        return [name for name in names if ("444" in name) == (preset in self.full_chroma)]


_SPEEDS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo",
)  # fmt: skip
_NVENC = (("rc", "vbr"), ("b", "0"))
ENCODERS = {
    "x264": EncoderSpec("libx264", "crf", 17, 51, usual="medium", presets=_SPEEDS, parameters="x264-params"),
    "x265": EncoderSpec("libx265", "crf", 19, 51, usual="medium", presets=_SPEEDS, parameters="x265-params"),
    "av1": EncoderSpec("libsvtav1", "crf", 26, 63, usual="7", parameters="svtav1-params"),
    "vp9": EncoderSpec(
        "libvpx-vp9", "crf", 24, 63, "cpu-used", "3", (), (("b", "0"), ("row-mt", "1")),
        alpha=("yuva420p",), alpha_in=("matroska", "webm"),
    ),
    "ffv1": EncoderSpec(
        "ffv1", preset=None, options=(("level", "3"), ("slices", "4"), ("slicecrc", "1"), ("g", "1")),
        alpha=("yuva", "gbrap"),
    ),
    "prores": EncoderSpec(
        "prores_ks", preset="profile", usual="hq", options=(("vendor", "apl0"),),
        alpha=("yuva444p",), full_chroma=("4444", "4444xq", "4", "5"),
    ),
    "nvenc_h264": EncoderSpec("h264_nvenc", "cq", 19, 51, usual="p5", options=_NVENC),
    "nvenc_hevc": EncoderSpec("hevc_nvenc", "cq", 21, 51, usual="p5", options=_NVENC),
    "nvenc_av1": EncoderSpec("av1_nvenc", "cq", 26, 51, usual="p5", options=_NVENC),
}  # fmt: skip


@dataclass(frozen=True)
class EncoderOptions:
    """How frames are encoded.

    Args:
        encoder: a name of `ENCODERS`, or auto: x264 for 8 bits, x265 above and for HDR, av1 into .webm; with alpha
            prores into .mov and vp9 into .webm.
        quality: the lower the better, on the encoder's own scale; None for its default, which is hard to tell from the
            source.
        preset: the encoder's own; None for its default.
        options: FFmpeg's options of the encoder, by name; they override the defaults.

    Raises:
        RifeError: the encoder, the quality, the preset or an option is unknown.
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

    def check(self, name: str) -> EncoderSpec:
        """Check quality, preset and options against the named encoder.

        Raises:
            RifeError: the encoder does not take one of them, or is not in this FFmpeg.
        """
        spec = ENCODERS[name]
        if self.quality is not None:
            if spec.quality is None:
                raise ArgumentError("quality", self.quality, f"given for {name}", verb="not be")
            if not 0 <= self.quality <= spec.most:
                raise ArgumentError("quality", self.quality, f"0 to {spec.most:g} for {name}")
        if self.preset is not None and spec.preset is None:
            raise ArgumentError("preset", self.preset, f"given for {name}", verb="not be")
        supported = encoder_context(name).supported_options
        options = {option.name: option for option in (*supported.generic, *supported.private)}
        if self.quality is not None and spec.quality:
            _check_value("quality", options[spec.quality], f"{self.quality:g}")
        if self.preset is not None and spec.preset:
            if spec.presets and self.preset not in spec.presets:
                raise ArgumentError("preset", self.preset, f"{', '.join(spec.presets)} for {name}")
            _check_value("preset", options[spec.preset], self.preset)
        for option, value in self.options:
            if option not in options:
                own = ", ".join(sorted(option.name for option in supported.private))
                like = nearest(option, options)
                allowed = f"one of {spec.codec}'s" + (like or f" ({own}) or of FFmpeg's general ones")
                raise ArgumentError("encoder-option", option, allowed)
            _check_value(option, options[option], value)
        return spec


def encoder_context(name: str) -> av.VideoCodecContext:
    """An encoder that is not open yet.

    Raises:
        RifeError: this FFmpeg lacks it.
    """
    import av

    codec = ENCODERS[name].codec
    try:
        context = av.CodecContext.create(codec, "w")
    except (av.FFmpegError, ValueError) as error:
        raise RifeError(f"encoder must be one PyAV's FFmpeg has, got {name} ({codec})") from error
    assert isinstance(context, av.VideoCodecContext)
    return context


def fixed_options(
    name: str, options: EncoderOptions, form: str, threads: int, mastering: Mastering
) -> tuple[tuple[str, str], ...]:
    """All options of an encoder, so that the same frames give the same bytes on any machine."""
    spec = ENCODERS[name]
    settings: dict[str, str] = dict(spec.options)
    if spec.preset and (preset := options.preset or spec.usual_preset(form)):
        settings[spec.preset] = preset
    if spec.quality:
        settings[spec.quality] = f"{spec.default if options.quality is None else options.quality:g}"
    if name == "vp9" and form.startswith(spec.alpha):
        settings["auto-alt-ref"] = "0"  # frames that are not shown have no alpha
    parameters = _parameters(name, threads, mastering)
    for option, value in options.options:
        if option == spec.parameters:
            parameters.append(value)
        else:
            settings[option] = value
    if spec.parameters and parameters:
        settings[spec.parameters] = ":".join(parameters)
    return tuple(settings.items())


def _parameters(name: str, threads: int, mastering: Mastering) -> list[str]:
    """Settings that only the encoder's own parameters take."""
    display, levels = mastering.display(integers=name != "av1"), mastering.levels
    match name:
        case "x264":
            settings = {"mastering-display": display, "cll": levels}
        case "x265":
            settings = {
                "log-level": "error",
                "frame-threads": str(min(threads, FRAME_THREADS)),
                "open-gop": "0",
                "master-display": display,
                "max-cll": levels,
            }
        case "av1":
            settings = {"mastering-display": display, "content-light": levels}
        case _:
            settings = {}
    return [f"{key}={value}" for key, value in settings.items() if value is not None]


def _check_value(name: str, option: CodecOption, text: str) -> None:
    """Check that a numeric option's value is such a number within FFmpeg's limits, or one of its names."""
    from av.codec.context import OptionType

    choices = [choice.name for choice in option.choices]
    whole = option.type in (OptionType.INT, OptionType.INT64)
    if not (whole or option.type in (OptionType.FLOAT, OptionType.DOUBLE)) or text in choices:
        return
    try:  # FFmpeg would round
        fits = option.min <= (int(text) if whole else float(text)) <= option.max
    except ValueError:
        fits = False
    if not fits:
        kind = "an integer of " if whole else ""
        names = f" or {', '.join(choices)}" if choices else ""
        raise ArgumentError(name, text, f"{kind}{option.min:g} to {option.max:g}{names}")
