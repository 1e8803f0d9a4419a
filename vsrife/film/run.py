"""A whole film, by way of a work folder of segments that a later run can resume."""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vsrife.errors import ArgumentError, RifeError, named, shown
from vsrife.files import atomic_write, reason
from vsrife.film.encoder import CONTAINERS
from vsrife.film.job import load_job
from vsrife.film.join import join
from vsrife.film.others import left_out
from vsrife.film.progress import StoppedError
from vsrife.film.render import finished_segment, intact_segment, render_segment
from vsrife.film.request import plan_job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction
    from pathlib import Path

    from vsrife.film.cluster import ClusterClient
    from vsrife.film.progress import Progress, ProgressReporter
    from vsrife.film.request import Request

__all__ = ["Summary", "check_paths", "interpolate", "kept_segments", "work_folder"]

JOB, LOCK = "job.json", ".lock"
MOST_PROCESSES = 2**22
"""The largest number of a process: it is part of the name of an unfinished file, see `partial_file`."""
NOTHING_KEPT = "nothing is kept"


@dataclass(frozen=True)
class Summary:
    """A finished run.

    Args:
        frames: of the output.
        made: how many of them the network interpolated.
        seconds: the output's duration.
        bytes: its size.
        rendered: frames that this run rendered.
        took: the seconds that took.
    """

    frames: int
    made: int
    seconds: Fraction
    bytes: int
    rendered: int
    took: float


def work_folder(target: Path) -> Path:
    """The folder of a film's segments until the film is complete."""
    return target.with_name(f"{target.name}.vsrife")


def check_paths(source: Path, target: Path, *, resume: bool, overwrite: bool) -> None:
    """Check that a film can be written to `target`.

    Raises:
        RifeError: it cannot, or the output or a work folder exists.
    """
    if target.suffix.lower() not in CONTAINERS:
        raise ArgumentError("output", target.name, ", ".join(CONTAINERS), verb="end in")
    try:
        _check_target(source, target, overwrite=overwrite)
        folder = work_folder(target)
        there = folder.exists()
        if there and not resume and not overwrite:
            raise RifeError(
                f"{shown(folder.name)} is left from a run that did not finish; --resume continues it, --overwrite "
                "starts over"
            )
        if there and not _is_work_folder(folder):
            raise RifeError(f"{shown(folder)} must be a folder of segments alone, got something else")
    except OSError as error:
        allowed = "a file that can be written, with its segments beside it"
        raise ArgumentError("output", target, allowed, note=f" ({reason(error)})") from error


def _check_target(source: Path, target: Path, *, overwrite: bool) -> None:
    """Check the output's own file.

    Raises:
        RifeError: it cannot be written.
        OSError: a path cannot be, for instance because a name is too long.
    """
    if not target.parent.is_dir():
        raise ArgumentError("output", target, "in a folder that exists")
    if target.exists():
        if source.exists() and source.samefile(target):
            raise ArgumentError("output", target, "another file than the source")
        if target.is_dir():
            raise RifeError(f"output must be a file, got the folder {shown(target)}")
        if not overwrite:
            raise ArgumentError("output", target, "new", note="; --overwrite replaces it")
    for beside in (work_folder(target), target.with_name(f".{MOST_PROCESSES}-{target.name}")):
        beside.exists()  # fails where the name is too long


