"""Vimeo90K, the triplets and the septuplets, as they are unpacked."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vsrife.errors import ArgumentError, RifeError
from vsrife.footage.pictures import read_picture
from vsrife.footage.windows import Window, WindowSet

__all__ = ["VimeoWindows", "is_vimeo", "open_vimeo"]

SPLITS = ("train", "test")
KINDS = {"sep": 7, "tri": 3}
"""How the lists' names begin → pictures of a sequence."""


class VimeoWindows(WindowSet):
    """Sequences of pictures, read when they are asked for; their times are 0, 1, 2 and so on.

    Args:
        folder: that holds `sequences`.
        names: of the sequences.
        length: pictures of each.
    """

    def __init__(self, folder: Path, names: list[str], length: int) -> None:
        self.folder = folder
        self.names = names
        self.length = length

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Window:
        """A sequence, or a `RifeError` where a picture is missing or of another size."""
        name = self.names[self._number(index)]
        folder = self.folder / "sequences" / name
        pictures = [read_picture(folder / f"im{k}.png") for k in range(1, self.length + 1)]
        sizes = sorted({f"{picture.shape[1]}x{picture.shape[0]}" for picture in pictures})
        if len(sizes) > 1:
            raise RifeError(f"{folder} must hold pictures of one size, got {' and '.join(sizes)}")
        return Window(np.stack(pictures), np.arange(self.length, dtype=np.float64), name)


def is_vimeo(folder: Path) -> bool:
    """Whether a folder looks like Vimeo90K's."""
    return any((folder / f"{kind}_{split}list.txt").is_file() for kind in KINDS for split in SPLITS)


def open_vimeo(folder: Path, split: str = "train") -> VimeoWindows:
    """The sequences of Vimeo90K that one of its lists names.

    Args:
        folder: the unpacked one: `sequences`, and `tri_trainlist.txt`, `tri_testlist.txt` or those of `sep`; where
            there are both, the septuplets.
        split: which list, train or test.

    Raises:
        RifeError: there is no such list, or its first sequence is not there.
    """
    if split not in SPLITS:
        raise ArgumentError("split", split, "train or test")
    folder = Path(folder).expanduser().absolute()
    for kind, length in KINDS.items():
        file = folder / f"{kind}_{split}list.txt"
        if file.is_file():
            names = file.read_text(encoding="utf-8").split()
            if not names or not (folder / "sequences" / names[0]).is_dir():
                got = f"{names[0]}, which is not there" if names else "none"
                raise RifeError(f"{file} must name folders in sequences, got {got}")
            return VimeoWindows(folder, names, length)
    lists = " or ".join(f"{kind}_{split}list.txt" for kind in KINDS)
    raise ArgumentError("folder", folder, lists, verb="hold")
