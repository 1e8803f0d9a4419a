"""Any source as footage: by what it is, it is decoded, run or read."""

from __future__ import annotations

import runpy
import traceback
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vsrife.errors import ArgumentError, RifeError
from vsrife.footage.frames import Footage, first_line
from vsrife.footage.pictures import picture_clip, pictures_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    import vapoursynth as vs

__all__ = ["open_footage"]


def open_footage(source: Path | str | vs.VideoNode, matrix: int | None = None) -> Footage:
    """A source to be read frame by frame, in VapourSynth's current environment.

    Args:
        source: a video file, which bestsource decodes (opening reads it once); a `.vpy` script, whose output 0 is
            taken, run in its own folder as vspipe does, the environment's outputs left as they were; a folder of
            pictures of one size, in natural order at a nominal 25 frames a second; or a clip.
        matrix: H.273's number; None to take each frame's own, and BT.709 for HD and BT.601 below where they say none.

    Raises:
        RifeError: the source is missing, none of these, or cannot be read as RGB pictures of one size; in one line.
    """
    if not isinstance(source, Path | str):
        return Footage(source, "clip", matrix=matrix)
    path = Path(source).expanduser().absolute()
    if path.is_dir():
        clip = _folder(path)
    elif not path.is_file():
        raise ArgumentError("source", path, "a file or folder that exists")
    elif path.suffix.lower() == ".vpy":
        clip = _script(path)
    else:
        clip = _video(path)
    return Footage(clip, path.name, path, matrix)


def _folder(path: Path) -> vs.VideoNode:
    files = pictures_in(path)
    if not files:
        raise ArgumentError("source", path, "a folder that holds pictures")
    return picture_clip(files)


def _video(path: Path) -> vs.VideoNode:
    import vapoursynth as vs

    if not hasattr(vs.core, "bs"):
        raise RifeError(f"no source filter for {path.name}; pip install vapoursynth-bestsource")
    try:
        clip: vs.VideoNode = vs.core.bs.VideoSource(str(path), cachemode=0, showprogress=0)
    except vs.Error as error:
        reason = first_line(error).removeprefix("VideoSource: ")
        raise RifeError(f"source must be a video, got {path} ({reason})") from error
    return clip


def _script(path: Path) -> vs.VideoNode:
    import vapoursynth as vs

    with _outputs_kept():
        try:
            with chdir(path.parent):
                runpy.run_path(str(path), run_name="__vapoursynth__")
        except (Exception, SystemExit) as error:
            raise RifeError(f"{path.name} fails{_where(error, path)}") from error
        output = vs.get_outputs().get(0)
    if not isinstance(output, vs.VideoOutputTuple):
        raise RifeError(f"{path.name} must set a clip as output 0, got none")
    return output.clip


@contextmanager
def _outputs_kept() -> Iterator[None]:
    """What is output within is forgotten, and what was before is there again."""
    import vapoursynth as vs

    before = dict(vs.get_outputs())
    vs.clear_outputs()
    try:
        yield
    finally:
        vs.clear_outputs()
        for index, output in before.items():
            if isinstance(output, vs.VideoOutputTuple):
                output.clip.set_output(index, output.alpha, output.alt_output)
            else:
                output.set_output(index)


def _where(error: BaseException, path: Path) -> str:
    """The script's line, where it is known, and the error in one line."""
    lines = [entry.lineno for entry in traceback.extract_tb(error.__traceback__) if entry.filename == str(path)]
    if isinstance(error, SyntaxError) and error.filename == str(path):
        lines.append(error.lineno)
    line = f" in line {lines[-1]}" if lines else ""
    message = error.msg if isinstance(error, SyntaxError) else first_line(error)
    return f"{line}: {type(error).__name__}: {message}"
