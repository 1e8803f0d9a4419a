"""One film on many machines: its segments go to the workers of a Dask cluster, and come back as files."""

from __future__ import annotations

import re
import time
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from vsrife.errors import ArgumentError, RifeError, first_line
from vsrife.files import reason
from vsrife.film.cluster_local import CLOSE, attempt, local_cluster, quiet_logs
from vsrife.film.progress import StoppedError
from vsrife.film.render import finished_segment, store_segment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vsrife.film.cluster_worker import SegmentWorker
    from vsrife.film.job import Job, Segment
    from vsrife.film.progress import ProgressReporter
    from vsrife.film.render import Rendered

__all__ = ["ClusterClient", "connect"]

ADDRESS = re.compile(r"local:(?P<count>\d{1,4})|(?:tcp|tls)://[^\s/]+:\d{1,5}")
MOST_LOCAL = 256
CONNECT = 15.0
"""Seconds within which the scheduler must answer."""
PATIENCE = 60.0
"""Seconds that a cluster may lack workers, and that a file a worker has written may take to appear here."""
TICK, COUNT = 0.25, 2.0
"""Seconds between two reports of the progress, and between two counts of the workers."""
RETRIES = 2
"""Retries of a segment after an error that is not the job's. For workers that die, Dask's `allowed-failures` counts."""


@contextmanager
def connect(address: str) -> Iterator[ClusterClient]:
    """A client of a cluster, until the block ends. Workers of `local:N` are started when they are first needed.

    Args:
        address: a scheduler's, `tcp://HOST:PORT`, or `local:N` for N processes of this machine.

    Raises:
        RifeError: the address is malformed, nothing answers there, or the package distributed is missing.
    """
    match = ADDRESS.fullmatch(address)
    if not match or (match["count"] and not 1 <= int(match["count"]) <= MOST_LOCAL):
        raise ArgumentError("cluster", address, f"tcp://HOST:PORT or local:1 to local:{MOST_LOCAL}")
    try:
        import distributed
    except ImportError as error:
        raise RifeError("cluster needs distributed; pip install '.[cluster]'") from error
    with quiet_logs(), ExitStack() as stack:
        client = ClusterClient(address, int(match["count"] or 0), stack)
        if not client.count:
            client.dask(distributed)
        yield client


class ClusterClient:
    """Deals segments out to the workers of a cluster.

    Args:
        address: of the cluster.
        count: worker processes to start on this machine; 0 for a cluster that is running already.
        stack: closes the connection.
    """

    def __init__(self, address: str, count: int, stack: ExitStack) -> None:
        self.address, self.count = address, count
        self._stack = stack
        self._dask: Any = None

    def dask(self, distributed: Any) -> Any:
        """Dask's client, connected once.

        Raises:
            RifeError: nothing answers.
        """
        if self._dask is None:
            try:
                where: Any = self.address
                if self.count:
                    where = self._stack.enter_context(local_cluster(distributed, self.count))
                dask = distributed.Client(where, timeout=CONNECT, set_as_default=False)
            except (OSError, ValueError, RuntimeError, TimeoutError) as error:
                raise RifeError(f"cluster {self.address} cannot be reached ({reason(error)})") from error
            self._stack.callback(attempt, dask.close, timeout=CLOSE)
            self._dask = dask
        return self._dask

    def render(self, job: Job, segments: Sequence[Segment], folder: Path, reporter: ProgressReporter, done: int) -> int:
        """Have segments rendered into the work folder.

        Args:
            job: the film's.
            segments: those to render.
            folder: the work folder.
            reporter: shows the progress.
            done: frames of other segments, which are finished.

        Returns:
            The number of frames rendered.

        Raises:
            RifeError: a worker differs from this machine, a segment cannot be rendered, or the workers are gone.
        """
        if not segments:
            return 0
        import distributed

        from vsrife.film.cluster_facts import gather_facts
        from vsrife.film.cluster_worker import TOKEN, SegmentWorker, check_worker, make_segment

        token = uuid4().hex
        facts = gather_facts(job)
        dask = self.dask(distributed)
        run = RunState(self.address, dask, job, folder, reporter, done)
        (folder / TOKEN).write_text(token, encoding="ascii")
        worker = SegmentWorker(job, folder, token, facts, local=self.count > 0)
        try:
            run.wait_for_worker()
            dask.register_plugin(worker, name=worker.name)
            run.compare_workers(dask.run(check_worker, worker.name))
            dask.subscribe_topic(worker.name, run.note_progress)
            for segment in sorted(segments, key=lambda segment: -segment.length):
                key = f"{worker.name}-{segment.number}"
                run.add(dask.submit(make_segment, worker.name, segment, key=key, retries=RETRIES, pure=False), segment)
            run.collect()
        except RifeError:
            raise
        except Exception as error:  # Dask's, of any type, or a worker's that lacks this package
            raise StoppedError(
                f"cluster {self.address} cannot be used ({type(error).__name__}: {first_line(error)})"
            ) from error
        finally:
            self._dismiss(dask, run, worker)
            with suppress(OSError):
                (folder / TOKEN).unlink()
        return sum(segment.length for segment in segments)

    def _dismiss(self, dask: Any, run: RunState, worker: SegmentWorker) -> None:
        if dask.status != "running":
            return
        attempt(dask.cancel, list(run.waiting), force=True)
        attempt(dask.unregister_worker_plugin, worker.name)  # which stops segments at work
        attempt(dask.unsubscribe_topic, worker.name)