@named("interpolate")
def interpolate(
    source: Path,
    target: Path,
    request: Request,
    reporter: ProgressReporter,
    *,
    resume: bool = False,
    overwrite: bool = False,
    cluster: ClusterClient | None = None,
) -> Summary:
    """Bring a film to another rate, with its sound and all its other streams.

    Segments lie beside the output until all are finished. A run with `resume` takes over those of an earlier run that
    was interrupted, unless their files were altered since, and gives the same film as an uninterrupted one.

    Args:
        source: the film.
        target: the output.
        request: what the user asks for.
        reporter: shows the progress.
        resume: take over finished segments.
        overwrite: replace an existing output or work folder.
        cluster: renders the segments in place of this process.

    Raises:
        RifeError: the film or the request cannot be used, the existing segments are of another job, or a file cannot
            be written.
    """
    source, target = source.expanduser().absolute(), target.expanduser().absolute()
    check_paths(source, target, resume=resume, overwrite=overwrite)
    folder = work_folder(target)
    before = _stored_job(folder) if resume and not request.preview else None
    reporter.stage("opening")
    planned = plan_job(source, target.suffix.lower(), request, reporter.log, _report_planning(reporter), before)
    job = planned.job
    if before is not None and (difference := job.difference(before)):
        raise RifeError(f"{folder.name} is of another job, {difference}; --overwrite starts over")
    with _kept_noted(target, keep=not request.preview), _locked(folder, fresh=before is None, keep=not request.preview):
        if before is None:
            with atomic_write(folder / JOB) as partial:
                partial.write_text(job.text(), encoding="utf-8")
        missing = [s for s in job.segments if not intact_segment(folder / s.name, s, reporter.log)]
        done = job.frames - sum(segment.length for segment in missing)
        if resume:
            count, total = len(job.segments) - len(missing), len(job.segments)
            reporter.log(
                f"{count} of {total} segments are finished" if count else "no segment is finished, starting over"
            )
        for line in left_out(job.film, CONTAINERS[target.suffix.lower()]):
            reporter.log(line)
        reporter.stage("making frames", job.frames, done)
        rendered, began = 0, time.monotonic()
        if cluster is not None:
            rendered = cluster.render(job, missing, folder, reporter, done)
            missing = []

        def watch(count: int, _: int) -> None:
            reporter.watch(done + rendered + count, job.frames)

        for segment in missing:
            render_segment(job, segment, folder / segment.name, watch, planned.clip)
            rendered += segment.length
        took = time.monotonic() - began
        reporter.stage("joining", job.frames)
        parts = join(job, folder, target, reporter.watch, reporter.log)
        shutil.rmtree(folder, ignore_errors=True)
    seconds = job.time(job.frames) * job.tick
    return Summary(job.frames, sum(part.made for part in parts), seconds, target.stat().st_size, rendered, took)


def kept_segments(target: Path | None, *, keep: bool = True) -> str:
    """What is kept of an unfinished film, in words for the user; nothing where there is no target or not `keep`."""
    if target is None or not keep:
        return NOTHING_KEPT
    folder = work_folder(target.expanduser().absolute())
    try:
        job = _stored_job(folder)
    except RifeError:
        job = None
    planned = job["segments"] if job else ()
    finished = sum(finished_segment(folder / segment.name, segment) is not None for segment in planned)
    return f"{finished} of {len(planned)} segments are kept; --resume goes on with them" if finished else NOTHING_KEPT


@contextmanager
def _kept_noted(target: Path, *, keep: bool) -> Iterator[None]:
    """Add to an error that stops the run what is kept of it."""
    try:
        yield
    except StoppedError as error:
        error.note = f"; {kept_segments(target, keep=keep)}"
        raise


def _report_planning(reporter: ProgressReporter) -> Progress:
    begun = False

    def watch(done: int, total: int) -> None:
        nonlocal begun
        if not begun:
            begun = True
            reporter.stage("planning", total)
        reporter.watch(done, total)

    return watch


def _stored_job(folder: Path) -> dict[str, Any] | None:
    try:
        text = (folder / JOB).read_text(encoding="utf-8")
    except OSError:
        return None
    try:
        return load_job(text)
    except RifeError as error:
        raise RifeError(f"{folder.name} is of another version of vsrife; --overwrite starts over") from error


def _is_work_folder(folder: Path) -> bool:
    """Whether a folder holds nothing but the files of a run."""
    if not folder.is_dir() or folder.is_symlink():
        return False
    return all(path.name.startswith(".") or path.suffix in (".json", ".mkv") for path in folder.iterdir())


@contextmanager
def _locked(folder: Path, *, fresh: bool, keep: bool) -> Iterator[None]:
    """Hold the work folder for this run alone.

    Args:
        folder: of the segments.
        fresh: remove its files first.
        keep: leave it after an error where it holds a finished segment.
    """
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(exist_ok=True)
        lock = FileLock(folder / LOCK)
        lock.acquire(blocking=False)
    except Timeout as error:
        raise RifeError(f"{folder.name} is being worked on by another process") from error
    except OSError as error:
        raise RifeError(f"{shown(folder)} cannot be written ({reason(error)})") from error
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
