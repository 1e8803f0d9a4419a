"""What a frame's VapourSynth properties say of its duration. Imports the standard library alone."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

__all__ = ["Properties", "integer", "own_duration"]

Properties = Mapping[str, Any]


def integer(properties: Properties, name: str) -> int | None:
    """An integer property, None where it is absent or of another type."""
    value = properties.get(name)
    return int(value) if isinstance(value, int) else None


def own_duration(properties: Properties) -> Fraction | None:
    """The frame's duration in seconds, None where the frame states none above 0."""
    num, den = integer(properties, "_DurationNum"), integer(properties, "_DurationDen")
    return Fraction(num, den) if num and den and num > 0 and den > 0 else None
