"""A worker's side of a cluster: it renders segments and hands their files back."""

from __future__ import annotations

import asyncio
import shutil
import signal
import threading
import time
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from distributed import WorkerPlugin, get_worker

from vsrife.errors import RifeError
from vsrife.files import reason
from vsrife.film.cluster_facts import gather_facts
from vsrife.film.render import interpolated_clip, render_segment, store_segment

if TYPE_CHECKING:
    import vapoursynth as vs
    from distributed import Worker

    from vsrife.film.cluster_facts import Facts
    from vsrife.film.job import Job, Segment
    from vsrife.film.render import Rendered

__all__ = ["TOKEN", "SegmentWorker", "check_worker", "make_segment"]

TOKEN = ".token"
"""A file in the work folder by which a worker recognises that it sees that very folder."""
PACE = 0.5
"""Seconds between two reports of a worker's progress."""


class _Cancelled(Exception):  # noqa: N818 - it is no error
    """The client has left and no longer wants the segment."""


class SegmentWorker(WorkerPlugin):
    """A job's state on a worker, shared by all its segments. Workers that join later get it, too.

    Args:
        job: the film's.
        folder: the work folder, by its path on the client's machine.
        token: the content of the folder's token.
        expected: the client's facts, which the worker's must equal.
        local: whether the client started the workers as its own processes, so that it alone ends them.
    """

    def __init__(self, job: Job, folder: Path, token: str, expected: Facts, *, local: bool) -> None:
        self.name = f"vsrife-{token}"
        self._job, self._folder, self._token, self._expected, self._local = job, folder, token, expected, local
        self._cancelled = self._checked = False
        self._worker: Any = None

    def setup(self, worker: Worker) -> None:
        self._worker = worker
        if self._local and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to every process

    def teardown(self, worker: Worker) -> None:
        """Stop a segment at work after its current frame."""
        self._cancelled = True
        _clip.cache_clear()

    def check(self) -> None:
        """Check once that the worker's facts equal the client's.

        Raises:
            RifeError: the facts differ.
        """
        if self._checked:
            return
        try:
            difference = gather_facts(self._job).difference(self._expected)
        except (RifeError, OSError) as error:
            raise self._error(f"cannot render the film ({reason(error)})") from error
        if difference:
            raise self._error(difference)
        self._checked = True

    def arithmetic(self) -> str:
        """Device, threads and precision: what decides the last bits of a frame."""
        import torch

        from vsrife.engine import resolve_device, resolve_precision

        arguments = dict(self._job.arguments)
        try:
            device = resolve_device(str(arguments.get("device", "auto")).split(",")[0])
            dtype = resolve_precision(str(arguments.get("precision", "auto")), device)
        except RifeError as error:
            raise self._error(f"cannot render the film ({reason(error)})") from error
        precision = str(dtype).removeprefix("torch.")
        if device.type == "cuda":
            return f"{torch.cuda.get_device_name(device)}, {precision}"
        threads = f"{torch.get_num_threads()} threads"
        return f"{device.type} with {torch.backends.cpu.get_cpu_capability()}, {threads}, {precision}"

    def make(self, segment: Segment) -> tuple[Rendered, bytes | None]:
        """Render a segment, into the work folder where this worker sees it.

        Returns:
            The segment's record, and its file's bytes where they are not in the work folder.

        Raises:
            RifeError: it cannot be rendered.
        """
        self.check()
        reported = 0.0

        def watch(done: int, total: int) -> None:
            nonlocal reported
            if self._cancelled:
                raise _Cancelled
            if (now := time.monotonic()) - reported >= PACE:
                reported = now
                self._worker.log_event(self.name, {"segment": segment.number, "done": done})

        with TemporaryDirectory(prefix="vsrife-", dir=self._worker.local_directory) as folder:
            path = Path(folder) / segment.name
            rendered = render_segment(self._job, segment, path, watch, _clip(self._job))
            if not self._sees_folder():
                return rendered, path.read_bytes()
            with store_segment(self._folder / segment.name, rendered) as partial:
                shutil.copyfile(path, partial)
            return rendered, None

    def _sees_folder(self) -> bool:
        try:
            return (self._folder / TOKEN).read_text(encoding="ascii") == self._token
        except (OSError, ValueError):
            return False

    def _error(self, message: str) -> RifeError:
        return RifeError(f"worker {self._worker.address} {message}")


def make_segment(name: str, segment: Segment) -> tuple[Rendered, bytes | None] | RifeError:
    """The task of a segment; an error that no retry would change is its result, so that Dask does not try again."""
    worker = get_worker().plugins[name]
    assert isinstance(worker, SegmentWorker)
    try:
        return worker.make(segment)
    except RifeError as error:
        return error
    except _Cancelled:
        return RifeError("stopped")


async def check_worker(name: str, dask_worker: Worker) -> str | RifeError:
    """A worker's arithmetic, or the error that keeps it from rendering the film."""
    worker = dask_worker.plugins[name]
    assert isinstance(worker, SegmentWorker)
    try:
        await asyncio.to_thread(worker.check)
        return await asyncio.to_thread(worker.arithmetic)
    except RifeError as error:
        return error


@lru_cache(maxsize=1)
def _clip(job: Job) -> vs.VideoNode:
    """The interpolated clip, kept open for all segments of one film."""
    return interpolated_clip(job.film, dict(job.arguments))
