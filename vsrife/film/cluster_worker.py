"""A segment made by a worker of a cluster, and how its file comes back."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import threading
import time
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from distributed import WorkerPlugin, get_worker

from vsrife.errors import RifeError
from vsrife.film.cluster_facts import facts
from vsrife.film.files import FULL, whole
from vsrife.film.render import interpolated, render_segment

if TYPE_CHECKING:
    from collections.abc import Callable

    import vapoursynth as vs
    from distributed import Worker

    from vsrife.film.cluster_facts import Facts
    from vsrife.film.job import Job, Segment
    from vsrife.film.render import Rendered

__all__ = ["TOKEN", "Station", "checked", "keep", "made"]

TOKEN = ".token"
"""The file in the work folder by which a worker knows that it sees that very folder."""
PACE = 0.5
"""Seconds between two tellings of how far a worker is."""


class _Stopped(Exception):  # noqa: N818 - it is no error
    """Nobody wants the segment any more."""


class Station(WorkerPlugin):
    """What a worker has of a job, once for all segments; every worker of the cluster gets one, later ones too.

    Args:
        job: the film's.
        folder: the work folder, by its path where the film is joined.
        token: what lies there.
        wanted: what must be as it is there.
        local: whether the workers are processes that the joining one has started, which alone ends them.
    """

    def __init__(self, job: Job, folder: Path, token: str, wanted: Facts, *, local: bool) -> None:
        self.name = f"vsrife-{token}"
        self._job, self._folder, self._token, self._wanted, self._local = job, folder, token, wanted, local
        self._stopped = self._right = False
        self._worker: Any = None

    def setup(self, worker: Worker) -> None:
        """The worker has it."""
        self._worker = worker
        if self._local and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all

    def teardown(self, worker: Worker) -> None:
        """Nobody wants segments any more: one at work ends with the frame it is at."""
        self._stopped = True
        _clip.cache_clear()

    def check(self) -> None:
        """That the worker makes the same of the job.

        Raises:
            RifeError: it does not; in one line that names it.
        """
        if self._right:
            return
        try:
            said = facts(self._job).complaint(self._wanted, self._job.film.path)
        except (RifeError, OSError) as error:
            said = f"must be able to make the film, got {str(error).partition(': ')[2] or error}"
        if said:
            raise RifeError(f"worker {self._worker.address} {said}")
        self._right = True

    def arithmetic(self) -> str:
        """On which the last bits of a frame depend."""
        import torch

        from vsrife.engine import resolve_device, resolve_precision

        said = dict(self._job.arguments)
        try:
            device = resolve_device(str(said.get("device", "auto")).split(",")[0])
            precision = str(resolve_precision(str(said.get("precision", "auto")), device)).removeprefix("torch.")
        except RifeError as error:
            raise RifeError(f"worker {self._worker.address}: {error}") from error
        if device.type == "cuda":
            return f"{torch.cuda.get_device_name(device)}, {precision}"
        threads = f"{torch.get_num_threads()} threads"
        return f"{device.type} with {torch.backends.cpu.get_cpu_capability()}, {threads}, {precision}"

    def make(self, segment: Segment) -> tuple[Rendered, bytes | None]:
        """A segment, into the work folder where that is seen from here.

        Returns:
            What is known of its file; and the file itself where it does not lie in the work folder now.

        Raises:
            RifeError: it cannot be made.
        """
        self.check()
        told = 0.0

        def watch(done: int, total: int) -> None:
            nonlocal told
            if self._stopped:
                raise _Stopped
            if (now := time.monotonic()) - told >= PACE:
                told = now
                self._worker.log_event(self.name, {"segment": segment.number, "done": done})

        with TemporaryDirectory(prefix="vsrife-", dir=self._worker.local_directory) as folder:
            path = Path(folder) / segment.name
            rendered = render_segment(self._job, segment, path, watch, _clip(self._job))
            if not self._sees_folder():
                return rendered, path.read_bytes()
            keep(self._folder, segment, rendered, lambda partial: shutil.copyfile(path, partial))
            return rendered, None

    def _sees_folder(self) -> bool:
        try:
            return (self._folder / TOKEN).read_text(encoding="ascii") == self._token
        except (OSError, ValueError):
            return False


def made(name: str, segment: Segment) -> tuple[Rendered, bytes | None] | str:
    """The task: what `Station.make` gives, or the line that says why there is nothing, which no retry would change."""
    station = get_worker().plugins[name]
    assert isinstance(station, Station)
    try:
        return station.make(segment)
    except RifeError as error:
        return str(error)
    except _Stopped:
        return "interpolate: stopped"


async def checked(name: str, dask_worker: Worker) -> tuple[str, str]:
    """A worker's complaint, or nothing, and its arithmetic; beside what it is doing."""
    station = dask_worker.plugins[name]
    assert isinstance(station, Station)
    try:
        await asyncio.to_thread(station.check)
        return "", await asyncio.to_thread(station.arithmetic)
    except RifeError as error:
        return str(error), ""


def keep(folder: Path, segment: Segment, rendered: Rendered, write: Callable[[Path], object]) -> None:
    """Put a segment into the work folder, as `render_segment` would have.

    Args:
        folder: it.
        segment: which.
        rendered: what is known of the file.
        write: writes it.

    Raises:
        RifeError: it cannot be written.
    """
    path = folder / segment.name
    with whole(path, note=FULL) as partial:
        write(partial)
    with whole(path.with_suffix(".json"), note=FULL) as partial:
        partial.write_text(json.dumps(asdict(rendered)) + "\n", encoding="utf-8")


@lru_cache(maxsize=1)
def _clip(job: Job) -> vs.VideoNode:
    """The output, open for all segments; one film's at a time."""
    return interpolated(job.film, dict(job.arguments))
