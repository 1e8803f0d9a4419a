"""Any source as footage: a video is decoded, a script is run, a folder of pictures is read."""

from __future__ import annotations

import runpy
import traceback
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrife.errors import ArgumentError, RifeError, first_line, named
from vsrife.footage.frames import Footage
from vsrife.footage.pictures import picture_clip, pictures_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    import vapoursynth as vs

__all__ = ["open_footage", "open_video"]


@named("open_footage")
def open_footage(source: Path | str | vs.VideoNode, matrix: int | None = None) -> Footage:
    """Open a source that is read frame by frame, in VapourSynth's current environment.

    Args:
        source: a video file, which bestsource decodes (opening reads it once); a `.vpy` script, whose output 0 is
            taken, with its alpha as the frame property `_Alpha`, run in its own folder as vspipe does, the
            environment's outputs left as they were; a folder of pictures of one size, in natural order at a nominal
            25 frames a second; or a clip.
        matrix: H.273's number; None for each frame's own, and BT.709 for HD and BT.601 below where a frame states none.

    Raises:
        RifeError: the source is missing, none of these, or cannot be read as RGB pictures of one size.
    """
    if not isinstance(source, Path | str):
        return Footage(source, "clip", matrix=matrix)
    path = Path(source).expanduser().absolute()
    if path.is_dir():
        files = pictures_in(path)
        if not files:
            raise ArgumentError("source", path, "a folder that holds pictures")
        clip = picture_clip(files)
    elif not path.is_file():
        raise ArgumentError("source", path, "a file or folder that exists")
    else:
        clip = _script(path) if path.suffix.lower() == ".vpy" else open_video(path)
    return Footage(clip, path.name, path, matrix)


@named("open_video")
def open_video(path: Path, **options: Any) -> vs.VideoNode:
    """Open a video file with bestsource.

    Args:
        path: of the file.
        options: arguments of `bs.VideoSource`. Without any no index is kept.

    Raises:
        RifeError: it holds no video that can be decoded, or bestsource is not installed.
    """
    import vapoursynth as vs

    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise ArgumentError("source", path, "a name in UTF-8, as VapourSynth takes no other", verb="have") from error
    if not hasattr(vs.core, "bs"):
        raise RifeError(f"no source filter for {path.name}; pip install vapoursynth-bestsource")
    try:
        clip: vs.VideoNode = vs.core.bs.VideoSource(str(path), **{"cachemode": 0, "showprogress": 0} | options)
    except vs.Error as error:
        raise ArgumentError("source", path, "a video", note=f" ({first_line(error)})") from error
    return clip


def _script(path: Path) -> vs.VideoNode:
    import vapoursynth as vs

    with _outputs_kept():
        try:
            with chdir(path.parent):
                runpy.run_path(str(path), run_name="__vapoursynth__")
        except (Exception, SystemExit) as error:
            raise RifeError(f"{path.name} fails{_described(error, path)}") from error
        output = vs.get_outputs().get(0)
    if not isinstance(output, vs.VideoOutputTuple):
        raise RifeError(f"{path.name} must set a clip as output 0, got none")
    if output.alpha is None:
        return output.clip
    core: Any = vs.core
    with_alpha: vs.VideoNode = core.std.ClipToProp(output.clip, output.alpha, prop="_Alpha")
    return with_alpha


@contextmanager
def _outputs_kept() -> Iterator[None]:
    """Forget the outputs that are set within the block, and restore those from before."""
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


def _described(error: BaseException, path: Path) -> str:
    """The line of the script, where it is known, and the error in one line."""
    lines = [entry.lineno for entry in traceback.extract_tb(error.__traceback__) if entry.filename == str(path)]
    if isinstance(error, SyntaxError) and error.filename == str(path):
        lines.append(error.lineno)
    line = f" in line {lines[-1]}" if lines else ""
    message = error.msg if isinstance(error, SyntaxError) else first_line(error)
    return f"{line}: {type(error).__name__}: {message}"
