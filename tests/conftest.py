"""Settings and fixtures of all tests."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

PROCESSES = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
# before PyTorch is imported: the processes share the cores, and waiting threads do not spin
os.environ.setdefault("OMP_NUM_THREADS", str(max(2, (os.cpu_count() or 1) // PROCESSES)))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pytest
from hypothesis import settings
from slow_tests import SLOW

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

TESTS = Path(__file__).parent
# the same examples in every run, and no deadline
settings.register_profile("seeded", deadline=None, derandomize=True, database=None)
settings.load_profile("seeded")


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None, None, None]:
    """Mark the slow tests before `-m` selects; then sort their files to the front, so that no process ends alone."""
    places = {name: place for place, name in enumerate(SLOW)}
    names = {item: item.path.relative_to(TESTS).as_posix() for item in items}
    for item in items:
        if getattr(item, "originalname", item.name) in SLOW.get(names[item], ()):
            item.add_marker("slow")
    yield
    items.sort(key=lambda item: places.get(names[item], len(places)))


def pytest_collection_finish() -> None:
    """Exclude what is imported from garbage collection: vsjetengine's leak checks collect thrice after a test."""
    _freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
    """Exclude what the tests of a file have imported, too."""
    yield
    if nextitem is None or nextitem.path != item.path:
        _freeze()


def pytest_unconfigure() -> None:
    """Let everything be collected at exit, as it is without tests."""
    gc.unfreeze()


def _freeze() -> None:
    gc.collect()
    gc.freeze()


@pytest.fixture
def one_thread() -> Iterator[None]:
    """PyTorch on one thread: on small pictures, threads wait for one another longer than they work."""
    import torch  # not above: xdist's first process runs no tests

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
