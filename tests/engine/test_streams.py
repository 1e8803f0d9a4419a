"""Frames go through a ring in any order, by any number of threads, each to its own target; on a device of threads."""

from __future__ import annotations

import queue
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vsrife.engine.streams import Ring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from vsrife.engine.streams import Upload


class Queue:
    """A stream: a thread that does one thing after another, each after a moment."""

    def __init__(self, seed: int) -> None:
        self._work: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._random = random.Random(seed)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            time.sleep(self._random.choice((0, 0, 0.001, 0.003)))
            with torch.inference_mode():
                work()

    def put(self, work: Callable[[], object]) -> None:
        self._work.put(work)

    def mark(self) -> Mark:
        mark = Mark()
        self.put(mark.event.set)
        return mark

    def after(self, other: Queue) -> None:
        """What is put from now on waits for what was put on the other before."""
        self.put(other.mark().synchronize)

    def stop(self) -> None:
        self._work.put(None)
        self._thread.join()


class Mark:
    def __init__(self) -> None:
        self.event = threading.Event()

    def synchronize(self) -> None:
        assert self.event.wait(10)


class Device:
    """Three streams whose copies happen later; it notices memory that two frames use at once."""

    def __init__(self, seed: int = 0) -> None:
        self.up, self.compute, self.down = (Queue(seed + k) for k in range(3))
        self.pinned_sizes: list[int] = []
        self.uploads = 0
        self.finished = 0
        self.busy: set[int] = set()
        self.clashes = 0
        self.most = 0

    def pinned(self, size: int) -> Tensor:
        self.pinned_sizes.append(size)
        return torch.zeros(size, dtype=torch.uint8)

    def upload(self, host: Sequence[Tensor]) -> tuple[Tensor, ...]:
        self.uploads += 1
        there = tuple(torch.empty_like(x) for x in host)
        self.up.put(lambda: [a.copy_(b) for a, b in zip(there, host, strict=True)])
        self.compute.after(self.up)
        return there

    @contextmanager
    def computing(self) -> Iterator[None]:
        assert torch.is_inference_mode_enabled()
        yield

    def download(self, outputs: Sequence[Tensor], host: Sequence[Tensor]) -> Mark:
        self.down.after(self.compute)
        key = host[0].data_ptr() if host else -1
        self.clashes += key in self.busy
        self.busy.add(key)
        self.most = max(self.most, len(self.busy))

        def copy() -> None:
            for x, array in zip(outputs, host, strict=True):
                array.copy_(x)
            self.busy.discard(key)

        self.down.put(copy)
        return self.down.mark()

    def finish(self) -> None:
        self.finished += 1
        for stream in (self.up, self.compute, self.down):
            stream.mark().synchronize()

    def stop(self) -> None:
        for stream in (self.up, self.compute, self.down):
            stream.stop()


def worker() -> Callable[[Callable[[], object]], object]:
    """The engine's thread."""
    executor = ThreadPoolExecutor(1)
    return lambda work: executor.submit(work).result()


@pytest.fixture
def device() -> Iterator[Device]:
    made = Device()
    yield made
    made.stop()


