"""The suite that a path is: a test set by what lies in its folder, or a clip."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vsrife.errors import ArgumentError, RifeError, named
from vsrife.evaluation.cases import Choice
from vsrife.evaluation.clips import clip_suite
from vsrife.evaluation.sets import LAYOUTS
from vsrife.footage.pictures import pictures_in

if TYPE_CHECKING:
    from vsrife.evaluation.cases import Suite

__all__ = ["SUITES", "find_suite"]

CLIP = "clip"
SUITES = (*LAYOUTS, CLIP)
"""Names of all kinds of suites."""


@named("find_suite")
def find_suite(path: Path, name: str | None = None, choice: Choice | None = None) -> Suite:
    """The suite of a path.

    Args:
        path: a test set's folder (of SNU-FILM also one of its lists), a video, a script or a folder of frames.
        name: of `SUITES`, where the contents of the folder do not decide it.
        choice: which cases of it.

    Raises:
        RifeError: there is nothing of this kind, or it cannot be read.
    """
    path, choice = Path(path).expanduser(), choice or Choice()
    if name is not None and name not in SUITES:
        raise ArgumentError("suite", name, f"one of {', '.join(SUITES)}")
    if not path.exists():
        raise ArgumentError("path", path, "a file or folder that exists")
    try:
        for layout_name, layout in LAYOUTS.items():
            if name in (None, layout_name) and (suite := layout.suite(path, choice)):
                return suite
        if name in LAYOUTS:
            raise RifeError(f"{path} must hold {LAYOUTS[name].holds} to be {LAYOUTS[name].title}")
        if path.is_dir() and not pictures_in(path):
            raise ArgumentError("path", path, "a clip, a folder of frames or a known test set")
    except OSError as error:
        raise RifeError(f"{path} cannot be read: {error.strerror or error}") from error
    return clip_suite(path, choice)
