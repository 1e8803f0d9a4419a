"""The published test sets, as they are unpacked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch

from vsrife.errors import ArgumentError, RifeError
from vsrife.evaluation.cases import Case, Suite, Truth, shrunk
from vsrife.evaluation.yuv import YuvFrame, read_yuv, yuv_length, yuv_size
from vsrife.footage.pictures import folders_in, natural_order, read_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from torch import Tensor

    from vsrife.evaluation.cases import Choice

__all__ = ["LAYOUTS", "Layout"]

CACHED = 4
"""Pictures kept in memory: neighbouring cases share one."""
HD_FRAMES = 101
"""Frames of a clip, from its first one, that the published HD scripts evaluate."""
X4K_FRAMES = 33
MIDDLEBURY = "Middlebury OTHER"
LEVELS = ("easy", "medium", "hard", "extreme")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")

Source = Path | YuvFrame


class Entry(NamedTuple):
    """A case that is not read yet: as `Case`, with files or frames at even distances in place of pictures."""

    name: str
    sources: tuple[Source, ...]
    clip: str = ""
    group: str = ""


@dataclass(frozen=True)
class Layout:
    """How a set lies in its folder.

    Args:
        title: name of the set.
        entries: the cases that a folder holds, none where it is laid out otherwise.
        reported: as in `Suite`.
        holds: what a folder of this layout holds, for messages.
    """

    title: str
    entries: Callable[[Path, Choice], list[Entry]]
    reported: tuple[str, ...]
    holds: str

    def suite(self, folder: Path, choice: Choice) -> Suite | None:
        """The set in a folder; None where that has another layout.

        Raises:
            RifeError: the set has no such choice, or the choice leaves nothing.
        """
        entries = self.entries(folder, choice)
        if not entries:
            return None
        selected = choice.select(entries)
        if not selected:
            raise RifeError(f"span must leave cases of {folder.name}, got one with none of {len(entries)}")
        return Suite(self.title, len(selected), lambda: _cases(selected, choice), self.reported)


def _cases(entries: Iterable[Entry], choice: Choice) -> Iterator[Case]:
    @lru_cache(CACHED)
    def read(source: Source) -> Tensor:
        picture = read_yuv(source) if isinstance(source, YuvFrame) else _picture(source)
        return shrunk(picture, choice.scale(picture.shape[2], picture.shape[1]))

    for entry in entries:
        first, *between, last = (read(source) for source in entry.sources)
        sizes = sorted({f"{picture.shape[2]}x{picture.shape[1]}" for picture in (first, *between, last)})
        if len(sizes) > 1:
            raise RifeError(f"pictures of {entry.name} must have one size, got {' and '.join(sizes)}")
        steps = len(entry.sources) - 1
        truths = tuple(Truth(Fraction(k, steps), picture) for k, picture in enumerate(between, 1))
        yield Case(entry.name, first, last, truths, entry.clip, entry.group)


def _picture(path: Path) -> Tensor:
    return torch.from_numpy(read_picture(path)).permute(2, 0, 1).contiguous()


def _listed(file: Path) -> list[str]:
    """The lines of a list that are not blank; none where there is no such file."""
    if not file.is_file():
        return []
    return [line.strip() for line in file.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]


def _scenes(title: str, names: Sequence[str], folder: Path, choice: Choice) -> list[Entry]:
    """An entry for each folder within one that holds the three pictures of these names, of any kind.

    Raises:
        RifeError: there are such folders, and the chosen factor is not 2.
    """
    entries = []
    for scene in folders_in(folder):
        files = [next((f for s in SUFFIXES if (f := scene / f"{name}{s}").is_file()), None) for name in names]
        if all(files):
            entries.append(Entry(scene.name, tuple(file for file in files if file)))
    if entries:
        choice.factor_of(title, 2)
    return entries


def _triplets(folder: Path, choice: Choice) -> list[Entry]:
    """Vimeo90K's triplets: `tri_testlist.txt` beside `sequences`, or beside `target` in the test set by itself."""
    names = _listed(folder / "tri_testlist.txt")
    if names:
        choice.factor_of("Vimeo90K", 2)
    place = folder / ("sequences" if (folder / "sequences").is_dir() else "target")
    return [Entry(name, tuple(place / name / f"im{k}.png" for k in (1, 2, 3))) for name in names]


def _septuplets(folder: Path, choice: Choice) -> list[Entry]:
    """Vimeo90K's septuplets: the outer two and the five between; at 2 or 3, one after another."""
    names = _listed(folder / "sep_testlist.txt")
    step = choice.factor_of("Vimeo90K septuplet", 6, 2, 3) if names else 6
    entries = []
    for name in names:
        files = [folder / "sequences" / name / f"im{k}.png" for k in range(1, 8)]
        for start in range(0, 6, step):
            part = "" if step == 6 else f"/im{start + 1}"
            entries.append(Entry(name + part, tuple(files[start : start + step + 1])))
    return entries


