"""One run of one candidate: its process started, its frames watched, its memory asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from vsrife.cli.figures import peak_mib, rate

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from peers.candidates import Candidate
    from peers.job import Job

__all__ = ["CandidateError", "MissingError", "Run", "environment", "prepare", "run"]

PEERS = Path(__file__).parent / "peers"
LOWEST_PSNR = 35.0
"""dB to the published form; below it, what a candidate makes is not what was asked for."""


class CandidateError(Exception):
    """A candidate failed, or made other pictures than the published form does."""


class MissingError(CandidateError):
    """A candidate is not installed, or has no card here."""


@dataclass(frozen=True)
class Run:
    """What one run gave.

    Args:
        fps: made frames a second after the warm-up.
        start: seconds from the start of its process to its first made frame.
        psnr: of that frame to the published form in fp32, dB.
        peak_mib: the most memory its process had resident until then.
        card_mib: and the most it had of a card's, where that is known.
        versions: what it says of itself.
    """

    fps: float
    start: float
    psnr: float
    peak_mib: int | None
    card_mib: int | None
    versions: dict[str, str]


def psnr(one: NDArray[Any], other: NDArray[Any], peak: float) -> float:
    """In dB, 120 at most."""
    error = float(np.mean((one.astype(np.float64) - other) ** 2))
    return round(float(10 * np.log10(peak**2 / max(error, peak**2 * 1e-12))), 2)


def environment(folder: Path) -> dict[str, str]:
    """In which vspipe finds this Python, and Python our modules; the configuration lies in the folder."""
    changed = os.environ | {"XDG_CONFIG_HOME": str(folder), "PYTHONPATH": str(PEERS.parent)}
    command = [sys.executable, "-m", "vapoursynth", "config"]
    subprocess.run(command, env=changed, check=True, capture_output=True)
    return changed


def prepare(job: Job, clip: Path | None, env: dict[str, str]) -> None:
    """Make the files of a job, see `peers/prepare.py`."""
    _checked([sys.executable, str(PEERS / "prepare.py"), job.written(), str(clip or "")], env)


def run(candidate: Candidate, job: Job, frames: int, warm: int, env: dict[str, str]) -> Run:
    """Run a candidate and check what it made.

    Args:
        candidate: who.
        job: what; its pairs are enough for the frames.
        frames: made frames to measure, after those to warm up with.
        warm: made frames before, at least 1.
        env: from `environment`.

    Raises:
        MissingError: it cannot run here.
        CandidateError: it failed, or its picture is less than `LOWEST_PSNR` like the published form's.
    """
    done = (_network if job.path == "network" else _whole)(candidate, job, frames + warm, env)
    began, stamps, picture, report = done
    if job.path == "yuv420p8":
        like = psnr(picture, np.fromfile(job.reference("yuv"), np.uint8), 255)
    else:
        like = psnr(picture, np.fromfile(job.reference("rgb"), np.float32), 1)
    if like < LOWEST_PSNR:
        raise CandidateError(f"its picture is {like} dB like the published form's, less than {LOWEST_PSNR}")
    stamps = stamps[: frames + warm]
    if len(stamps) < frames + warm:
        raise CandidateError(f"it made {len(stamps)} frames where {frames + warm} were asked for")
    packages = report.get("versions", {})
    return Run(rate(stamps, warm), stamps[0] - began, like, report["peak_mib"], report.get("card_mib"), packages)


Watched = tuple[float, list[float], "NDArray[Any]", dict[str, Any]]
"""When it began, when each frame was made, the first frame, and the process's report."""


def _network(candidate: Candidate, job: Job, frames: int, env: dict[str, str]) -> Watched:
    picture = Path(job.folder) / "picture.rgb"
    command = [sys.executable, str(PEERS / "network.py"), job.written(), candidate.module]
    began = time.perf_counter()
    report = json.loads(_checked([*command, json.dumps(candidate.options), str(picture)], env).splitlines()[-1])
    if "missing" in report:
        raise MissingError(report["missing"])
    return began, report["stamps"], np.fromfile(picture, np.float32), report


def _whole(candidate: Candidate, job: Job, frames: int, env: dict[str, str]) -> Watched:
    """The real vspipe, whose frames we read from its pipe; it is stopped when the last of them was measured, while it
    still works on those after, so that the end is like the middle.
    """
    spec = find_spec("vapoursynth")
    assert spec
    assert spec.origin
    inputs = {"job": job.written(), "module": candidate.module, "options": json.dumps(candidate.options)}
    arguments = [text for key, value in inputs.items() for text in ("-a", f"{key}={value}")]
    # the program itself: the command of that name is a Python that starts it
    command = [str(Path(spec.origin).with_name("vspipe")), *arguments, str(PEERS / "whole.vpy"), "-"]
    dtype = np.dtype(np.uint8 if job.path == "yuv420p8" else np.float16 if job.half else np.float32)
    samples = job.width * job.height * 3 // (2 if job.path == "yuv420p8" else 1)
    stamps: list[float] = []
    picture = np.empty(0)
    with tempfile.TemporaryFile("w+") as complaints:
        began = time.perf_counter()
        vspipe = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, env=env, bufsize=0)
        assert vspipe.stdout
        try:
            for n in range(job.pairs * job.num // job.den):
                data = _read(vspipe.stdout, samples * dtype.itemsize)
                if data is None:
                    break
                if job.is_made(n):
                    stamps.append(time.perf_counter())
                    if len(stamps) == 1:
                        picture = _ordered(np.frombuffer(data, dtype), job)
                if len(stamps) == frames:
                    break
            peak = peak_mib(vspipe.pid)
        finally:
            vspipe.kill()
            vspipe.wait()
        complaints.seek(0)
        output = complaints.read().strip()
    if not stamps:
        reason = next((line for line in reversed(output.splitlines()) if "Error" in line or "missing" in line), output)
        _, missing, what = reason.partition("missing: ")
        raise MissingError(what) if missing else CandidateError(reason[-300:] or "vspipe ended")
    return began, stamps, picture, {"peak_mib": peak}


def _read(pipe: IO[bytes], size: int) -> bytearray | None:
    """So many bytes, or nothing at the end."""
    data = bytearray(size)
    view, have = memoryview(data), 0
    while have < size:
        count = pipe.readinto(view[have:])
        if not count:
            return None
        have += count
    return data


def _ordered(samples: NDArray[Any], job: Job) -> NDArray[Any]:
    """vspipe writes RGB as G, B, R."""
    if job.path == "yuv420p8":
        return samples
    planes = samples.reshape(3, -1).astype(np.float32)
    ours = np.empty_like(planes)
    for written, plane in enumerate((1, 2, 0)):
        ours[plane] = planes[written]
    return ours.reshape(-1)


def _checked(command: list[str], env: dict[str, str]) -> str:
    done = subprocess.run(command, env=env, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise CandidateError(lines[-1][-300:])
    return done.stdout
