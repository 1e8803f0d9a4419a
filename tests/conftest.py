"""Fixtures of all tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# the same examples every time, and no clock
settings.register_profile("seeded", deadline=None, derandomize=True, database=None)
settings.load_profile("seeded")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The file that takes longest comes first, so that no process is left alone with it at the end."""
    items.sort(key=lambda item: item.path.name != "test_wheel.py")


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Of small pictures the threads take longer to meet than to work, where the machine is shared."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
