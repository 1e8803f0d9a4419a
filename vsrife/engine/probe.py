"""Whether a CUDA card makes the same frames at every level, and how fast: `python -m vsrife.engine.probe cuda:0`.

It runs in a process of its own, since what it tries may crash or hang; its result is kept in the user's cache folder.
"""

from __future__ import annotations

import faulthandler
import math
import os
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vsrife.engine import card_record
from vsrife.engine.card_record import LIMIT
from vsrife.engine.device import PRECISIONS, resolve_device, resolve_precision
from vsrife.engine.engine import Engine
from vsrife.engine.frame_maker import FrameMaker
from vsrife.engine.graphs import GraphedEstimator
from vsrife.engine.levels import Level, set_level
from vsrife.engine.memory import is_out_of_memory
from vsrife.engine.picture import Colour, HostFrame, PictureFormat
from vsrife.engine.proof import POISON, psnr, texture
from vsrife.engine.recovery import execute
from vsrife.engine.task import Options, Task, Timestep
from vsrife.errors import RifeError, first_line
from vsrife.networks import DEFAULT
from vsrife.weights import load_network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["probe", "probe_engine"]

LEAST = 45.0
"""The least PSNR to the reference in fp32, in dB; the network has 71 in fp16 on pictures like these."""
GAIN = 0.98
"""A level is used if a frame takes at most this share of the fastest lower level's time."""
STEP = 9, 4
"""Pixels across and down by which the pictures move a frame."""
THREADS = 3
"""Frames that are asked for at once."""
FORMS = (
    (PictureFormat("yuv", 8, False, 1, 1, 250, 134), Options(requests=THREADS)),
    (PictureFormat("yuv", 10, False, 1, 0, 322, 180), Options(requests=THREADS, picture="published")),
    (PictureFormat("rgb", 32, True, 0, 0, 192, 128), Options(requests=THREADS, ensemble=2)),
)
PAIRS = 4
TIMES = (
    Timestep(0.5, motion_at=0.5, shares_motion=True),
    Timestep(0.25, motion_at=0.5, shares_motion=True),
    Timestep(0.7),
)
FILM = PictureFormat("yuv", 8, False, 1, 1, 1920, 1080)
FILM_FRAMES = 60
FILMS = 3
"""Times that a film is made, of which the fastest counts."""
WARM_UP = 10

Planes = list["NDArray[np.generic]"]


@dataclass(frozen=True)
class _Ask:
    """A frame: which form, between which source frames, and when."""

    form: int
    left: int
    timestep: Timestep


def probe(device: torch.device) -> dict[str, Any]:
    """Probe a card and keep what is found; for a process of its own, which it ends where it takes too long.

    Returns:
        `level`, `why` it is not the highest, and `levels` with figures; `error`, one line, where nothing is kept.
    """
    before: dict[str, Any] = {}
    begun: dict[str, Any] = {}
    try:
        with card_record.locked(device) as ours:
            if not ours:
                return {"error": "it is being probed by another process"}
            before = card_record.read(device) or {}
            begun = {"attempts": 1} | before
            begun = {name: begun[name] for name in ("attempts", "started") if name in begun}
            steps = [""]

            def step(name: str) -> None:
                steps[0] = name
                card_record.write(device, begun | {"step": name})

            with _limited(device, steps):
                step("its start")
                found = probe_engine(_engine(device), step)
                found["date"] = time.strftime("%Y-%m-%d")
                card_record.write(device, found)
                return found
    except Exception as error:
        if is_out_of_memory(error):  # which says nothing about the card: what was proven stays, and no attempt counts
            if "level" not in before and isinstance(attempts := begun.get("attempts"), int):
                before = begun | {"attempts": max(attempts - 1, 0)}
            card_record.write(device, before)
            return {"error": "there is no memory for it"}
        found = {"level": Level.EAGER.name.lower(), "why": f"{type(error).__name__}: {first_line(error)}"}
        card_record.write(device, found)
        return found | {"error": found["why"]}


def probe_engine(engine: Engine, step: Callable[[str], None], film: PictureFormat = FILM) -> dict[str, Any]:
    """Make the same frames by the reference and at every level, compare them, and time a film.

    Args:
        engine: the network on the card; its level is raised as far as the frames are right.
        step: takes the name of what is about to be tried.
        film: format of the film.
    """
    device = engine.device
    levels: dict[str, dict[str, Any]] = {}
    name = next(name for name, dtype in PRECISIONS.items() if dtype == engine.dtype)
    found: dict[str, Any] = {"level": "", "why": "", "precision": name, "levels": levels}
    step("frames by the reference")
    set_level(device, Level.EAGER)
    reference = _make(engine.reference(), reverse=False)
    eager: list[Planes] = []
    reached, fastest = Level.EAGER, math.inf
    for level in Level:
        title = level.name.lower()
        step(f"frames at the level {title}")
        set_level(device, level)
        figures: dict[str, Any] = {}
        levels[title] = figures
        try:
            _drop_graphs(engine)
            _poison(device)
            made = _make(engine, reverse=False)
            with _counting_waits(device, figures):
                again = _make(engine, reverse=True)
            eager = eager or made
            figures["db"] = round(min(map(_likeness, made, reference)), 1)
            if fault := _fault(figures["db"], made, again, eager):
                figures["wrong"] = True
            figures["why"] = fault or _why_no_graphs(engine, level)
            if not figures["why"]:
                step(f"a film at the level {title}")
                _drop_graphs(engine)  # those of the frames above leave no room for the film's
                figures["ms"] = round(min(_film(engine, film) for _ in range(FILMS)), 3)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            figures["why"] = first_line(error)
        if not figures["why"] and figures["ms"] > fastest * GAIN:
            figures["why"] = f"it is not faster than the level {reached.name.lower()}"
        elif not figures["why"]:
            reached, fastest = level, figures["ms"]
            continue
        if "ms" not in figures:
            break
    found["level"] = reached.name.lower()
    above = {title: figures["why"] for title, figures in levels.items() if Level[title.upper()] >= reached}
    found["why"] = "; ".join(f"{title}: {why}" for title, why in above.items() if why)
    set_level(device, reached)
    return found


