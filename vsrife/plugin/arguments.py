"""The arguments of `core.rife.RIFE`: one dataclass, checked once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from vsrife.errors import RifeError
from vsrife.networks.config import SCALES
from vsrife.plugin.timeline import simplest_fraction

__all__ = ["MATRIX_NAMES", "Arguments"]

INT64_MAX = 2**63 - 1
ENSEMBLES = (0, 1, 2, 4, 8)
MASK_NAMES = ("own", "mean", "logit")
DEFAULT_MASK = "own"
MATRIX_NAMES = {
    "709": 1,
    "fcc": 4,
    "470bg": 5,
    "170m": 6,
    "601": 6,
    "240m": 7,
    "ycgco": 8,
    "2020ncl": 9,
    "2020cl": 10,
    "ictcp": 14,
}
"""VapourSynth's names of the H.273 matrices, each also taken by its number."""


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """What a script may say, beside the clip. `device` and `precision` are checked by the engine, which knows them.

    Args:
        multi: output frames for each source frame, any rational above 0, also below 1.
        factor_num: numerator of the same, as an integer.
        factor_den: its denominator.
        fps_num: numerator of the output frame rate.
        fps_den: its denominator; the two come together and win over `factor_num`/`factor_den`.
        model: a model's name; with `model_path`, the version its weights are of.
        model_path: a .safetensors, .pkl or .pth file of the user's own.
        auto_download: whether a model that is not here may be fetched.
        scale: flow scale: below 1 for large motion on large pictures, above 1 for small detail.
        ensemble: 0 for one look at each pair, 1 for the ensemble published inside the network, 2, 4 or 8 for the mean
            motion of so many looks (ends swapped, picture mirrored), for every network.
        ensemble_mask: what several looks are blended with: own, mean or logit.
        sc: whether a pair with a scene change between its frames is left uninterpolated.
        matrix: of a YUV clip, name or number, over what its frames say.
        device: auto, cpu, cuda, cuda:N, mps, xpu or xpu:N.
        precision: auto, fp32, fp16 or bf16.
    """

    multi: float | None = None
    factor_num: int | None = None
    factor_den: int | None = None
    fps_num: int | None = None
    fps_den: int | None = None
    model: str | None = None
    model_path: str | None = None
    auto_download: int = 1
    scale: float = 1.0
    ensemble: int = 0
    ensemble_mask: str = DEFAULT_MASK
    sc: int = 1
    matrix: str | None = None
    device: str = "auto"
    precision: str = "auto"

    def __post_init__(self) -> None:
        for name in ("model", "model_path", "ensemble_mask", "matrix", "device", "precision"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, str) or not value or not value.isprintable()):
                raise RifeError(f"RIFE: {name} must be printable text, got {_shown(value)}")
        for name in ("factor_num", "factor_den", "fps_num", "fps_den"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise RifeError(f"RIFE: {name} must be at least 1, got {value}")
        if self.multi is not None and not (math.isfinite(self.multi) and self.multi > 0):
            raise RifeError(f"RIFE: multi must be a number above 0, got {self.multi:g}")
        if (self.fps_num is None) != (self.fps_den is None):
            given, missing = ("fps_num", "fps_den") if self.fps_den is None else ("fps_den", "fps_num")
            raise RifeError(f"RIFE: {missing} must be given too, got {given} alone")
        others = [name for name in ("factor_num", "factor_den", "fps_num") if getattr(self, name) is not None]
        if self.multi is not None and others:
            raise RifeError(f"RIFE: multi must be the only rate, got {others[0]} too")
        if self.scale not in SCALES:
            raise RifeError(f"RIFE: scale must be 0.25, 0.5, 1, 2 or 4, got {self.scale:g}")
        if self.ensemble not in ENSEMBLES:
            raise RifeError(f"RIFE: ensemble must be 0, 1, 2, 4 or 8, got {self.ensemble}")
        if self.ensemble_mask not in MASK_NAMES:
            allowed = ", ".join(MASK_NAMES)
            raise RifeError(f"RIFE: ensemble_mask must be one of {allowed}, got {_shown(self.ensemble_mask)}")
        if self.matrix is not None and self.matrix_number is None:
            allowed = ", ".join(f"{name} ({number})" for name, number in MATRIX_NAMES.items())
            raise RifeError(f"RIFE: matrix must be one of {allowed}, got {_shown(self.matrix)}")

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
            raise RifeError(f"RIFE: model_path must have a home that exists, got {_shown(self.model_path)}") from None

    def rate(self, fps: Fraction) -> Fraction:
        """Output frames for each source frame of a clip of `fps` frames a second (0 where it is unknown).

        Raises:
            RifeError: a frame rate is asked for and the clip's own is unknown.
        """
        if self.fps_num is not None and self.fps_den is not None:
            if fps <= 0:
                raise RifeError(
                    "RIFE: fps_num and fps_den need a clip with a frame rate, got one of 0/0 (std.AssumeFPS sets it)"
                )
            return Fraction(self.fps_num, self.fps_den) / fps
        if self.multi is not None:
            return simplest_fraction(self.multi)
        return Fraction(self.factor_num or 2, self.factor_den or 1)


def _shown(value: object) -> str:
    """What a user gave, short and on one line."""
    text = value if isinstance(value, str) and value and value.isprintable() else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
