"""The suite that a path is: a test set by what lies in its folder, or a clip."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vsrife.errors import RifeError
from vsrife.evaluation.cases import Choice
from vsrife.evaluation.clips import clip_suite
from vsrife.evaluation.sets import LAYOUTS
from vsrife.footage.pictures import pictures_in

if TYPE_CHECKING:
    from vsrife.evaluation.cases import Suite

__all__ = ["SUITES", "find_suite"]

CLIP = "clip"
SUITES = (*LAYOUTS, CLIP)
"""What a suite can be asked for as."""


def find_suite(path: Path, name: str | None = None, choice: Choice | None = None) -> Suite:
    """The suite of a path.

    Args:
        path: a test set's folder (of SNU-FILM also one of its lists), a video, a script or a folder of frames.
        name: of `SUITES`, where it is not to be told by what the folder holds.
        choice: which cases of it.

    Raises:
        RifeError: there is nothing of this kind, or it cannot be read.
    """
    path, choice = Path(path).expanduser(), choice or Choice()
    if name is not None and name not in SUITES:
        raise RifeError(f"evaluate: suite must be one of {', '.join(SUITES)}, got {name[:60]}")
    if not path.exists():
        raise RifeError(f"evaluate: path must be a file or folder that exists, got {path}")
    try:
        for layout_name, layout in LAYOUTS.items():
            if name in (None, layout_name) and (suite := layout.suite(path, choice)):
                return suite
        if name in LAYOUTS:
            raise RifeError(f"evaluate: {path} must hold {LAYOUTS[name].holds} to be {LAYOUTS[name].title}")
        if path.is_dir() and not pictures_in(path):
            raise RifeError(f"evaluate: path must be a clip, a folder of frames or a known test set, got {path}")
    except OSError as error:
        raise RifeError(f"evaluate: {path} cannot be read: {error.strerror or error}") from error
    return clip_suite(path, choice)
