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

from vsrife.errors import ArgumentError, RifeError
from vsrife.film.cluster_local import CLOSE, quietly, silent, started
from vsrife.film.files import FULL, reason
from vsrife.film.render import known_segment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vsrife.film.cluster_worker import Station
    from vsrife.film.job import Job, Segment
    from vsrife.film.render import Rendered
    from vsrife.film.run import Teller

__all__ = ["Crew", "connected"]

ADDRESS = re.compile(r"local:(?P<count>\d{1,4})|(?:tcp|tls)://[^\s/]+:\d{1,5}")
MOST_LOCAL = 256
CONNECT = 15.0
"""Seconds within which the scheduler answers."""
PATIENCE = 60.0
"""Seconds that a cluster may be without a worker, and a file of a worker's may take to be seen here."""
TICK, COUNT = 0.25, 2.0
"""Seconds between two looks at how far it is, and at who is there."""
RETRIES = 2
"""Of a segment, after an error that is not the job's. Workers that die do not count: Dask's `allowed-failures` does."""


@contextmanager
def connected(address: str) -> Iterator[Crew]:
    """The workers of a cluster, until the block ends; those of `local:N` are started when they are first needed.

    Args:
        address: a scheduler's, `tcp://HOST:PORT`, or `local:N` for N processes of this machine.

    Raises:
        RifeError: it is no address, nothing answers there, or the package distributed is missing.
    """
    match = ADDRESS.fullmatch(address)
    if not match or (match["count"] and not 1 <= int(match["count"]) <= MOST_LOCAL):
        shown = address if address.isprintable() and len(address) <= 60 else repr(address[:60])
        raise ArgumentError("cluster", shown, f"tcp://HOST:PORT or local:1 to local:{MOST_LOCAL}")
    try:
        import distributed
    except ImportError as error:
        raise RifeError("cluster needs distributed; pip install 'vsrife[cluster]'") from error
    with silent(), ExitStack() as stack:
        crew = Crew(address, int(match["count"] or 0), stack)
        if not crew.count:
            crew.client(distributed)
        yield crew


class Crew:
    """Workers, and what is said to them.

    Args:
        address: of the cluster.
        count: of workers that are processes of this machine's; 0 where the cluster is there by itself.
        stack: what is to be undone.
    """

    def __init__(self, address: str, count: int, stack: ExitStack) -> None:
        self.address, self.count = address, count
        self._stack = stack
        self._client: Any = None

    def client(self, distributed: Any) -> Any:
        """The connection, made once.

        Raises:
            RifeError: nothing answers.
        """
        if self._client is None:
            try:
                where = self._stack.enter_context(started(distributed, self.count)) if self.count else self.address
                client = distributed.Client(where, timeout=CONNECT, set_as_default=False)
            except (OSError, ValueError, RuntimeError, TimeoutError) as error:
                said = " ".join(str(reason(error)).split())
                raise RifeError(f"cluster {self.address} cannot be reached ({said})") from error
            self._stack.callback(quietly, client.close, timeout=CLOSE)
            self._client = client
        return self._client

    def render(self, job: Job, segments: Sequence[Segment], folder: Path, teller: Teller, done: int) -> int:
        """Have segments made, into the work folder.

        Args:
            job: the film's.
            segments: those that are wanted.
            folder: the work folder.
            teller: told how it goes.
            done: frames that were there before.

        Returns:
            The frames that were made.

        Raises:
            RifeError: a worker is unlike this machine, a segment cannot be made, or the workers are gone.
        """
        if not segments:
            return 0
        import distributed

        from vsrife.film.cluster_facts import facts
        from vsrife.film.cluster_worker import TOKEN, Station, checked, made

        token = uuid4().hex
        wanted = facts(job)
        client = self.client(distributed)
        shift = _Shift(self, client, job, folder, teller, done)
        (folder / TOKEN).write_text(token, encoding="ascii")
        station = Station(job, folder, token, wanted, local=self.count > 0)
        try:
            shift.wait_for_one()
            client.register_plugin(station, name=station.name)
            shift.settle_differences(client.run(checked, station.name))
            client.subscribe_topic(station.name, shift.heard)
            for segment in sorted(segments, key=lambda segment: -segment.length):
                key = f"{station.name}-{segment.number}"
                shift.add(client.submit(made, station.name, segment, key=key, retries=RETRIES, pure=False), segment)
            shift.work()
        except RifeError:
            raise
        except Exception as error:  # of Dask, of any kind; a worker's where it has not got this package
            said = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            raise RifeError(f"cluster {self.address} cannot be used ({said}){FULL}") from error
        finally:
            self._dismiss(client, shift, station)
            with suppress(OSError):
                (folder / TOKEN).unlink()
        return sum(segment.length for segment in segments)

    def _dismiss(self, client: Any, shift: _Shift, station: Station) -> None:
        if client.status != "running":
            return
        quietly(client.cancel, list(shift.waiting), force=True)
        quietly(client.unregister_worker_plugin, station.name)  # which stops those at work
        quietly(client.unsubscribe_topic, station.name)