@dataclass
class RunState:
    """The segments that are at work, and their progress.

    Args:
        address: of the cluster.
        dask: Dask's client.
        job: the film's.
        folder: the work folder.
        reporter: shows the progress.
        done: frames of finished segments.
        waiting: the unfinished segment of each of Dask's futures.
        progress: finished frames of segments at work, by the segment's number.
    """

    address: str
    dask: Any
    job: Job
    folder: Path
    reporter: ProgressReporter
    done: int
    waiting: dict[Any, Segment] = field(default_factory=dict)
    progress: dict[int, int] = field(default_factory=dict)
    _ready: SimpleQueue[Any] = field(default_factory=SimpleQueue)
    _workers: int = -1
    _last_worker: float = 0.0
    _last_count: float = 0.0

    def wait_for_worker(self) -> None:
        """Wait until the cluster has a worker."""
        try:
            self.dask.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError as error:
            raise self._no_workers() from error

    def compare_workers(self, answers: dict[str, str | RifeError]) -> None:
        """Raise the first worker's error; log where workers compute with different arithmetic."""
        for _, answer in sorted(answers.items()):
            if isinstance(answer, RifeError):
                raise answer
        kinds = sorted({str(answer) for answer in answers.values()})
        if len(kinds) > 1:
            self.reporter.log(f"workers compute differently, frames may differ by as much: {'; '.join(kinds)}")

    def add(self, future: Any, segment: Segment) -> None:
        """Wait for a future's segment."""
        self.waiting[future] = segment
        future.add_done_callback(self._ready.put)

    def note_progress(self, event: tuple[float, dict[str, int]]) -> None:
        """Receive a worker's report."""
        self.progress[event[1]["segment"]] = event[1]["done"]

    def collect(self) -> None:
        """Store segments as they come, until none is waiting."""
        self._last_worker = time.monotonic()
        written = []
        while self.waiting:
            self._count_workers()
            with suppress(Empty):
                future = self._ready.get(timeout=TICK)
                segment = self.waiting[future]
                if not self._store(future, segment):
                    written.append(segment)
                del self.waiting[future]
                future.release()
                self.done += segment.length
            begun = sum(self.progress.get(segment.number, 0) for segment in self.waiting.values())
            self.reporter.watch(self.done + begun, self.job.frames)
        self._await_files(written)

    def _store(self, future: Any, segment: Segment) -> bool:
        """Store a finished segment; False where the worker has written its file already."""
        from distributed import KilledWorker

        try:
            result: tuple[Rendered, bytes | None] | RifeError = future.result()
        except KilledWorker as error:
            raise StoppedError(
                f"segment {segment.number} was given up, every worker that rendered it died (out of memory?)"
            ) from error
        except CancelledError as error:
            raise StoppedError(f"cluster {self.address} was lost") from error
        except Exception as error:
            message = f"{type(error).__name__}: {reason(error)}"
            raise StoppedError(f"segment {segment.number} cannot be rendered ({message})") from error
        if isinstance(result, RifeError):
            raise result
        rendered, data = result
        if data is None:
            return False
        with store_segment(self.folder / segment.name, rendered) as partial:
            partial.write_bytes(data)
        return True

    def _count_workers(self) -> None:
        """Report how many workers there are; raise where there have been none for long."""
        now = time.monotonic()
        if now - self._last_count < COUNT:
            return
        self._last_count = now
        count = len(self.dask.nthreads())
        if count:
            self._last_worker = now
        elif now - self._last_worker > PATIENCE:
            raise self._no_workers()
        if count != self._workers:
            self._workers = count
            some = f"{count} worker{'' if count == 1 else 's'}"
            self.reporter.stage(f"making frames on {some}", self.job.frames, self.done)

    def _await_files(self, segments: list[Segment]) -> None:
        """Wait until files that workers have written appear here; network file systems may take a while."""
        until = time.monotonic() + PATIENCE
        for segment in segments:
            while finished_segment(self.folder / segment.name, segment) is None:
                if time.monotonic() > until:
                    raise StoppedError(f"segment {segment.number} is not in {self.folder}, where a worker has put it")
                time.sleep(TICK)

    def _no_workers(self) -> RifeError:
        return StoppedError(f"cluster {self.address} has had no worker for {PATIENCE:g} s")
