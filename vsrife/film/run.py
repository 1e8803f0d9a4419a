"""A whole film, in a folder of segments that a later run can go on with."""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from vsrife.errors import ArgumentError, RifeError
from vsrife.film.encoder import CONTAINERS
from vsrife.film.files import reason, whole
from vsrife.film.job import Job
from vsrife.film.join import join
from vsrife.film.others import left_out
from vsrife.film.render import known_segment, render_segment
from vsrife.film.request import plan_job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction
    from pathlib import Path

    from vsrife.film.cluster import Crew
    from vsrife.film.encoder import Progress
    from vsrife.film.request import Request

__all__ = ["Summary", "Teller", "check_paths", "interpolate", "segments_in", "work_folder"]

JOB, LOCK = "job.json", ".lock"


class Teller(Protocol):
    """Who is told how it goes."""

    def stage(self, what: str, total: int = 0, done: int = 0) -> None:
        """What is being done now, of how many frames, of which so many were done before."""

    def watch(self, done: int, total: int) -> None:
        """How many of how many are done."""

    def log(self, line: str) -> None:
        """Something the user may want to know."""


@dataclass(frozen=True)
class Summary:
    """What was done.

    Args:
        frames: of the output.
        made: of them by the network.
        seconds: how long the output lasts.
        bytes: its size.
        rendered: frames that were made in this run.
        took: seconds that took.
    """

    frames: int
    made: int
    seconds: Fraction
    bytes: int
    rendered: int
    took: float


def work_folder(target: Path) -> Path:
    """Where the segments of a film lie until it is whole."""
    return target.with_name(f"{target.name}.vsrife")


def check_paths(source: Path, target: Path, *, resume: bool, overwrite: bool) -> None:
    """That a film can be written there.

    Raises:
        RifeError: it cannot, or something is there already.
    """
    if target.suffix.lower() not in CONTAINERS:
        raise ArgumentError("output", target.name, f"{', '.join(CONTAINERS)}", verb="end in")
    if not target.parent.is_dir():
        raise ArgumentError("output", target, "in a folder that exists")
    if target.exists():
        if source.exists() and source.samefile(target):
            raise ArgumentError("output", target, "another file than the source")
        if target.is_dir():
            raise RifeError(f"output must be a file, got the folder {target}")
        if not overwrite:
            raise RifeError(f"output must be new, got {target}; --overwrite replaces it")
    folder = work_folder(target)
    if folder.exists() and not resume and not overwrite:
        raise RifeError(
            f"{folder.name} is there, of a run that did not end; --resume goes on with it, --overwrite begins anew"
        )
    if folder.exists() and not _is_ours(folder):
        raise RifeError(f"{folder} must be a folder of segments alone, got something else")


def interpolate(
    source: Path,
    target: Path,
    request: Request,
    teller: Teller,
    *,
    resume: bool = False,
    overwrite: bool = False,
    crew: Crew | None = None,
) -> Summary:
    """A film at another rate, with the sound and everything else it has.

    Segments lie beside the output until all are there; what is left there by a run that ended early, a run with
    `resume` takes over, and gives the same film as one that was never interrupted.

    Args:
        source: the film.
        target: the output.
        request: what is asked for.
        teller: told how it goes.
        resume: go on with the segments that are there.
        overwrite: replace an output, or segments, that are there.
        crew: workers of a cluster who make the segments.

    Raises:
        RifeError: the film or the request cannot be used, the segments there are of another job, or a file cannot be
            written.
    """
    source, target = source.expanduser().absolute(), target.expanduser().absolute()
    check_paths(source, target, resume=resume, overwrite=overwrite)
    folder = work_folder(target)
    before = _job_in(folder) if resume and not request.preview else None
    teller.stage("opening")
    planned = plan_job(source, target.suffix.lower(), request, teller.log, _planning(teller), before)
    job = planned.job
    if before is not None and (said := job.difference(before)):
        raise RifeError(f"{folder.name} is of another job, {said}; --overwrite begins anew")
    with _locked(folder, fresh=before is None, keep=not request.preview):
        if before is None:
            with whole(folder / JOB) as partial:
                partial.write_text(job.text(), encoding="utf-8")
        there = {segment: known_segment(folder / segment.name, segment) for segment in job.segments}
        done = sum(segment.length for segment, known in there.items() if known)
        if resume:
            count = sum(known is not None for known in there.values())
            teller.log(
                f"{count} of {len(there)} segments are there" if count else "no segment is there, it begins anew"
            )
        for line in left_out(job.film, CONTAINERS[target.suffix.lower()]):
            teller.log(line)
        teller.stage("making frames", job.frames, done)
        rendered, began = 0, time.monotonic()
        if crew is not None:
            missing = [segment for segment, known in there.items() if known is None]
            rendered = crew.render(job, missing, folder, teller, done)
            there = {}

        def watch(made: int, _: int) -> None:
            teller.watch(done + made, job.frames)

        for segment, known in there.items():
            if known is None:
                render_segment(job, segment, folder / segment.name, watch, planned.clip)
                done += segment.length
                rendered += segment.length
        took = time.monotonic() - began
        teller.stage("joining", job.frames)
        parts = join(job, folder, target, teller.watch)
        shutil.rmtree(folder, ignore_errors=True)
    seconds = job.time(job.frames) * job.tick
    return Summary(job.frames, sum(part.made for part in parts), seconds, target.stat().st_size, rendered, took)


def segments_in(target: Path) -> tuple[int, int] | None:
    """How many of how many segments of a film are whole; None where there is no run to go on with."""
    folder = work_folder(target.expanduser().absolute())
    try:
        job = _job_in(folder)
    except RifeError:
        return None
    if job is None:
        return None
    return sum(known_segment(folder / s.name, s) is not None for s in job.segments), len(job.segments)


def _planning(teller: Teller) -> Progress:
    begun = False

    def watch(done: int, total: int) -> None:
        nonlocal begun
        if not begun:
            begun = True
            teller.stage("planning", total)
        teller.watch(done, total)

    return watch


def _job_in(folder: Path) -> Job | None:
    try:
        text = (folder / JOB).read_text(encoding="utf-8")
    except OSError:
        return None
    try:
        return Job.from_text(text)
    except RifeError as error:
        raise RifeError(f"{folder.name} is of another version of vsrife; --overwrite begins anew") from error


def _is_ours(folder: Path) -> bool:
    """Whether a folder holds nothing but what a run leaves."""
    if not folder.is_dir() or folder.is_symlink():
        return False
    return all(path.name.startswith(".") or path.suffix in (".json", ".mkv") for path in folder.iterdir())


@contextmanager
def _locked(folder: Path, *, fresh: bool, keep: bool) -> Iterator[None]:
    """The folder, for this run alone.

    Args:
        folder: of the segments.
        fresh: what is in it goes first.
        keep: it stays where the run does not end well but a segment is whole.
    """
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(exist_ok=True)
        lock = FileLock(folder / LOCK)
        lock.acquire(blocking=False)
    except Timeout as error:
        raise RifeError(f"{folder.name} is being worked on by another process") from error
    except OSError as error:
        raise RifeError(f"{folder} cannot be written ({reason(error)})") from error
    try:
        for path in folder.iterdir():
            if path.name != LOCK and (fresh or path.name.startswith(".")):
                path.unlink(missing_ok=True)
        yield
    except BaseException:
        if not keep or not any(folder.glob("[0-9]*.json")):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        lock.release()