def _engine(device: torch.device) -> Engine:
    return Engine(load_network(DEFAULT, None, fetch=False), device, resolve_precision("auto", device))


def _drop_graphs(engine: Engine) -> None:
    if isinstance(engine.graphed, GraphedEstimator):
        engine.graphed.release_graphs()


def _fault(likeness: float, made: Sequence[Planes], again: Sequence[Planes], eager: Sequence[Planes]) -> str:
    """What is wrong with a level's frames, which are made in two orders, beside those that were made eagerly."""
    if likeness < LEAST:
        return f"its frames are {likeness} dB from the reference"
    if not all(map(_same, made, eager)):
        return "its frames differ from those made eagerly"
    if not all(map(_same, made, again)):
        return "its frames differ with the order they are asked for in"
    return ""


def _why_no_graphs(engine: Engine, level: Level) -> str:
    """Why estimates were not replayed as graphs at a level; empty where they were, or where it has none."""
    if level >= Level.GRAPHS and isinstance(engine.graphed, GraphedEstimator):
        graphs = engine.graphed.graphs
        if graphs is None or not graphs.replays:
            return (graphs.failure if graphs is not None else "") or "nothing was captured as a graph"
        return graphs.failure
    return ""


def _same(one: Planes, other: Planes) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def _likeness(got: Planes, expected: Planes) -> float:
    floats = got[0].dtype.kind == "f"
    deep = got[0].dtype == np.uint16
    return max(0.0, min(999.0, psnr(got, expected, 1 if floats else 1023 if deep else 255)))


def _make(engine: Engine, *, reverse: bool) -> list[Planes]:
    """All frames, in the order of `_asks`; asked for in that order, or in reverse by several threads at once."""
    makers = [FrameMaker(engine, form, options) for form, options in FORMS]
    asks = [_Ask(form, left, time) for form in range(len(FORMS)) for left in range(PAIRS) for time in TIMES]
    work = partial(_frame, makers)
    if not reverse:
        return [work(ask) for ask in asks]
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, reversed(asks)))[::-1]


def _frame(makers: Sequence[FrameMaker], ask: _Ask) -> Planes:
    form = FORMS[ask.form][0]
    left, right = (HostFrame(number, texture(form, number, STEP), Colour()) for number in (ask.left, ask.left + 1))
    target: Planes = [np.full(form.shape(plane), POISON, form.dtype) for plane in range(form.planes)]
    task = Task(left, right, ask.timestep, form)
    _: list[Tensor] = execute(makers[ask.form], lambda maker: maker.render(task, target))
    return target


def _film(engine: Engine, form: PictureFormat) -> float:
    """Milliseconds of a made frame in a film of new frames, of which several are in progress."""
    maker = FrameMaker(engine, form, Options(requests=THREADS))
    pictures = [texture(form, number, STEP) for number in range(4)]
    outputs = threading.local()

    def make(number: int) -> None:
        if not hasattr(outputs, "planes"):
            outputs.planes = [np.empty_like(plane) for plane in pictures[0]]
        target = outputs.planes
        left, right = (HostFrame(n, pictures[n % len(pictures)], Colour()) for n in (number, number + 1))
        task = Task(left, right, TIMES[0], form)
        _: list[Tensor] = execute(maker, lambda maker: maker.render(task, target))

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(make, range(WARM_UP)))
        began = time.perf_counter()
        list(pool.map(make, range(WARM_UP, WARM_UP + FILM_FRAMES)))
        return (time.perf_counter() - began) * 1e3 / FILM_FRAMES


def _poison(device: torch.device) -> None:
    """Fill memory that the allocator hands out next with what is no number in any type."""
    if device.type == "cuda":
        torch.full((64 << 20,), 0xFF, dtype=torch.uint8, device=device)


@contextmanager
def _counting_waits(device: torch.device, figures: dict[str, Any]) -> Iterator[None]:
    """Note how often PyTorch waited for the card where work is queued."""
    if device.type != "cuda":
        yield
        return
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode("default")
    figures["waits"] = sum("synchroniz" in str(each.message) for each in seen)


@contextmanager
def _limited(device: torch.device, steps: Sequence[str]) -> Iterator[None]:
    """End the process after `LIMIT` seconds; keep that as a failure, with what was tried."""

    def end() -> None:
        why = f"no result after {LIMIT:g} s, of which the last were spent on {steps[0]}"
        card_record.write(device, {"level": Level.EAGER.name.lower(), "why": why})
        print(why, file=sys.stderr, flush=True)
        os._exit(1)

    timer = threading.Timer(LIMIT, end)
    timer.daemon = True
    timer.start()
    faulthandler.dump_traceback_later(LIMIT + 10, exit=True)  # where a driver holds Python's lock
    try:
        yield
    finally:
        timer.cancel()
        faulthandler.cancel_dump_traceback_later()


def main() -> None:
    """Probe the card that the command line names, at low priority."""
    if hasattr(os, "nice"):
        os.nice(10)
    try:
        found = probe(resolve_device(sys.argv[1]))
    except (RifeError, IndexError) as error:
        sys.exit(f"probe: {error}")
    print(found)


if __name__ == "__main__":
    main()
