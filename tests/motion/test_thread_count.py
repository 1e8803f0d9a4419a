"""How many threads the frames in progress have."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import torch

from vsrife.motion import thread_count
from vsrife.motion.thread_count import frame_in_progress, threads_of, usable_threads

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
    def fail() -> None:
        with frame_in_progress(MOST), threads_of(1):
            assert torch.get_num_threads() == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (torch.get_num_threads(), usable_threads()) == (2, 2)
    with frame_in_progress(MOST):
        assert usable_threads() == MOST


def test_a_frame_keeps_its_threads_after_one_that_waited_for_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = {"wall": 0.0, "cpu": 0.0}
    monkeypatch.setattr(thread_count.time, "perf_counter", lambda: clock["wall"])
    monkeypatch.setattr(thread_count.time, "thread_time", lambda: clock["cpu"])
    found = []
    for wall, cpu in ((1.2, 1.0), (2.0, 1.0), (0.01, 0.001), (2.0, 1.9), (1.0, 1.0)):
        with frame_in_progress(MOST):
            found.append(usable_threads())
            clock["wall"] += wall
            clock["cpu"] += cpu
    assert found == [MOST, MOST, 2, 2, MOST]
