"""Windows cut out of a source into a folder, which is written completely or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vsrife.errors import ArgumentError, RifeError, named
from vsrife.files import reason
from vsrife.footage.marks import one_thread, runs, unit
from vsrife.footage.opening import open_footage
from vsrife.footage.pictures import pictures_in
from vsrife.footage.windows import INDEX, SHORTEST, VERSION, StoredWindows, WindowOptions, open_windows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import vapoursynth as vs
    from numpy.typing import NDArray
    from torch import Tensor

    from vsrife.footage.frames import Footage, Frame
    from vsrife.footage.marks import Run

__all__ = ["Progress", "extract_windows", "key_of"]

Progress = Callable[[int, int], None]
"""Called with the number of frames read and of all."""

PLACES = 4
"""Places drawn for a window, which takes the one where most changes."""
THINNED = 4
"""Rows and columns of which one is compared for that."""


class _Cutout(NamedTuple):
    """A window's pictures, T×H×W×3, and its entry in the index."""

    pictures: NDArray[np.uint8]
    entry: dict[str, Any]


@named("extract_windows")
def extract_windows(
    source: Path | str | vs.VideoNode,
    folder: Path,
    options: WindowOptions | None = None,
    progress: Progress | None = None,
    *,
    matrix: int | None = None,
) -> StoredWindows:
    """Cut windows out of a source, or open those that its folder holds already.

    The source is read once; it is cut at scene changes, repeated frames are dropped, and windows in which nothing moves
    are left out. A window is one place of its run, the liveliest of four drawn; what is drawn depends on the seed and
    the window's first frame alone. Where the source has more windows than the limit, they are spread over as many equal
    stretches of it, the first complete window of each, or its longest.

    Each window is a file, frames · height · width · 3 bytes: 2.4 MB for 7 frames of 448×256, so 2.4 GB for the limit of
    1000. The folder is written under another name and renamed when it is complete. It is used as it is where it is
    complete and was extracted from the same file (by its path, size and time of change; of a script, the script's
    alone) with the same options; otherwise it is written anew. Windows of a clip are always written anew.

    Args:
        source: as for `open_footage`.
        folder: new, empty, or of other windows, which are deleted.
        options: which windows.
        progress: called with the number of frames read and of all.
        matrix: as for `open_footage`.

    Raises:
        RifeError: the source cannot be read, or the folder cannot be written or holds something else.
    """
    from filelock import FileLock

    options = options or WindowOptions()
    folder = Path(folder).expanduser().absolute()
    key = key_of(source, options, matrix)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{folder.name}.lock")):
            if (windows := _present(folder, key)) is not None:
                return windows
            footage = open_footage(source, matrix)
            with _replacing(folder) as unfinished:
                entries = list(_write(_windows(footage, options, progress), unfinished))
                index = {"version": VERSION, "source": footage.name, "key": key, "windows": entries}
                (unfinished / INDEX).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
            return open_windows(folder)
    except OSError as error:
        raise RifeError(f"folder must be one that can be written, got {folder} ({reason(error)})") from error


def key_of(source: Path | str | vs.VideoNode, options: WindowOptions, matrix: int | None = None) -> Any:
    """All that the windows of a source depend on, as JSON; None for a clip, which cannot be compared.

    Raises:
        RifeError: the source is not there.
    """
    if not isinstance(source, Path | str):
        return None
    path = Path(source).expanduser().absolute()
    try:
        files = pictures_in(path) if path.is_dir() else [path]
        states = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    except OSError as error:
        raise ArgumentError("source", path, "a file or folder that exists") from error
    return json.loads(json.dumps([str(path), states, asdict(options), matrix]))


def _present(folder: Path, key: Any) -> StoredWindows | None:
    """The windows of the folder, if they are complete and those of the key.

    Raises:
        RifeError: the folder holds something else.
    """
    if not folder.exists():
        return None
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else {folder.name}
    if not names:
        return None
    if INDEX not in names or any(Path(name).suffix != ".npy" for name in names - {INDEX}):
        raise ArgumentError("folder", folder, "new, empty or hold windows alone")
    try:
        windows = open_windows(folder)
    except RifeError:
        return None
    return windows if key is not None and windows.key == key else None


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """A folder to write to that replaces `folder` when the block ends, and is deleted where the block fails."""
    unfinished = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)  # of a process that was killed
    unfinished.mkdir()
    try:
        yield unfinished
        if folder.exists():
            shutil.rmtree(folder)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write(cutouts: Iterable[_Cutout], folder: Path) -> Iterator[dict[str, Any]]:
    """Write windows, and yield the entry of the index for each."""
    for number, (pictures, entry) in enumerate(cutouts):
        file = folder / f"{number:05d}.npy"
        np.save(file, pictures)
        yield {"file": file.name, "bytes": file.stat().st_size, **entry}