@dataclass
class _Shift:
    """Segments at work, and how far they are."""

    crew: Crew
    client: Any
    job: Job
    folder: Path
    teller: Teller
    done: int
    waiting: dict[Any, Segment] = field(default_factory=dict)
    progress: dict[int, int] = field(default_factory=dict)
    _ready: SimpleQueue[Any] = field(default_factory=SimpleQueue)
    _workers: int = -1
    _seen: float = 0.0
    _looked: float = 0.0

    def wait_for_one(self) -> None:
        """Until there is a worker."""
        try:
            self.client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError as error:
            raise self._deserted() from error

    def settle_differences(self, said: dict[str, tuple[str, str]]) -> None:
        """What the workers say of themselves: refuse one that makes another film, tell of other arithmetic."""
        for _, (complaint, _) in sorted(said.items()):
            if complaint:
                raise RifeError(complaint)
        kinds = sorted({arithmetic for _, arithmetic in said.values()})
        if len(kinds) > 1:
            self.teller.log(f"workers compute differently, frames may differ by as much: {'; '.join(kinds)}")

    def add(self, future: Any, segment: Segment) -> None:
        """One more that is made."""
        self.waiting[future] = segment
        future.add_done_callback(self._ready.put)

    def heard(self, event: tuple[float, dict[str, int]]) -> None:
        """A worker says how far it is."""
        self.progress[event[1]["segment"]] = event[1]["done"]

    def work(self) -> None:
        """Until all are there."""
        self._seen = time.monotonic()
        written = []
        while self.waiting:
            self._look()
            with suppress(Empty):
                future = self._ready.get(timeout=TICK)
                segment = self.waiting[future]
                if not self._take(future, segment):
                    written.append(segment)
                del self.waiting[future]
                future.release()
                self.done += segment.length
            begun = sum(self.progress.get(segment.number, 0) for segment in self.waiting.values())
            self.teller.watch(self.done + begun, self.job.frames)
        self._await_files(written)

    def _take(self, future: Any, segment: Segment) -> bool:
        """A segment that is made, or is not; whether its bytes came with it."""
        from distributed import KilledWorker

        from vsrife.film.cluster_worker import keep

        try:
            result: tuple[Rendered, bytes | None] | str = future.result()
        except KilledWorker as error:
            raise RifeError(
                f"segment {segment.number} was given up, every worker that made it died (out of memory?){FULL}"
            ) from error
        except CancelledError as error:
            raise RifeError(f"cluster {self.crew.address} was lost{FULL}") from error
        except Exception as error:
            said = f"{type(error).__name__}: {reason(error)}"
            raise RifeError(f"segment {segment.number} cannot be made ({said}){FULL}") from error
        if isinstance(result, str):
            raise RifeError(result)
        rendered, data = result
        if data is None:
            return False
        keep(self.folder, segment, rendered, lambda partial: partial.write_bytes(data))
        return True

    def _look(self) -> None:
        """How many workers there are; raises where there have been none for long."""
        now = time.monotonic()
        if now - self._looked < COUNT:
            return
        self._looked = now
        count = len(self.client.nthreads())
        if count:
            self._seen = now
        elif now - self._seen > PATIENCE:
            raise self._deserted()
        if count != self._workers:
            self._workers = count
            some = f"{count} worker{'' if count == 1 else 's'}"
            self.teller.stage(f"making frames on {some}", self.job.frames, self.done)

    def _await_files(self, segments: list[Segment]) -> None:
        """Until files that workers have written are seen here, which network file systems may keep waiting for."""
        until = time.monotonic() + PATIENCE
        for segment in segments:
            while known_segment(self.folder / segment.name, segment) is None:
                if time.monotonic() > until:
                    raise RifeError(
                        f"segment {segment.number} must be in {self.folder}, where a worker has put it, got none"
                    )
                time.sleep(TICK)

    def _deserted(self) -> RifeError:
        return RifeError(f"cluster {self.crew.address} has had no worker for {PATIENCE:g} s{FULL}")
