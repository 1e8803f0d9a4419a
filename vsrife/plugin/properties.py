"""Frame properties, read and written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from vsrife.colour import MATRIX_NAMES, guessed_matrix
from vsrife.plugin.arguments import INT64_MAX

if TYPE_CHECKING:
    from vsrife.engine import Colour
    from vsrife.plugin.pairing import Decision
    from vsrife.timing.timeline import Timeline

__all__ = [
    "Properties",
    "colour",
    "duration",
    "guesses",
    "own_duration",
    "position",
    "scene_changes",
    "span",
]

HALF = Fraction(1, 2)

Properties = Mapping[str, Any]
KNOWN_MATRICES = frozenset(MATRIX_NAMES.values())


def integer(properties: Properties, name: str) -> int | None:
    """An integer property, None where it is absent or something else."""
    value = properties.get(name)
    return int(value) if isinstance(value, int) else None


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


def guesses(properties: Properties, family: str, width: int, height: int, matrix: int | None) -> Iterator[str]:
    """What `colour` takes that a frame does not say, a line each; the usual range is not worth one."""
    said = integer(properties, "_Matrix")
    if family == "yuv" and matrix is None and said not in KNOWN_MATRICES:
        taken = "709" if guessed_matrix(width, height) == 1 else "601"
        lack = "do not say their matrix" if said in (None, 2) else f"say matrix {said}, which is not known here"
        yield f"the frames {lack}: {taken} is taken for {width}x{height} (matrix= names another)"
    full = integer(properties, "_Range")
    if full not in (None, 0, 1):
        yield f"the frames say _Range {full}, which is neither 0 nor 1: limited is taken"


def own_duration(properties: Properties) -> Fraction | None:
    """How long a source frame lasts, in seconds, where it says so sensibly."""
    num, den = integer(properties, "_DurationNum"), integer(properties, "_DurationDen")
    return Fraction(num, den) if num and den and num > 0 and den > 0 else None


def span(position: Fraction, step: Fraction, durations: Mapping[int, Fraction]) -> Fraction | None:
    """How long `step` source frames from a position last, in seconds.

    Args:
        position: in source frames.
        step: source frames.
        durations: of source frames in seconds, those that are known; the others last as long as the first one, without
            which there is no answer.
    """
    first = durations.get(int(position))
    if first is None:
        return None
    seconds = step * first
    for number, own in durations.items():
        covered = min(position + step, Fraction(number + 1)) - max(position, Fraction(number))
        if covered > 0:
            seconds += covered * (own - first)
    return seconds


def duration(seconds: Fraction | None) -> dict[str, int]:
    """An output frame's duration, where it is known and fits."""
    if seconds is None or max(seconds.numerator, seconds.denominator) > INT64_MAX:
        return {}
    return {"_DurationNum": seconds.numerator, "_DurationDen": seconds.denominator}


def scene_changes(properties: Properties, n: int, number: int, timeline: Timeline, *, nearest: bool) -> dict[str, int]:
    """A cut belongs to the last output before it and the first after it, not to all that share a source frame.

    Args:
        properties: of the source frame whose properties output n has.
        n: the output.
        number: of that source frame.
        timeline: of the outputs.
        nearest: whether the later half of a cut shows the right frame.
    """
    changes = {}
    if integer(properties, "_SceneChangePrev") and n > 0:
        before = timeline.at(n - 1)
        late = nearest and before.left == number - 1 and before.timestep >= HALF
        if before.left == number or late:
            changes["_SceneChangePrev"] = 0
    if integer(properties, "_SceneChangeNext"):
        after = timeline.at(n + 1)
        early = after.left == number and not (nearest and after.timestep >= HALF)
        if early or (nearest and after.left == number - 1):
            changes["_SceneChangeNext"] = 0
    return changes


def position(decision: Decision) -> dict[str, int]:
    """Where an output frame lies between two source frames, whether the network made it, and whether at a cut."""
    timestep = decision.timestep
    if timestep.denominator > INT64_MAX:
        timestep = timestep.limit_denominator(INT64_MAX)
    return {
        "RifeLeft": decision.left,
        "RifeRight": decision.right,
        "RifeTimeNum": timestep.numerator,
        "RifeTimeDen": timestep.denominator,
        "RifeMade": int(decision.kind == "made"),
        "RifeCut": int(decision.kind == "cut"),
    }
