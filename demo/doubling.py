"""Pass 1: vspipe renders `double.vpy` into ffmpeg, and the result is opened again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import imageio_ffmpeg
import vapoursynth as vs
from files import DemoError, partial
from progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source import Source

__all__ = ["Speed", "check", "double"]

SCRIPT = Path(__file__).with_name("double.vpy")


@dataclass(frozen=True)
class Speed:
    """What doubling took.

    Args:
        loading: seconds until the first frames were out.
        rendering: seconds for the frames after those.
        frames: how many those were.
        made_share: of the frames, how many were made and not copied.
    """

    loading: float
    rendering: float
    frames: int
    made_share: float

    def __str__(self) -> str:
        rate = self.frames / max(self.rendering, 1e-3)
        made = rate * self.made_share
        return f"{rate:.1f} frames a second, {made:.1f} of them made, after {self.loading:.1f} s of loading"


def double(source: Source, out: Path) -> tuple[Path, Speed]:
    """Doubles a clip's frame rate; returns the file and the time it took."""
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    path = out / f"{source.path.stem}-2x{_container(ffmpeg, source.path)}"
    render = [_vspipe(), "-p", "-c", "y4m", "-a", f"clip={source.path}", str(SCRIPT), "-"]
    encode = [ffmpeg, "-v", "error", "-y", "-i", "-", "-i", str(source.path), "-map", "0:v", "-map", "1:a?",
              "-c:v", "libx264", "-crf", "16", *source.tags, "-c:a", "copy", "-movflags", "+faststart"]  # fmt: skip
    with partial(path) as unfinished, tempfile.TemporaryFile("w+") as complaints:
        started = time.perf_counter()
        vspipe = subprocess.Popen(render, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert vspipe.stdout
        assert vspipe.stderr
        encoder = subprocess.Popen([*encode, str(unfinished)], stdin=vspipe.stdout, stderr=complaints)
        vspipe.stdout.close()  # the encoder holds it now; should that stop, vspipe is to notice
        try:
            loaded, done, messages = _follow(vspipe.stderr, 2 * source.frames)
            failed = encoder.wait(), vspipe.wait()
        finally:
            for process in (vspipe, encoder):
                process.kill()
                process.wait()
        ended = time.perf_counter()
        complaints.seek(0)
        # vspipe comes second: it also fails when the encoder does
        if failed[0] and (said := complaints.read().strip()):
            raise DemoError(f"ffmpeg failed: {said.splitlines()[0]}")
        if any(failed):
            raise DemoError(f"vspipe failed: {_reason(messages)}")
    made = source.frames - 1 - len(source.cuts)
    return path, Speed(loaded - started, ended - loaded, 2 * source.frames - done, made / (2 * source.frames))


def check(path: Path, source: Source) -> str:
    """Opens the doubled clip and holds it against its source.

    Raises:
        DemoError: it has not twice the frames at twice the rate, or another length.
    """
    try:
        result = vs.core.bs.VideoSource(str(path), cachemode=0, showprogress=0)
    except vs.Error as error:
        raise DemoError(f"{path} cannot be opened again: {error}") from error
    frame = 1 / float(2 * source.fps)
    seconds = result.num_frames / float(result.fps or 1)
    rate_off = abs(float(result.fps) * frame - 1)
    if result.num_frames != 2 * source.frames or rate_off > 1e-3 or abs(seconds - source.seconds) > frame:
        raise DemoError(
            f"{path} has {result.num_frames} frames at {float(result.fps):.5g} fps, {seconds:.3f} s, where "
            f"{2 * source.frames} at {float(2 * source.fps):.5g} fps, {source.seconds:.3f} s, were to be"
        )
    return f"{result.num_frames} frames at {float(result.fps):.5g} fps, {seconds:.2f} s as before"


def _vspipe() -> str:
    """The program itself: the command pip installs starts it as a child, which would outlive it when stopped."""
    return str(Path(vs.__file__).with_name("vspipe.exe" if sys.platform == "win32" else "vspipe"))


def _environment() -> dict[str, str]:
    """Has vspipe find this Python: by `scripts/setup`'s configuration, or by the one it makes itself with a command."""
    environment = dict(os.environ)
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
    configuration = Path(sys.prefix) / "config"
    if configuration.is_dir():
        environment["XDG_CONFIG_HOME"] = str(configuration)
    return environment


def _container(ffmpeg: str, path: Path) -> str:
    """MP4, or Matroska where MP4 cannot hold the source's sound."""
    picture = ["-f", "lavfi", "-i", "color=s=16x16:d=0.1"]
    trial = [ffmpeg, "-v", "quiet", "-nostdin", "-y", *picture, "-i", str(path), "-map", "0:v", "-map", "1:a?",
             "-c:a", "copy", "-t", "0.1", "-f", "mp4", os.devnull]  # fmt: skip
    return ".mkv" if subprocess.run(trial).returncode else ".mp4"


def _follow(stderr: IO[bytes], total: int) -> tuple[float, int, list[str]]:
    """Shows vspipe's progress; returns when and with how many frames it had begun, and what else it said."""
    loaded, begun, messages = 0.0, 0, []
    with Progress("Doubling", total) as progress:
        for line in _lines(stderr):
            match = re.match(r"Frame: (\d+)/", line)
            if not match:
                messages.append(line)
                continue
            done = int(match[1])
            if begun < 2:
                loaded, begun = time.perf_counter(), done
            progress.show(done)
    return loaded or time.perf_counter(), begun, messages


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """Lines as they come, ended by \\n or \\r."""
    rest = b""
    while block := os.read(stream.fileno(), 4096):
        *lines, rest = re.split(rb"[\r\n]+", rest + block)
        yield from (line.decode(errors="replace") for line in lines)
    yield rest.decode(errors="replace")


def _reason(messages: list[str]) -> str:
    marker = "Python exception: "
    said = [line for line in messages if line.strip()]
    named = [line.removeprefix(marker) for line in said if line.startswith(marker)]
    return (named or said[-1:] or ["no reason given"])[0]
