"""Windows of any source by its path: films, folders of pictures, Vimeo90K as it is unpacked."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vsrife.errors import ArgumentError, RifeError, named
from vsrife.footage.extract import extract_windows, key_of
from vsrife.footage.pictures import folders_in, pictures_in, read_picture
from vsrife.footage.windows import SHORTEST, JoinedWindows, Window, WindowOptions, WindowSet

if TYPE_CHECKING:
    from vsrife.footage.extract import Progress

__all__ = ["VimeoWindows", "open_vimeo", "window_set"]

SPLITS = ("train", "test")
LISTS = {"sep": 7, "tri": 3}
"""First letters of Vimeo90K's lists → pictures of a sequence."""


class VimeoWindows(WindowSet):
    """Sequences of pictures, read when they are requested; their times are 0, 1, 2 and so on.

    Args:
        folder: the one that holds `sequences`.
        names: of the sequences.
        length: number of pictures in each.
    """

    def __init__(self, folder: Path, names: list[str], length: int) -> None:
        self.folder = folder
        self.names = names
        self.length = length

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Window:
        """A sequence.

        Raises:
            RifeError: a picture is missing or of another size.
        """
        name = self.names[self._number(index)]
        folder = self.folder / "sequences" / name
        pictures = [read_picture(folder / f"im{k}.png") for k in range(1, self.length + 1)]
        sizes = sorted({f"{picture.shape[1]}x{picture.shape[0]}" for picture in pictures})
        if len(sizes) > 1:
            raise RifeError(f"{folder} must hold pictures of one size, got {' and '.join(sizes)}")
        return Window(np.stack(pictures), np.arange(self.length, dtype=np.float64), name)


@named("open_vimeo")
def open_vimeo(folder: Path, split: str = "train") -> VimeoWindows:
    """The sequences of Vimeo90K that one of its lists names.

    Args:
        folder: holds `sequences`, and `tri_trainlist.txt`, `tri_testlist.txt` or those of `sep`; where there are both,
            the septuplets are taken.
        split: of which list, train or test.

    Raises:
        RifeError: there is no such list, or its first sequence is not there.
    """
    if split not in SPLITS:
        raise ArgumentError("split", split, "train or test")
    folder = Path(folder).expanduser().absolute()
    for kind, length in LISTS.items():
        file = folder / f"{kind}_{split}list.txt"
        if file.is_file():
            names = file.read_text(encoding="utf-8").split()
            if not names or not (folder / "sequences" / names[0]).is_dir():
                got = f"{names[0]}, which is not there" if names else "none"
                raise RifeError(f"{file} must name folders in sequences, got {got}")
            return VimeoWindows(folder, names, length)
    lists = " or ".join(f"{kind}_{split}list.txt" for kind in LISTS)
    raise ArgumentError("folder", folder, lists, verb="hold")


@named("window_set")
def window_set(
    path: Path, split: str, options: WindowOptions, cache: Path, progress: Progress | None = None
) -> WindowSet:
    """The windows of a Vimeo90K folder, a folder of folders of pictures, one of pictures, a video or a script.

    Args:
        path: of any of these. In a folder of folders each one with at least 3 pictures is a sequence.
        split: of Vimeo90K's lists, train or test; of other sources the options' span says which part is taken.
        options: which windows; ignored for Vimeo90K, whose sequences are taken complete.
        cache: folder in which extracted windows are kept, one folder for each source and options.
        progress: called with the number of frames read and of all.

    Raises:
        RifeError: the path is none of these, cannot be read, or nothing in it moves for 3 frames.
    """
    path = Path(path).expanduser().absolute()
    if any((path / f"{kind}_{name}list.txt").is_file() for kind in LISTS for name in SPLITS):
        return open_vimeo(path, split)
    windows = _sequences(path, options, cache, progress)
    if windows is None:
        windows = extract_windows(path, _folder(path, options, cache), options, progress)
    if not len(windows):
        raise RifeError(f"path must hold {SHORTEST} frames of one shot that move, got {path} without")
    return windows


def _sequences(path: Path, options: WindowOptions, cache: Path, progress: Progress | None) -> WindowSet | None:
    """The windows of a folder of folders; None where the path is something else.

    Raises:
        RifeError: the folder holds neither pictures nor folders of them.
    """
    if not path.is_dir() or pictures_in(path):
        return None
    lengths = {folder: len(pictures_in(folder)) for folder in folders_in(path)}
    folders = [folder for folder, length in lengths.items() if length >= SHORTEST]
    if not folders:
        raise ArgumentError("path", path, f"pictures, or folders with {SHORTEST} or more", verb="hold")
    part = options.within(len(folders))
    folders = folders[part.start : part.stop]
    total, before = sum(lengths[folder] for folder in folders), 0
    options = replace(options, span=(0, 1))
    sets = []
    for folder in folders:
        part_of_all = progress and partial(_report, progress, before, total)
        sets.append(extract_windows(folder, _folder(folder, options, cache), options, part_of_all))
        before += lengths[folder]
    return JoinedWindows(sets)


def _report(progress: Progress, before: int, total: int, done: int, _: int) -> None:
    """Report the progress of a part as progress of all."""
    progress(before + done, total)


def _folder(path: Path, options: WindowOptions, cache: Path) -> Path:
    """The folder that keeps the windows of a source, named after it and a hash of all that they depend on."""
    key = json.dumps(key_of(path, options)).encode()
    return Path(cache) / f"{path.stem}-{hashlib.sha256(key).hexdigest()[:16]}"
