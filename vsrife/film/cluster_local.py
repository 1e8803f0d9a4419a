"""Workers that are processes of this machine, and Dask without its log."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CLOSE", "attempt", "local_cluster", "quiet_logs"]

CLOSE = 20.0
"""Seconds that leaving the cluster may take."""
LOGGERS = ("distributed", "distributed.client", "distributed.scheduler", "distributed.nanny", "tornado.application")


@contextmanager
def local_cluster(distributed: Any, count: int) -> Iterator[Any]:
    """Start `count` worker processes, which end with this process, however that ends."""
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
            attempt(cluster.close, timeout=CLOSE)
        for name in set(os.environ) - set(before):  # Dask sets them for its workers
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def quiet_logs() -> Iterator[None]:
    """Silence Dask's loggers: the command reports in one line what matters of them."""
    import distributed  # noqa: F401 - importing it sets the levels of its loggers

    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def attempt(work: Any, *arguments: Any, **named: Any) -> None:
    """Call a step of leaving the cluster; its failure must not hide why the run ends."""
    with suppress(Exception):
        work(*arguments, **named)
