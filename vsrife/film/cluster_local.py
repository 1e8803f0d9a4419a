"""Workers that are processes of this machine, and a cluster that keeps quiet."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CLOSE", "quietly", "silent", "started"]

CLOSE = 20.0
"""Seconds that leaving the cluster may take."""
LOGGERS = ("distributed", "distributed.client", "distributed.scheduler", "distributed.nanny", "tornado.application")


@contextmanager
def started(distributed: Any, count: int) -> Iterator[Any]:
    """A cluster of processes of this machine, which end with this one, however that ends."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    before = dict(os.environ)
    cluster = None
    try:
        cluster = distributed.LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            memory_limit=None,
            silence_logs=logging.CRITICAL,
            env={"OMP_NUM_THREADS": str(max(1, cores // count))},
        )
        yield cluster
    finally:
        if cluster is not None:
            quietly(cluster.close, timeout=CLOSE)
        for name in set(os.environ) - set(before):  # Dask's way to tell its workers
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def silent() -> Iterator[None]:
    """Dask's log is not for the user of a command: what matters of it is said in a line."""
    import distributed  # noqa: F401 - which sets its loggers' levels

    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def quietly(work: Any, *arguments: Any, **named: Any) -> None:
    """Leave, whatever the cluster says to that."""
    with suppress(Exception):
        work(*arguments, **named)