def _windows(footage: Footage, options: WindowOptions, progress: Progress | None) -> Iterator[_Cutout]:
    """The windows of a source, at most as many as the limit."""
    span = options.within(footage.length)
    report = progress or (lambda done, total: None)

    def frames(start: int) -> Iterator[Frame]:
        for frame in footage.frames(start, span.stop):
            report(frame.number - span.start, len(span))
            yield frame

    def read(start: int) -> Iterator[Run]:
        return runs(frames(start), options.frames)

    if len(span) * options.places < options.limit * options.frames:
        windows = (
            cutout
            for run in read(span.start)
            for place in range(options.places)
            if (cutout := _cut_out(run, options, place))
        )
        yield from islice(windows, options.limit)
    else:
        yield from _spread(read, span, options)
    report(len(span), len(span))


def _spread(read: Callable[[int], Iterator[Run]], span: range, options: WindowOptions) -> Iterator[_Cutout]:
    """One window for each of as many equal stretches as the limit; what is left of a stretch is not read.

    Shots are numbered as they are read: windows of one number are of one shot, but a shot may have several numbers.
    """
    position, shots = span.start, 0
    for k in range(options.limit):
        end = span.start + len(span) * (k + 1) // options.limit
        position = max(position, span.start + len(span) * k // options.limit)
        if position >= end:
            continue  # a window reached that far
        best, shot = None, 0
        for run in read(position):
            position, shot = run.frames[-1].number + 1, run.shot
            if best is None or len(run.frames) > len(best.pictures):
                best = _cut_out(run, options) or best
            if position >= end or (best and len(best.pictures) == options.frames):
                break
        else:
            position = span.stop
        if best:
            yield _Cutout(best.pictures, {**best.entry, "shot": shots + best.entry["shot"]})
        shots += shot + 1


@one_thread()
def _cut_out(run: Run, options: WindowOptions, place: int = 0) -> _Cutout | None:
    """A run's window; None where the run is too short, or nothing moves where most changes.

    Args:
        run: of frames.
        options: its size.
        place: number of the window, each of which has draws of its own.
    """
    from vsrife.detect.repeats import repeats

    if len(run.frames) < SHORTEST:
        return None
    first, last = run.frames[0].rgb, run.frames[-1].rgb
    rows, columns = first.shape[1:]
    height, width = min(options.height, rows // 2 * 2), min(options.width, columns // 2 * 2)
    rng = np.random.default_rng((options.seed, run.frames[0].number, *([place] if place else [])))
    fitting = [scale for scale in options.scales if rows * scale >= height and columns * scale >= width]
    scale = float(rng.choice(fitting or [1.0]))
    tall, wide = min(rows, round(height / scale)), min(columns, round(width / scale))
    places = [(int(y), int(x)) for y, x in rng.integers(0, (rows - tall + 1, columns - wide + 1), (PLACES, 2))]

    def change(place: tuple[int, int]) -> float:
        top, left = place
        area = slice(None), slice(top, top + tall, THINNED), slice(left, left + wide, THINNED)
        return float((last[area].float() - first[area].float()).abs().mean())

    top, left = max(places, key=change)
    cut = [_shrunk(frame.rgb[:, top : top + tall, left : left + wide], height, width) for frame in run.frames]
    if repeats(unit(cut[0]), unit(cut[-1])):
        return None
    pictures = np.stack([picture.permute(1, 2, 0).numpy() for picture in cut])
    return _Cutout(
        pictures,
        {
            "shot": run.shot,
            "frames": [frame.number for frame in run.frames],
            "times": [float(frame.time) for frame in run.frames],
            "place": [top, left, tall, wide],
        },
    )


def _shrunk(rgb: Tensor, height: int, width: int) -> Tensor:
    """A uint8 picture, 3×h×w, in a size that is no larger."""
    from torch.nn.functional import interpolate

    if rgb.shape[1:] == (height, width):
        return rgb
    return interpolate(rgb[None], (height, width), mode="bicubic", antialias=True)[0]