def _middlebury(folder: Path, choice: Choice) -> list[Entry]:
    """A folder of each scene, or two as they are published, the true pictures in `other-gt-interp`."""
    entries = _scenes(MIDDLEBURY, ("frame10", "frame10i11", "frame11"), folder, choice)
    for scene in _scenes(MIDDLEBURY, ("frame10i11",), folder / "other-gt-interp", choice):
        first, last = (folder / "other-data" / scene.name / f"frame{k}.png" for k in (10, 11))
        if first.is_file() and last.is_file():
            entries.append(Entry(scene.name, (first, *scene.sources, last)))
    return entries


def _snu_film(folder: Path, choice: Choice) -> list[Entry]:
    """`test-easy.txt` and so on, or one of them, which name pictures by paths that begin somewhere above."""
    single = re.fullmatch(rf"test-({'|'.join(LEVELS)})\.txt", folder.name)
    lists = {single[1]: folder} if single else {level: _list_of(folder, level) for level in LEVELS}
    entries = []
    for level, file in lists.items():
        root = file.parent.parent if file.parent.name == "eval_modes" else file.parent
        for line in _listed(file):
            sources = tuple(_below(root, name) for name in line.split())
            if len(sources) != 3:
                raise ArgumentError(file.name, line, "three pictures in a line", verb="name")
            entries.append(Entry(f"{level}/{sources[1].parent.name}/{sources[1].stem}", sources, group=level))
    if entries:
        choice.factor_of("SNU-FILM", 2)
    return entries


def _list_of(folder: Path, level: str) -> Path:
    beside = folder / f"test-{level}.txt"
    return beside if beside.is_file() else folder / "eval_modes" / beside.name


def _below(root: Path, name: str) -> Path:
    """The file that the longest matching end of a path leads to below a folder."""
    parts = Path(name).parts
    candidates = [base.joinpath(*parts[k:]) for k in range(len(parts)) for base in (root, root / "test")]
    return next((path for path in candidates if path.is_file()), root / name)


def _x4k(folder: Path, choice: Choice) -> list[Entry]:
    """X4K1000FPS's test: folders of 33 frames within `Type1` to `Type3`, or `test` above them; all 32 apart."""
    places = [folder, *folders_in(folder), *(place for above in folders_in(folder) for place in folders_in(above))]
    entries = []
    for place in (each for above in places for each in folders_in(above)):
        files = [place / f"{k:04d}.png" for k in range(X4K_FRAMES)]
        if files[0].is_file() and files[-1].is_file():
            step = (X4K_FRAMES - 1) // choice.factor_of("X4K1000FPS", 8, 2, 4, 16, 32)
            entries.append(Entry(place.name, tuple(files[::step])))
    return entries


def _hd(folder: Path, choice: Choice) -> list[Entry]:
    """Raw 4:2:0 clips, in the folder or those within: their first 101 frames, as the published scripts go."""
    files = [path for place in (folder, *folders_in(folder)) for path in place.glob("*.yuv")] if folder.is_dir() else []
    factor = choice.factor_of("HD", 2, 4, 8) if files else 2
    entries = []
    for path in sorted(files, key=natural_order):
        size = yuv_size(path)
        frames = min(yuv_length(path, size), HD_FRAMES)
        if frames <= factor:
            raise RifeError(f"{path.name} must have at least {factor + 1} frames, got {frames}")
        for start in range(0, frames - factor, factor):
            sources = tuple(YuvFrame(path, *size, n) for n in range(start, start + factor + 1))
            entries.append(Entry(f"{path.stem}/{start}", sources, path.stem, f"{size[1]}p"))
    return entries


def _triplet_layout(title: str, *names: str) -> Layout:
    """The layout of a folder for each triplet, whose pictures have these names."""
    holds = f"folders with {', '.join(names[:-1])} and {names[-1]}"
    return Layout(title, partial(_scenes, title, names), ("ssim_paper",), holds)


LAYOUTS: dict[str, Layout] = {
    "vimeo90k": Layout("Vimeo90K", _triplets, ("ssim_paper",), "tri_testlist.txt and sequences"),
    "septuplet": Layout("Vimeo90K septuplet", _septuplets, ("ssim_paper",), "sep_testlist.txt and sequences"),
    "ucf101": _triplet_layout("UCF101", "frame_00", "frame_01_gt", "frame_02"),
    "middlebury": Layout(MIDDLEBURY, _middlebury, ("ie_paper",), "folders with frame10, frame10i11, frame11"),
    "snu-film": Layout("SNU-FILM", _snu_film, (), "test-easy.txt, test-medium.txt, …"),
    "x4k": Layout("X4K1000FPS", _x4k, (), f"folders of {X4K_FRAMES} frames from 0000.png on"),
    "atd12k": _triplet_layout("ATD-12K", "frame1", "frame2", "frame3"),
    "hd": Layout("HD", _hd, ("psnr_luma",), "raw 4:2:0 clips, .yuv"),
}
"""The layouts by name, in the order in which they are tried."""
