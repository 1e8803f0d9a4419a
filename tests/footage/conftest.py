"""What these tests share."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="package", autouse=True)
def little_garbage() -> Iterator[None]:
    """Garbage is collected with each environment; what importing left need not be looked through every time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _on_one_thread(one_thread: None) -> None:
    """All of these tests."""
