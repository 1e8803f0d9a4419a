"""VMAF (Netflix), by an ffmpeg that has libvmaf. It compares luma alone, in BT.709 and limited range."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import tempfile
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Self

import torch

from vsrife.colour import BT709_LUMA
from vsrife.errors import ArgumentError, RifeError, named, shown

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Vmaf", "find_ffmpeg", "limited_luma"]

MODEL = "vmaf_v0.6.1"
STILL = r"\:motion.motion_force_zero=true"
SMALLEST = 64
"""Pixels of a side: below it libvmaf's scales run out of picture."""
RATE = 25
"""Of the stream, in frames a second: VMAF asks for frames alone."""
LOG = "vmaf.json"
PATIENCE = 600
"""Seconds for the last frames."""


@named("find_ffmpeg")
def find_ffmpeg(given: Path | None = None) -> Path | None:
    """An ffmpeg with libvmaf: the given one, or else the PATH's or that of the package imageio-ffmpeg.

    Raises:
        RifeError: the given one has none or does not run.
    """
    if given is not None:
        found = shutil.which(given.expanduser())
        if found is None or not _has_vmaf(found):
            raise ArgumentError("ffmpeg", given, "a program that has libvmaf")
        return Path(found)
    return next((Path(program) for program in _candidates() if _has_vmaf(program)), None)


def limited_luma(picture: Tensor) -> Tensor:
    """A 3×H×W picture of 0..255 as 8-bit BT.709 luma of limited range: uint8, H×W."""
    weights = torch.tensor(BT709_LUMA, dtype=torch.float64)
    luma = torch.einsum("c,chw->hw", weights, picture.cpu().double())
    return (16 + 219 / 255 * luma).round().to(torch.uint8)


class Vmaf:
    """Scores of interpolated pictures, each model's a stream of its own that ffmpeg measures while it is written.

    VMAF has a term for motion, which is how much the true pictures change from each to the next. In a clip's frames,
    which come in order, it stays. Between the pictures of a test set it would be their order's, and large enough to
    lift scores by 30: there it is taken for 0, as if each picture stood still.

    Args:
        ffmpeg: that has libvmaf.
        moving: whether the pictures are a clip's frames in order.
    """

    def __init__(self, ffmpeg: Path, *, moving: bool) -> None:
        self._ffmpeg = ffmpeg
        self._model = MODEL + ("" if moving else STILL)
        self._streams: dict[tuple[str, int, int], _Stream] = {}
        self._order: dict[str, list[tuple[_Stream, int] | None]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in self._streams.values():
            stream.close()

    def add(self, model: str, made: Tensor, truth: Tensor) -> None:
        """One more picture of a model, uint8 3×H×W; one with a side below 64 has no score.

        Raises:
            RifeError: ffmpeg fails.
        """
        height, width = made.shape[-2:]
        places = self._order.setdefault(model, [])
        if min(height, width) < SMALLEST:
            places.append(None)
            return
        key = model, height, width
        if key not in self._streams:
            self._streams[key] = _Stream(self._ffmpeg, self._model, width, height)
        stream = self._streams[key]
        places.append((stream, stream.add(made, truth)))

    def scores(self, model: str) -> list[float]:
        """Those of a model's pictures, 0 to 100, in the order they were added, not a number where there is none.

        No more pictures can be added then.

        Raises:
            RifeError: ffmpeg fails.
        """
        places = self._order.get(model, [])
        return [place[0].finished()[place[1]] if place else math.nan for place in places]


class _Stream:
    """Pictures of one size, each above its truth, through a pipe."""

    def __init__(self, ffmpeg: Path, model: str, width: int, height: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="vsrife-")
        self._errors = (Path(self._folder.name) / "errors").open("w+b")
        self._chroma = bytes([128]) * (4 * width * height)
        self._count = 0
        self._scores: list[float] | None = None
        half = f"crop={width}:{height}:0"
        measure = f"libvmaf=log_fmt=json:log_path={LOG}:n_threads=1:model='version={model}'"
        graph = f"split[a][b];[a]{half}:0[made];[b]{half}:{height}[truth];[made][truth]{measure}"
        raw = ["-f", "rawvideo", "-pix_fmt", "yuv444p", "-s", f"{width}x{2 * height}", "-r", str(RATE)]
        quiet = ["-nostdin", "-hide_banner", "-loglevel", "error"]
        self._process = subprocess.Popen(
            [str(ffmpeg), *quiet, *raw, "-i", "pipe:", "-lavfi", graph, "-f", "null", "-"],
            cwd=self._folder.name,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
        )

    def add(self, made: Tensor, truth: Tensor) -> int:
        """The number of the picture in the stream."""
        assert self._process.stdin
        luma = torch.cat([limited_luma(picture) for picture in (made, truth)])
        try:
            self._process.stdin.write(luma.numpy().tobytes())
            self._process.stdin.write(self._chroma)
        except OSError as error:
            raise self._failed() from error
        self._count += 1
        return self._count - 1

    def finished(self) -> list[float]:
        """All scores."""
        if self._scores is None:
            assert self._process.stdin
            try:
                self._process.stdin.close()
                status = self._process.wait(PATIENCE)
            except (OSError, subprocess.TimeoutExpired) as error:
                raise self._failed() from error
            log = Path(self._folder.name) / LOG
            if status or not log.is_file():
                raise self._failed()
            frames = json.loads(log.read_text(encoding="utf-8"))["frames"]
            self._scores = [float(frame["metrics"]["vmaf"]) for frame in frames]
            if len(self._scores) != self._count:
                raise self._failed()
        return self._scores

    def close(self) -> None:
        if self._process.stdin and not self._process.stdin.closed:
            self._process.kill()  # first: what is left in the pipe would otherwise be waited for
            with suppress(OSError):
                self._process.stdin.close()
        self._process.wait()
        self._errors.close()
        self._folder.cleanup()

    def _failed(self) -> RifeError:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return RifeError(f"ffmpeg cannot measure VMAF: {shown(lines[0], 200) if lines else 'it gave no reason'}")


def _candidates() -> list[str]:
    found = [shutil.which("ffmpeg")]
    with suppress(ImportError, RuntimeError):  # the latter where it has none for this system
        found.append(import_module("imageio_ffmpeg").get_ffmpeg_exe())
    return [program for program in found if program]


@cache
def _has_vmaf(program: str) -> bool:
    command = [program, "-hide_banner", "-filters"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return any(line.split()[1:2] == ["libvmaf"] for line in done.stdout.splitlines())
