"""The arguments of `core.rife.RIFE`, `Motion`, `At` and `Replace`: one dataclass, checked once.

Importing this imports neither torch nor vapoursynth, as the command line takes its options from here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from fractions import Fraction
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrife.colour import MATRIX_NAMES
from vsrife.errors import ArgumentError, RifeError
from vsrife.networks.config import SCALES
from vsrife.timing.rates import meant_ratio

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vapoursynth import VideoNode as Clip

__all__ = ["Arguments", "arguments_from_text", "arguments_of", "descriptions", "kind_of"]

INT64_MAX = 2**63 - 1
WHOLE = re.compile("[+-]?[0-9]{1,18}")
"""The text of an integer of 64 bits; Python also takes 1_0, and any script's digits."""
DEFAULT_MASK = "own"
TEXTS = (
    "timecodes", "prop", "model", "model_path", "ensemble_mask", "picture", "estimates", "matrix", "device",
    "precision", "sc_mode", "show",
)  # fmt: skip
CHOICES: dict[str, tuple[object, ...]] = {
    **dict.fromkeys(
        ("vfr", "auto_download", "sc", "bars", "still", "dedup", "pace", "skip", "tta", "uhd", "list_gpu"), (0, 1)
    ),
    "ensemble": (0, 1, 2, 4, 8),
    "ensemble_mask": ("own", "mean", "logit"),
    "picture": ("sharp", "published"),
    "estimates": ("frame", "pair"),
    "sc_mode": ("hold", "nearest", "blend"),
    "show": ("flow", "mask", "cuts", "time"),
}
TIMING = ("positions", "multi", "factor_num", "factor_den", "fps_num", "fps_den", "timecodes", "vfr")
ALLOWED_BESIDE = ("positions", "fps_num", "fps_den")
"""The timing arguments that may be given together."""
RANGES = {
    "timestep": (0, 1),
    "sc_threshold": (0, 1),
    "snap": (0, 0.5),
    "dedup_limit": (2, 16),
    "limit": (1, 32),
    "skip_threshold": (0, 200),
}


