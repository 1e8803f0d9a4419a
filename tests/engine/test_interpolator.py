"""Frames that are made side by side, in any order, are those made one by one."""

from __future__ import annotations

import threading

import numpy as np
import torch
from support import texture, trained

from vsrife.engine import Colour, Engine, HostFrame, Interpolator, Options, PictureFormat, Task, Timestep

CPU = torch.device("cpu")
FORM = PictureFormat("rgb", 32, True, 0, 0, 150, 110)


def test_frames_side_by_side_are_those_made_alone() -> None:
    frames = [texture(150, 110, 3 * n, 2 * n) for n in range(5)]
    sources = [HostFrame(n, list(frame), Colour()) for n, frame in enumerate(frames)]
    tasks = [Task(sources[n], sources[n + 1], Timestep(t), FORM) for n in range(4) for t in (0.25, 0.5, 0.9)]
    engine = Engine(trained(), CPU, torch.float32)

    def render(order: list[int], threads: int) -> list[bytes]:
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

    alone = render(list(range(len(tasks))), 1)
    assert len(set(alone)) == len(tasks)
    backwards = list(range(len(tasks)))[::-1]
    mixed = np.random.default_rng(1).permutation(len(tasks)).tolist()
    for order, threads in ((backwards, 2), (mixed, 6), (mixed, 3)):
        assert render(order, threads) == alone


def test_an_upload_that_fails_is_tried_again() -> None:
    """A frame whose upload failed is uploaded again."""
    engine = Engine(trained(), CPU, torch.float32)
    interpolator = Interpolator(engine, FORM, Options())
    frames = [list(texture(150, 110, 3 * n, 0)) for n in range(2)]
    broken = HostFrame(0, [], Colour())
    out = [np.empty((FORM.height, FORM.width), np.float32) for _ in range(3)]
    failures = 0
    for left in (broken, HostFrame(0, frames[0], Colour())):
        try:
            interpolator.render(Task(left, HostFrame(1, frames[1], Colour()), Timestep(0.5), FORM), out)
        except IndexError:
            failures += 1
    assert failures == 1
    assert np.isfinite(np.stack(out)).all()