def frame(number: int, size: int = 4, dtype: type = np.uint8) -> list[NDArray[np.generic]]:
    return [np.full((size, size), number, dtype), np.full((size // 2, size), number + 1, dtype)]


def added(device: Device, amount: int) -> Callable[[Sequence[Upload]], list[Tensor]]:
    """Work that adds all sources' planes and a number."""

    def work(uploads: Sequence[Upload]) -> list[Tensor]:
        planes = list(zip(*(upload() for upload in uploads), strict=True))
        out = [torch.zeros_like(of[0]) for of in planes]

        def compute() -> None:
            for made, of in zip(out, planes, strict=True):
                made.copy_(sum(of, torch.tensor(amount)).to(made.dtype))

        device.compute.put(compute)
        return out

    return work


def ask(ring: Ring, device: Device, number: int, size: int = 4, dtype: type = np.uint8) -> list[NDArray[np.generic]]:
    target = [np.zeros_like(plane) for plane in frame(0, size, dtype)]
    ring.run([frame(number, size, dtype), frame(7, size, dtype)], added(device, 3), target)
    return target


def check(made: list[NDArray[np.generic]], number: int) -> None:
    assert (made[0] == number + 10).all()
    assert (made[1] == number + 12).all()


@settings(max_examples=15)
@given(
    numbers=st.lists(st.tuples(st.integers(0, 200), st.sampled_from([4, 6, 16])), min_size=1, max_size=24),
    threads=st.integers(1, 6),
    slots=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_every_frame_is_its_own_in_any_order(
    numbers: list[tuple[int, int]], threads: int, slots: int, seed: int
) -> None:
    device = Device(seed)
    ring = Ring(device, worker(), slots)
    with ThreadPoolExecutor(threads) as pool:
        made = list(pool.map(lambda asked: ask(ring, device, *asked), numbers))
    for (number, _), planes in zip(numbers, made, strict=True):
        check(planes, number)
    assert device.clashes == 0
    assert device.most <= slots
    device.stop()


def test_frames_overlap(device: Device) -> None:
    """The second frame is queued while the first is not yet computed, and the fourth waits for a slot."""
    ring = Ring(device, worker(), 3)
    gate, queued = threading.Event(), threading.Semaphore(0)

    def work(uploads: Sequence[Upload]) -> list[Tensor]:
        (plane,) = uploads[0]()
        device.compute.put(gate.wait)
        queued.release()
        return [plane]

    targets = [[np.zeros((2, 2), np.uint8)] for _ in range(5)]
    with ThreadPoolExecutor(5) as pool:
        for n, target in enumerate(targets):
            pool.submit(ring.run, [[np.full((2, 2), n, np.uint8)]], work, target)
        try:
            assert all(queued.acquire(timeout=20) for _ in range(3))
            assert not queued.acquire(timeout=0.2)
        finally:
            gate.set()
    assert [int(target[0][0, 0]) for target in targets] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16, np.float32])
def test_types_and_strided_planes(device: Device, dtype: type) -> None:
    ring = Ring(device, worker())
    source = np.arange(48).reshape(6, 8).astype(dtype)[:, :5]
    room = np.zeros((6, 9), dtype)
    ring.run([[source]], lambda uploads: uploads[0](), [room[:, :5]])
    assert (room[:, :5] == source).all()
    assert not room[:, 5:].any()


def test_only_needed_sources_are_uploaded(device: Device) -> None:
    ring = Ring(device, worker())
    target = [np.zeros((2, 2), np.uint8)]
    sources = [[np.full((2, 2), n, np.uint8)] for n in range(3)]
    for wanted in (2, 1):  # of which the ring is told the one and not the other
        ring.run(sources, lambda uploads, k=wanted: uploads[k](), target, expected=lambda index: index == 2)
        assert (target[0] == wanted).all()
    ring.run(sources, lambda uploads: [a + b for a, b in zip(uploads[1](), uploads[1](), strict=True)], target)
    assert device.uploads == 3


def test_memory_is_reused(device: Device) -> None:
    ring = Ring(device, worker(), 1)
    for size in (4, 4, 2, 64, 32, 64):
        check(ask(ring, device, 5, size), 5)
    assert len(device.pinned_sizes) == 4  # up and down, small and large


def test_errors_reach_the_thread_that_asked_and_the_slot_is_free_again(device: Device) -> None:
    ring = Ring(device, worker(), 1)

    def fails(uploads: Sequence[Upload]) -> list[Tensor]:
        uploads[0]()
        raise KeyError("no such thing")

    target = [np.zeros((4, 4), np.uint8)]
    for _ in range(3):
        with pytest.raises(KeyError, match="no such thing"):
            ring.run([frame(1)], fails, target)
    assert device.finished == 3
    with pytest.raises(ValueError, match=r"^work must return"):
        ring.run([frame(1)], lambda uploads: uploads[0](), target)
    with pytest.raises(ValueError, match=r"^work must return"):
        ring.run([[np.zeros((4, 4), np.uint16)]], lambda uploads: uploads[0](), target)
    check(ask(ring, device, 9), 9)


def test_errors_of_some_frames_leave_the_others_alone(device: Device) -> None:
    ring = Ring(device, worker(), 2)

    def one(number: int) -> list[NDArray[np.generic]] | str:
        def fails(uploads: Sequence[Upload]) -> list[Tensor]:
            added(device, number)(uploads)
            raise RuntimeError(f"frame {number}")

        if number % 3:
            return ask(ring, device, number)
        try:
            ring.run([frame(number)], fails, [np.zeros((4, 4), np.uint8)])
        except RuntimeError as error:
            return str(error)
        return "nothing was raised"

    with ThreadPoolExecutor(5) as pool:
        for number, made in enumerate(pool.map(one, range(24))):
            if number % 3:
                assert isinstance(made, list)
                check(made, number)
            else:
                assert made == f"frame {number}"


def test_a_value_can_be_asked_for(device: Device) -> None:
    ring = Ring(device, worker())

    def work(uploads: Sequence[Upload]) -> int:
        (plane,) = uploads[0]()
        device.compute.mark().synchronize()
        return int(plane.sum())

    with ThreadPoolExecutor(4) as pool:
        sums = list(pool.map(lambda n: ring.ask([[np.full((2, 2), n, np.uint8)]], work), range(12)))
    assert sums == [4 * n for n in range(12)]
    with pytest.raises(ZeroDivisionError):
        ring.ask([], lambda uploads: 1 // 0)


def test_closed_it_waits_for_frames_in_progress_and_takes_no_more(device: Device) -> None:
    ring = Ring(device, worker(), 1)
    gate, started = threading.Event(), threading.Event()

    def work(uploads: Sequence[Upload]) -> list[Tensor]:
        plane = uploads[0]()
        device.compute.put(gate.wait)
        started.set()
        return list(plane)

    target = [np.zeros((2, 2), np.uint8)]
    source = [[np.full((2, 2), 5, np.uint8)]]
    with ThreadPoolExecutor(3) as pool:
        running = pool.submit(ring.run, source, work, target)
        assert started.wait(20)
        waiting = pool.submit(ring.run, source, work, [np.zeros((2, 2), np.uint8)])
        closing = pool.submit(ring.close)
        with pytest.raises(RuntimeError, match="the ring is closed"):
            waiting.result(20)
        assert not closing.done()
        gate.set()
        running.result(20)
        closing.result(20)
    assert (target[0] == 5).all()
    with pytest.raises(RuntimeError, match="the ring is closed"):
        ask(ring, device, 1)
    ring.close()