def _of(functions: str, default: Any) -> Any:
    """A field that the named functions take."""
    return field(default=default, metadata={"functions": tuple(functions.split())})


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """The arguments of `RIFE`, `Motion`, `At` and `Replace` beside the clip; each function takes some of them.

    `device` and `precision` are checked by the engine, clips by `vsrife.plugin.clips`.

    Args:
        timestep: time between each source frame and the next, 0..1.
        timestep_clip: GRAYS clip; frame n gives each pixel its time between source frames n and n + 1.
        multi: output frames per source frame, any rational above 0, also below 1.
        factor_num: numerator of `multi`, as an integer.
        factor_den: denominator of `multi`.
        fps_num: numerator of the output frame rate.
        fps_den: denominator of the output frame rate; the two belong together and override `factor_num`/`factor_den`.
        timecodes: timecode file (v1 or v2) with the times of the clip's frames.
        vfr: whether the clip's frame rate is variable. With an output frame rate, frames are then placed by their own
            durations, which is detected by default; without one, the output announces a variable rate.
        positions: source positions, one per output frame; 12.37 lies between frames 12 and 13.
        snap: share of the way between two source frames; an output nearer than this to one of them is that frame. With
            0, only outputs that fall exactly on a source frame are that frame.
        frames: numbers of the frames that are replaced.
        prop: name of a frame property; the frames where it is a number other than 0 are replaced.
        prop_clip: clip whose frames have that property, instead of the clip's own.
        limit: length of the longest run of frames that is replaced; longer ones that `prop` marks stay as they are.
        model: name of the model, or "auto" for the default; with `model_path`, the version of its weights.
        model_path: a .safetensors, .pkl or .pth file, or a folder with an ncnn model.
        auto_download: whether a missing model may be downloaded.
        scale: flow scale: below 1 for large motion in large pictures, above 1 for small detail.
        ensemble: 0 for one estimate per pair, 1 for the ensemble built into the network, 2, 4 or 8 for the mean motion
            of as many estimates (frames swapped, picture mirrored), for every network.
        ensemble_mask: mask for blending several estimates: own, mean or logit.
        picture: sharp corrects the estimated motion by what the two frames show, samples the frames by a sharp kernel
            and blends them by time where they agree; published is the form that the networks were published in.
        estimates: motion is estimated once for each output frame, or once for each pair of source frames, which costs
            less the more frames lie between them.
        bars: whether black bars, or borders of any other constant value, are kept as they are, and motion is estimated
            in the picture alone.
        still: whether captions, logos and scores that stand still over a moving picture are found and kept, and what is
            behind them is interpolated without them.
        matrix: matrix of a YUV clip, by name or number; overrides the frame properties.
        device: auto, cpu, cuda, cuda:N, mps, xpu or xpu:N; or several, separated by commas. Frames are distributed by
            their number, so that a frame always comes from the same device. Devices of different kinds round
            differently. The CPU may be listed twice, for two frames at once that share nothing.
        precision: auto, fp32, fp16 or bf16.
        sc: whether pairs with a scene change between their frames are left uninterpolated.
        sc_threshold: score from which a pair counts as a scene change if its frames do not tell, 0..1.
        sc_mode: what is shown between the frames of such a pair: hold the left one, the nearest, or a blend.
        sc_clip: clip whose frame properties mark the scene changes, instead of the clip's own.
        dedup: whether interpolation goes across runs of repeated frames.
        dedup_limit: length of the longest run that is treated so, in source frames; longer ones are still pictures.
        skip: whether the nearest frame is shown between two frames that are alike.
        skip_threshold: PSNR of luma in dB from which two frames are alike.
        extra: other clips of the same length, warped with the clip's motion.
        protect: GRAY mask; where it is white the left frame is kept.
        show: draws flow, mask, cuts or time over the picture.
        shutter: angle of a camera's shutter in degrees, for motion blur: an output is the mean over this share, of 360,
            of the time to the next output, from its own time on.
        pace: whether things that are drawn anew only every other or third frame, while the rest of the picture moves
            otherwise, are interpolated between their drawings, each at its own pace.
        gpu_id: the ncnn plugin's name for `device`; -1 is the CPU.
        gpu_thread: accepted for scripts of the ncnn plugin, without effect.
        tta: the ncnn plugin's name for `ensemble=8`.
        uhd: the ncnn plugin's name for `scale=0.5`.
        list_gpu: writes the list of devices on the picture instead of interpolating.
    """

    timestep: float | None = _of("Motion At", None)
    timestep_clip: Clip | None = _of("At", None)

    frames: Sequence[int] | None = _of("Replace", None)
    prop: str | None = _of("Replace", None)
    prop_clip: Clip | None = _of("Replace", None)
    limit: int = _of("Replace", 8)

    # in RIFE these are the ncnn plugin's, in its order: scripts for it give some by position
    model: str | None = _of("RIFE Motion At Replace", None)
    factor_num: int | None = _of("RIFE Motion", None)
    factor_den: int | None = _of("RIFE Motion", None)
    fps_num: int | None = _of("RIFE Motion", None)
    fps_den: int | None = _of("RIFE Motion", None)
    model_path: str | None = _of("RIFE Motion At Replace", None)
    gpu_id: int | None = _of("RIFE", None)
    gpu_thread: int | None = _of("RIFE", None)
    tta: int = _of("RIFE", 0)
    uhd: int = _of("RIFE", 0)
    sc: int = _of("RIFE Motion At Replace", 1)
    skip: int = _of("RIFE", 0)
    skip_threshold: float = _of("RIFE", 60.0)
    list_gpu: int = _of("RIFE", 0)

    multi: float | None = _of("RIFE Motion", None)
    timecodes: str | None = _of("RIFE Motion", None)
    vfr: int | None = _of("RIFE Motion", None)
    positions: Sequence[float] | None = _of("RIFE Motion", None)
    snap: float = _of("RIFE Motion", 0.0009)

    auto_download: int = _of("RIFE Motion At Replace", 1)
    scale: float = _of("RIFE Motion At Replace", 1.0)
    ensemble: int = _of("RIFE Motion At Replace", 0)
    ensemble_mask: str = _of("RIFE Motion At Replace", DEFAULT_MASK)
    picture: str = _of("RIFE Motion At Replace", "sharp")
    estimates: str = _of("RIFE Motion At Replace", "frame")
    bars: int = _of("RIFE Motion At Replace", 1)
    still: int = _of("RIFE Motion At Replace", 0)
    matrix: str | None = _of("RIFE Motion At Replace", None)
    device: str = _of("RIFE Motion At Replace", "auto")
    precision: str = _of("RIFE Motion At Replace", "auto")

    sc_threshold: float | None = _of("RIFE Motion At Replace", None)
    sc_mode: str = _of("RIFE Motion At Replace", "hold")
    sc_clip: Clip | None = _of("RIFE Motion At Replace", None)

    dedup: int = _of("RIFE Motion", 0)
    dedup_limit: int = _of("RIFE Motion", 4)

    extra: Sequence[Clip] | None = _of("RIFE At Replace", None)
    protect: Clip | None = _of("RIFE At", None)

    show: str | None = _of("RIFE", None)
    shutter: float | None = _of("RIFE", None)
    pace: int = _of("RIFE", 0)

    def __post_init__(self) -> None:
        for name in TEXTS:
            value = getattr(self, name)
            if value is not None and (not isinstance(value, str) or not value or not value.isprintable()):
                raise ArgumentError(name, value, "printable text")
        for name, allowed in CHOICES.items():
            value = getattr(self, name)
            if value is not None and value not in allowed:
                *most, last = map(str, allowed)
                raise ArgumentError(name, value, f"{', '.join(most)} or {last}")
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ArgumentError(name, value, f"{low} to {high}")
        if self.shutter is not None and not 0 < self.shutter <= 360:
            raise ArgumentError("shutter", self.shutter, "above 0 and at most 360")
        if self.shutter is not None and (self.skip or self.positions is not None):
            other = "skip" if self.skip else "positions"
            raise RifeError(f"shutter and {other} must not both be given")
        if self.shutter is not None and self.pace:
            raise RifeError("shutter and pace must not both be given")
        if self.scale not in SCALES:
            raise ArgumentError("scale", self.scale, "0.25, 0.5, 1, 2 or 4")
        if self.matrix is not None and self.matrix_number is None:
            known = ", ".join(f"{name} ({number})" for name, number in MATRIX_NAMES.items())
            raise ArgumentError("matrix", self.matrix, f"one of {known}")
        self._check_rate()
        if self.timestep is not None and self.timestep_clip is not None:
            raise RifeError("timestep and timestep_clip must not both be given")
        others = [name for name in TIMING if getattr(self, name) is not None]
        if self.timestep is not None and others:
            raise RifeError(f"timestep must be the only timing, got {others[0]} too")

    def _check_rate(self) -> None:
        for name in ("factor_num", "factor_den", "fps_num", "fps_den"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ArgumentError(name, value, "at least 1")
        if self.multi is not None and not (math.isfinite(self.multi) and self.multi > 0):
            raise ArgumentError("multi", self.multi, "a number above 0")
        if (self.fps_num is None) != (self.fps_den is None):
            given, missing = ("fps_num", "fps_den") if self.fps_den is None else ("fps_den", "fps_num")
            raise RifeError(f"{missing} must be given too, got {given} alone")
        others = [name for name in ("factor_num", "factor_den", "fps_num") if getattr(self, name) is not None]
        if self.multi is not None and others:
            raise RifeError(f"multi must be the only rate, got {others[0]} too")
        if self.positions is not None:
            others = [name for name in TIMING if getattr(self, name) is not None and name not in ALLOWED_BESIDE]
            if others:
                raise RifeError(f"positions must be the only timing beside fps_num/fps_den, got {others[0]} too")
        if self.vfr and self.timecodes is not None:
            raise RifeError("timecodes and vfr=1 must not both be given: the file says what the frames would")

    @property
    def matrix_number(self) -> int | None:
        """The H.273 number of `matrix`."""
        if self.matrix is None:
            return None
        if self.matrix in MATRIX_NAMES:
            return MATRIX_NAMES[self.matrix]
        return next((number for number in MATRIX_NAMES.values() if str(number) == self.matrix), None)

    @property
    def path(self) -> Path | None:
        """`model_path` as a path."""
        if self.model_path is None:
            return None
        try:
            return Path(self.model_path).expanduser()
        except RuntimeError:
            raise ArgumentError("model_path", self.model_path, "a home that exists", verb="have") from None

    @property
    def extras(self) -> tuple[Clip, ...]:
        """`extra` as it was given: VapourSynth hands over a list of one as the one."""
        if self.extra is None:
            return ()
        return tuple(self.extra) if isinstance(self.extra, Sequence) else (self.extra,)

    @property
    def fps(self) -> Fraction | None:
        """The output frame rate that is asked for."""
        return Fraction(self.fps_num, self.fps_den) if self.fps_num is not None and self.fps_den is not None else None

    def rate_of(self, fps: Fraction) -> Fraction:
        """Output frames for each source frame of a clip of `fps` frames a second, where no frame rate is asked for."""
        if self.multi is not None:
            return meant_ratio(self.multi, fps)
        return Fraction(self.factor_num or 2, self.factor_den or 1)

    @property
    def rate_names(self) -> str:
        """The arguments that the output's rate follows from."""
        if self.fps_num is not None:
            return "fps_num/fps_den"
        return "multi" if self.multi is not None else "factor_num/factor_den"


def arguments_of(function: str) -> list[str]:
    """The names of the arguments that a function takes, in its order."""
    return [argument.name for argument in fields(Arguments) if function in argument.metadata["functions"]]


def descriptions() -> dict[str, str]:
    """Each argument's description, from the docstring of `Arguments`."""
    listed = cleandoc(Arguments.__doc__ or "Args:\n").split("Args:\n")[1]  # Python 3.13 does not keep its indentation
    entries = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", listed, re.M)
    return {name: " ".join(text.split()) for name, text in entries}


def kind_of(name: str) -> type[int] | type[float] | type[str]:
    """The type of an argument that can be given as text."""
    hint = next(str(argument.type) for argument in fields(Arguments) if argument.name == name)
    return next(kind for kind in (int, float, str) if kind.__name__ in hint)


def arguments_from_text(settings: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Convert arguments from text and check them, as far as that needs neither a clip nor the engine.

    Args:
        settings: names and values; the last value of a name counts.

    Raises:
        RifeError: a value is not allowed.
    """
    given: dict[str, Any] = {}
    for name, text in settings:
        kind = kind_of(name)
        try:
            if kind is int and not WHOLE.fullmatch(text.strip()):
                raise ValueError(text)
            given[name] = kind(text)
        except ValueError as error:
            raise ArgumentError(name, text, {int: "an integer", float: "a number"}[kind]) from error
    Arguments(**given)
    return given
