"""Frame properties, read and written."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from vsrife.plugin.arguments import INT64_MAX, MATRIX_NAMES

if TYPE_CHECKING:
    from vsrife.engine import Colour
    from vsrife.plugin.timeline import Moment

__all__ = ["Properties", "colour", "cut_between", "duration", "guessed_matrix", "position"]

Properties = Mapping[str, Any]
KNOWN_MATRICES = frozenset(MATRIX_NAMES.values())


def integer(properties: Properties, name: str) -> int | None:
    """An integer property, None where it is absent or something else."""
    value = properties.get(name)
    return int(value) if isinstance(value, int) else None


def guessed_matrix(width: int, height: int) -> int:
    """The matrix a player assumes where a clip does not say: BT.709 for HD, BT.601 below."""
    return 1 if width >= 1280 or height > 576 else 6


def colour(properties: Properties, *, is_rgb: bool, width: int, height: int, matrix: int | None) -> Colour:
    """How a frame's samples become RGB.

    Range is `_Range` (H.273: 1 is full) before the older `_ColorRange` (0 is full); unspecified is full for RGB and
    limited for the rest. An unspecified or unknown matrix is guessed, `matrix` overrides it.
    """
    from vsrife.engine import Colour

    said = integer(properties, "_Matrix")
    if matrix is None:
        matrix = said if said in KNOWN_MATRICES else guessed_matrix(width, height)
    full = integer(properties, "_Range")
    if full is None:
        limited = integer(properties, "_ColorRange")
        full = None if limited is None else int(limited == 0)
    location = integer(properties, "_ChromaLocation")
    return Colour(
        matrix=matrix or 1,
        full_range=is_rgb if full is None else full == 1,
        chroma_location=location if location is not None and 0 <= location <= 5 else 0,
    )


def cut_between(left: Properties, right: Properties) -> bool:
    """Whether a scene change lies between two neighbouring source frames."""
    return bool(integer(left, "_SceneChangeNext") or integer(right, "_SceneChangePrev"))


def duration(properties: Properties, rate: Fraction, fps: Fraction) -> dict[str, int]:
    """An output frame's duration: the clip's where its new frame rate is known, else its source frame's share."""
    if fps > 0:
        seconds = 1 / fps
    else:
        num, den = integer(properties, "_DurationNum"), integer(properties, "_DurationDen")
        if not num or not den or num < 0 or den < 0:
            return {}
        seconds = Fraction(num, den) / rate
    if max(seconds.numerator, seconds.denominator) > INT64_MAX:
        return {}
    return {"_DurationNum": seconds.numerator, "_DurationDen": seconds.denominator}


def position(moment: Moment, *, made: bool) -> dict[str, int]:
    """Where an output frame lies, `RifeLeft` + `RifeTimeNum`/`RifeTimeDen`, and whether the network made it."""
    return {
        "RifeLeft": moment.left,
        "RifeTimeNum": moment.timestep.numerator,
        "RifeTimeDen": moment.timestep.denominator,
        "RifeMade": int(made),
    }
