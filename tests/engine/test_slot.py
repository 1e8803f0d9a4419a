"""Frames side by side."""

from __future__ import annotations

import threading

import numpy as np
import torch
from support import texture

from vsrife.engine import Colour, Engine, HostFrame, Interpolator, Options, PictureFormat, Task
from vsrife.engine.packed_form import LEAST_ROWS, STRIP_BYTES, strip_rows
from vsrife.engine.slot import Slot, device_slot
from vsrife.weights import load_network

CPU = torch.device("cpu")
FORM = PictureFormat("rgb", 32, True, 0, 0, 150, 110)


def test_every_lane_has_its_share_of_the_cores() -> None:
    slot = Slot(CPU)
    cores = torch.get_num_threads()
    together = threading.Barrier(slot.lanes)
    seen: list[int] = []

    def work() -> None:
        together.wait(30)  # passes only where as many run at once
        seen.append(torch.get_num_threads())

    callers = [threading.Thread(target=slot.run, args=(work,)) for _ in range(slot.lanes)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert seen == [max(1, cores // slot.lanes)] * slot.lanes
    assert torch.get_num_threads() == cores


def test_a_card_takes_one_frame_after_another() -> None:
    assert Slot(torch.device("cuda", 0)).lanes == 1


def test_frames_side_by_side_are_those_made_alone() -> None:
    frames = [texture(150, 110, 3 * n, 2 * n) for n in range(5)]
    sources = [HostFrame(n, list(frame), Colour()) for n, frame in enumerate(frames)]
    tasks = [Task(sources[n], sources[n + 1], t, FORM) for n in range(4) for t in (0.25, 0.5, 0.9)]
    engine = Engine(load_network("4.26", None), CPU, torch.float32)

    def made(order: list[int], threads: int) -> list[bytes]:
        interpolator = Interpolator(engine, FORM, Options())
        results = [b""] * len(tasks)
        waiting = iter(order)
        lock = threading.Lock()

        def work() -> None:
            while True:
                with lock:
                    number = next(waiting, None)
                if number is None:
                    return
                out = [np.empty((FORM.height, FORM.width), np.float32) for _ in range(3)]
                interpolator.render(tasks[number], out)
                results[number] = np.stack(out).tobytes()

        callers = [threading.Thread(target=work) for _ in range(threads)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        return results

    alone = made(list(range(len(tasks))), 1)
    assert len(set(alone)) == len(tasks)
    backwards = list(range(len(tasks)))[::-1]
    mixed = np.random.default_rng(1).permutation(len(tasks)).tolist()
    for order, threads in ((backwards, 2), (mixed, 6), (mixed, 3)):
        assert made(order, threads) == alone


def test_an_encoding_that_fails_is_tried_again() -> None:
    """The one who waits for another's encoding is not left with nothing."""
    engine = Engine(load_network("4.26", None), CPU, torch.float32)
    interpolator = Interpolator(engine, FORM, Options())
    frames = [list(texture(150, 110, 3 * n, 0)) for n in range(2)]
    broken = HostFrame(0, [], Colour())
    out = [np.empty((FORM.height, FORM.width), np.float32) for _ in range(3)]
    failures = 0
    for left in (broken, HostFrame(0, frames[0], Colour())):
        try:
            interpolator.render(Task(left, HostFrame(1, frames[1], Colour()), 0.5, FORM), out)
        except IndexError:
            failures += 1
    assert failures == 1
    assert np.isfinite(np.stack(out)).all()


def test_strips_are_even_and_fill_a_cache() -> None:
    for height, row in ((384, 40960), (1088, 122880), (2176, 245760), (24, 5120), (4352, 10**7)):
        rows = strip_rows(height, row)
        assert rows % 2 == 0 or rows == height
        assert rows in (height, LEAST_ROWS) or rows * row <= STRIP_BYTES
    assert strip_rows(24, 5120) == 24


def test_the_slot_of_a_device_is_shared() -> None:
    assert device_slot(CPU) is device_slot(torch.device("cpu"))
