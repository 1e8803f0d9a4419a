"""How many threads the frames in progress have."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import torch

from vsrife.motion.crew import frame_in_progress, threads_of, usable_threads

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 7


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_a_frame_has_all_threads_while_no_other_is_in_progress() -> None:
    begun, go = threading.Event(), threading.Event()
    found = [usable_threads()]

    def other() -> None:
        with frame_in_progress(MOST), threads_of(1):
            begun.set()
            go.wait(30)
            found.append(usable_threads())

    thread = threading.Thread(target=other)
    with frame_in_progress(MOST):
        found.append(usable_threads())
        thread.start()
        assert begun.wait(30)
        found.append(usable_threads())
        go.set()
        thread.join()
        found.append(usable_threads())
        assert torch.get_num_threads() == 2
    found.append(usable_threads())
    assert found == [2, MOST, 2, 1, MOST, 2]


def test_threads_are_as_before_after_a_failure() -> None:
    with pytest.raises(ZeroDivisionError), frame_in_progress(MOST), threads_of(1):
        assert torch.get_num_threads() == 1
        raise ZeroDivisionError
    assert (torch.get_num_threads(), usable_threads()) == (2, 2)
    with frame_in_progress(MOST):
        assert usable_threads() == MOST
