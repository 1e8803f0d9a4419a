"""The published test sets, as they are unpacked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch

from vsrife.errors import RifeError
from vsrife.evaluation.cases import Case, Suite, Truth, shrunk
from vsrife.evaluation.yuv import YuvFrame, read_yuv, yuv_length, yuv_size
from vsrife.footage.pictures import natural_order, read_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from torch import Tensor

    from vsrife.evaluation.cases import Choice

__all__ = ["LAYOUTS", "Layout"]

KEPT = 4
"""Pictures kept in memory, of which neighbouring cases share one."""
HD_FRAMES = 101
"""First ones of a clip that the published HD scripts go through."""
X4K_FRAMES = 33
LEVELS = ("easy", "medium", "hard", "extreme")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")

Source = Path | YuvFrame


class Entry(NamedTuple):
    """A case that is yet to be read.

    Args:
        name: of the case.
        sources: the first picture, those between at even distances, the last.
        clip: see `Case`.
        group: see `Case`.
    """

    name: str
    sources: tuple[Source, ...]
    clip: str = ""
    group: str = ""


@dataclass(frozen=True)
class Layout:
    """How a set lies in its folder.

    Args:
        title: of the set.
        entries: those that a folder holds, none where it is laid out otherwise.
        reported: see `Suite`.
        holds: what a folder of this layout holds, for messages.
    """

    title: str
    entries: Callable[[Path, Choice], list[Entry]]
    reported: tuple[str, ...]
    holds: str

    def suite(self, folder: Path, choice: Choice) -> Suite | None:
        """The set in a folder; None where that has another layout.

        Raises:
            RifeError: the choice cannot be made of this set, or leaves nothing.
        """
        found = self.entries(folder, choice)
        if not found:
            return None
        taken = choice.taken(found)
        if not taken:
            raise RifeError(f"span must leave cases of {folder.name}, got one with none of {len(found)}")
        return Suite(self.title, len(taken), lambda: _cases(taken, choice), self.reported)


def _cases(entries: Iterable[Entry], choice: Choice) -> Iterator[Case]:
    @lru_cache(KEPT)
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


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted((path for path in folder.iterdir() if path.is_dir()), key=natural_order)


def _listed(file: Path) -> list[str]:
    """The lines of a list that say something."""
    if not file.is_file():
        return []
    return [line.strip() for line in file.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]


def _named(folder: Path, names: Sequence[str], *, group: str = "") -> list[Entry]:
    """An entry for each folder within one that holds pictures of these names, of any kind."""
    entries = []
    for place in _folders(folder):
        found = [next((f for s in SUFFIXES if (f := place / f"{name}{s}").is_file()), None) for name in names]
        if all(found):
            entries.append(Entry(place.name, tuple(file for file in found if file), group=group))
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


def _ucf101(folder: Path, choice: Choice) -> list[Entry]:
    entries = _named(folder, ("frame_00", "frame_01_gt", "frame_02"))
    if entries:
        choice.factor_of("UCF101", 2)
    return entries


def _middlebury(folder: Path, choice: Choice) -> list[Entry]:
    """A folder of each scene, or two as they are published, the true pictures in `other-gt-interp`."""
    entries = _named(folder, ("frame10", "frame10i11", "frame11"))
    for place in _folders(folder / "other-gt-interp"):
        ends = [folder / "other-data" / place.name / f"frame{k}.png" for k in (10, 11)]
        if (place / "frame10i11.png").is_file() and all(end.is_file() for end in ends):
            entries.append(Entry(place.name, (ends[0], place / "frame10i11.png", ends[1])))
    if entries:
        choice.factor_of("Middlebury OTHER", 2)
    return entries


def _atd12k(folder: Path, choice: Choice) -> list[Entry]:
    entries = _named(folder, ("frame1", "frame2", "frame3"))
    if entries:
        choice.factor_of("ATD-12K", 2)
    return entries


def _snu_film(folder: Path, choice: Choice) -> list[Entry]:
    """`test-easy.txt` and so on, or one of them, which name pictures by paths that begin somewhere above."""
    single = re.fullmatch(rf"test-({'|'.join(LEVELS)})\.txt", folder.name)
    lists = {level: folder if single else _list_of(folder, level) for level in LEVELS}
    if single:
        lists = {single[1]: folder}
    entries = []
    for level, file in lists.items():
        root = file.parent.parent if file.parent.name == "eval_modes" else file.parent
        for line in _listed(file):
            named = line.split()
            if len(named) != 3:
                raise RifeError(f"{file.name} must name three pictures in a line, got {line[:60]}")
            sources = tuple(_below(root, name) for name in named)
            entries.append(Entry(f"{level}/{sources[1].parent.name}/{sources[1].stem}", sources, group=level))
    if entries:
        choice.factor_of("SNU-FILM", 2)
    return entries


def _list_of(folder: Path, level: str) -> Path:
    beside = folder / f"test-{level}.txt"
    return beside if beside.is_file() else folder / "eval_modes" / beside.name


def _below(root: Path, name: str) -> Path:
    """A file by the end of its path, as much of it as is there."""
    parts = Path(name).parts
    candidates = [base.joinpath(*parts[k:]) for k in range(len(parts)) for base in (root, root / "test")]
    return next((path for path in candidates if path.is_file()), root / name)


def _x4k(folder: Path, choice: Choice) -> list[Entry]:
    """X4K1000FPS's test: folders of 33 frames within `Type1` to `Type3`, or `test` above them; all 32 apart."""
    places = [folder, *_folders(folder), *(place for above in _folders(folder) for place in _folders(above))]
    entries = []
    for place in (each for above in places for each in _folders(above)):
        files = [place / f"{k:04d}.png" for k in range(X4K_FRAMES)]
        if files[0].is_file() and files[-1].is_file():
            step = (X4K_FRAMES - 1) // choice.factor_of("X4K1000FPS", 8, 2, 4, 16, 32)
            entries.append(Entry(place.name, tuple(files[::step])))
    return entries


def _hd(folder: Path, choice: Choice) -> list[Entry]:
    """Raw 4:2:0 clips, in the folder or those within: their first 101 frames, as the published scripts go."""
    files = [path for place in (folder, *_folders(folder)) for path in place.glob("*.yuv")] if folder.is_dir() else []
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


LAYOUTS: dict[str, Layout] = {
    "vimeo90k": Layout("Vimeo90K", _triplets, ("ssim_paper",), "tri_testlist.txt and sequences"),
    "septuplet": Layout("Vimeo90K septuplet", _septuplets, ("ssim_paper",), "sep_testlist.txt and sequences"),
    "ucf101": Layout("UCF101", _ucf101, ("ssim_paper",), "folders with frame_00, frame_01_gt and frame_02"),
    "middlebury": Layout("Middlebury OTHER", _middlebury, ("ie_paper",), "folders with frame10, frame10i11, frame11"),
    "snu-film": Layout("SNU-FILM", _snu_film, (), "test-easy.txt, test-medium.txt, …"),
    "x4k": Layout("X4K1000FPS", _x4k, (), f"folders of {X4K_FRAMES} frames from 0000.png on"),
    "atd12k": Layout("ATD-12K", _atd12k, ("ssim_paper",), "folders with frame1, frame2 and frame3"),
    "hd": Layout("HD", _hd, ("psnr_luma",), "raw 4:2:0 clips, .yuv"),
}
"""By the names they are asked for, in the order they are looked for."""
