"""Detectors of cuts, repeats and stills: stateless functions of two pictures; and what frames state of cuts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["cut_between"]


def cut_between(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool | None:
    """Whether the properties of two neighbouring frames state a scene change between them; None where neither does."""
    stated = left.get("_SceneChangeNext"), right.get("_SceneChangePrev")
    values = [bool(value) for value in stated if isinstance(value, int)]
    return any(values) if values else None
