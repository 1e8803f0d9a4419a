"""Windows of anything, by what a path is."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vsrife.errors import ArgumentError, RifeError
from vsrife.footage.extract import extract_windows, key_of
from vsrife.footage.pictures import natural_order, pictures_in
from vsrife.footage.vimeo import is_vimeo, open_vimeo
from vsrife.footage.windows import SHORTEST, JoinedWindows, WindowOptions, WindowSet

if TYPE_CHECKING:
    from vsrife.footage.extract import Progress

__all__ = ["window_set"]


def window_set(
    path: Path, split: str, options: WindowOptions, cache: Path, progress: Progress | None = None
) -> WindowSet:
    """The windows of a Vimeo90K folder, a folder of folders of pictures, one of pictures, a video or a script.

    Args:
        path: of any of these. In a folder of folders each one with at least 3 pictures is a sequence.
        split: which of Vimeo90K's lists, train or test; of the others the options' span says which part is taken.
        options: which windows; of no use to Vimeo90K, whose sequences are taken whole.
        cache: folder in which extracted windows are kept, a folder for each source and options.
        progress: told how many of how many frames were read.

    Raises:
        RifeError: the path is none of these, cannot be read, or nothing in it moves for 3 frames.
    """
    path = Path(path).expanduser().absolute()
    if path.is_dir() and is_vimeo(path):
        return open_vimeo(path, split)
    windows = _sequences(path, options, cache, progress)
    if windows is None:
        windows = extract_windows(path, _folder(path, options, cache), options, progress)
    if not len(windows):
        raise RifeError(f"path must hold {SHORTEST} frames of one shot that move, got {path} without")
    return windows


def _sequences(path: Path, options: WindowOptions, cache: Path, progress: Progress | None) -> WindowSet | None:
    """Those of a folder of folders; None where it is none.

    Raises:
        RifeError: the folder holds neither pictures nor folders of them.
    """
    if not path.is_dir() or pictures_in(path):
        return None
    folders = sorted((folder for folder in path.iterdir() if folder.is_dir()), key=natural_order)
    lengths = {folder: len(pictures_in(folder)) for folder in folders}
    folders = [folder for folder in folders if lengths[folder] >= SHORTEST]
    if not folders:
        raise ArgumentError("path", path, f"pictures, or folders with {SHORTEST} or more", verb="hold")
    part = options.within(len(folders))
    folders = folders[part.start : part.stop]
    total, before = sum(lengths[folder] for folder in folders), 0
    whole = replace(options, span=(0, 1))
    sets = []
    for folder in folders:
        told = _shifted(progress, before, total)
        sets.append(extract_windows(folder, _folder(folder, whole, cache), whole, told))
        before += lengths[folder]
    return JoinedWindows(sets)


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Progress of a part as progress of all."""
    return progress and (lambda done, _: progress(before + done, total))


def _folder(path: Path, options: WindowOptions, cache: Path) -> Path:
    """Where the windows of a source are kept: its name, and what they depend on."""
    key = json.dumps(key_of(path, options)).encode()
    return Path(cache) / f"{path.stem}-{hashlib.sha256(key).hexdigest()[:16]}"
