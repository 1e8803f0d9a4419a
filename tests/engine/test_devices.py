"""Several devices, kernels that fail, threads that are stopped, processes that fork: the right frame, or a line."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest
import torch
from support import psnr, texture

from vsrife.engine import (
    Colour,
    Engine,
    HostFrame,
    Interpolator,
    Options,
    PictureFormat,
    Task,
    choose_engines,
    resolve_devices,
    shared_engine,
    slot,
)
from vsrife.engine import device as device_module
from vsrife.engine.convolutions import Convolution
from vsrife.engine.interpolator import BLOCK
from vsrife.engine.slot import Slot, device_slot
from vsrife.errors import RifeError
from vsrife.motion import compiled, cpu
from vsrife.motion.library import Kernels

CPU = torch.device("cpu")
FORM = PictureFormat("rgb", 32, True, 0, 0, 60, 50)
SOURCES = [HostFrame(n, list(texture(60, 50, 3 * n, 2 * n)), Colour()) for n in range(4 * BLOCK)]


def made(interpolator: Interpolator, number: int) -> np.ndarray:
    out = [np.empty((50, 60), np.float32) for _ in range(3)]
    interpolator.render(Task(SOURCES[number], SOURCES[number + 1], 0.5, FORM), out)
    return np.stack(out)


def engines(names: str) -> list[Engine]:
    def make(device: torch.device, dtype: torch.dtype, *, part: int = 0, parts: int = 1) -> Engine:
        return shared_engine("4.26", None, device, dtype, part=part, parts=parts)

    found, _ = choose_engines(names, "fp32", make, lambda line: None)
    return found


def cards(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(device_module, "_device_count", lambda kind: count if kind == "cuda" else 0)


def test_a_list_of_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    cards(monkeypatch, 2)
    first, second = torch.device("cuda", 0), torch.device("cuda", 1)
    assert resolve_devices("cuda:0,cuda:1") == [first, second]
    assert resolve_devices(" cuda:1 , cpu") == [second, CPU]
    assert resolve_devices("cpu,cpu") == [CPU, CPU]
    assert resolve_devices("cuda") == [first]


@pytest.mark.parametrize(
    ("names", "line"),
    [
        ("cuda:0,cuda:7", r"device cuda:7 is not here: PyTorch .* sees 2 cuda devices"),
        ("cuda,cuda:0", "device must name each card once, got cuda,cuda:0"),
        ("auto,cpu", "device must be one name, or up to 16 with commas between them and without auto, got auto,cpu"),
        (",".join(["cpu"] * 17), r"device must be one name, or up to 16 .* got cpu,cpu.{,60}"),
        ("cpu,", r"device must be one of auto, cpu, .*, got "),
        ("cpu;cpu", r"device must be one of auto, cpu, .*, got cpu;cpu"),
        ("cuda:0,gpu", r"device must be one of auto, cpu, .*, got gpu"),
    ],
)
def test_lists_that_cannot_be_meant(names: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cards(monkeypatch, 2)
    with pytest.raises(RifeError, match=f"^RIFE: {line}$"):
        resolve_devices(names)


def test_a_frames_device_is_decided_by_its_number() -> None:
    two = Interpolator(engines("cpu,cpu"), FORM, Options())
    assert [two.place(n) for n in range(4 * BLOCK)] == [n // BLOCK % 2 for n in range(4 * BLOCK)]
    slots = [place.engine.slot for place in two._places]
    assert slots[0] is not slots[1]
    assert device_slot(CPU) not in slots
    lanes = device_slot(CPU).lanes
    assert [each.lanes for each in slots] == [max(1, lanes // 2)] * 2


def test_two_cpus_give_the_bytes_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    single = Interpolator(engines("cpu"), FORM, Options())
    numbers = list(range(4 * BLOCK - 1))
    alone = [made(single, n).tobytes() for n in numbers]
    looked: list[tuple[int, int]] = []
    look = Engine.look

    def counted(self: Engine, picture: torch.Tensor, band: int = 0) -> torch.Tensor:
        looked.append((id(self), picture.data_ptr()))
        return look(self, picture, band)

    monkeypatch.setattr(Engine, "look", counted)
    straight = Interpolator(engines("cpu,cpu"), FORM, Options())
    assert [made(straight, n).tobytes() for n in numbers] == alone
    assert len(looked) <= len(SOURCES) + 3  # a block's last frame is looked at on two
    assert len({engine for engine, _ in looked}) == 2

    two = Interpolator(engines("cpu,cpu"), FORM, Options())
    order = np.random.default_rng(2).permutation(len(numbers)).tolist()
    results: dict[int, bytes] = {}
    callers = [
        threading.Thread(target=lambda part=part: [results.update({n: made(two, n).tobytes()}) for n in order[part::5]])
        for part in range(5)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    assert [results[n] for n in numbers] == alone


def test_a_network_that_has_no_room_on_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    cards(monkeypatch, 3)
    asked: list[str] = []

    def make(device: torch.device, dtype: torch.dtype, *, part: int = 0, parts: int = 1) -> Engine:
        asked.append(str(device))
        if device.type == "cuda":
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return shared_engine("4.26", None, device, dtype)

    monkeypatch.setattr("vsrife.engine.choice.give_back", lambda device: None)
    said: list[str] = []
    found, spare = choose_engines("cuda:0,cuda:2", "fp32", make, said.append)
    assert [str(each.device) for each in found] == ["cpu"]
    assert spare is None
    assert asked == ["cuda:0"] * 2 + ["cuda:2"] * 2 + ["cpu"]
    assert said == [f"RIFE: out of memory: the network has no room on cuda:{n}, which is not used" for n in (0, 2)]
    with pytest.raises(RifeError, match=r"^RIFE: out of memory: the network has no room on cuda:1$"):
        choose_engines("cuda:1", "fp32", make, said.append)


def failing(*_arguments: object, **_options: object) -> Any:
    raise RuntimeError("ptxas fatal:\n  unsupported toolchain")


@pytest.mark.parametrize(
    ("owner", "name"),
    [(Kernels, "run"), (cpu, "Level"), (cpu, "move_into"), (cpu, "seen"), (cpu, "looked"), (Convolution, "_one")],
    ids=lambda part: getattr(part, "__name__", part),
)
def test_kernels_that_fail_are_done_without(owner: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if compiled.why_reference(CPU):
        pytest.skip("there are no kernels here")
    expected = made(Interpolator(engines("cpu"), FORM, Options()), 0)
    said: list[str] = []
    interpolator = Interpolator(engines("cpu"), FORM, Options(), tell=said.append)
    wrong = failing
    if owner is cpu:  # raised within it, as a launch does
        code = "def failing(*_, **__):\n    raise RuntimeError('ptxas fatal:\\n  unsupported toolchain')"
        scope = {"__name__": cpu.__name__}
        exec(code, scope)
        wrong = scope["failing"]
    monkeypatch.setattr(owner, name, wrong)
    assert psnr(made(interpolator, 0), expected, 1) > 80
    why = "(RuntimeError: ptxas fatal: unsupported toolchain)"
    line = f"RIFE: runs by PyTorch alone from here on, which is slower: the kernels failed on cpu {why}"
    assert said == [line]
    assert np.isfinite(made(interpolator, 1)).all()
    assert said == [line]
    assert not compiled.why_reference(CPU)


def test_what_is_wrong_with_a_frame_is_not_put_down_to_the_kernels() -> None:
    interpolator = Interpolator(engines("cpu"), FORM, Options())
    expected = made(interpolator, 0)
    with pytest.raises(IndexError):
        interpolator.render(Task(HostFrame(7, [], Colour()), SOURCES[1], 0.5, FORM), [])
    assert (made(interpolator, 0) == expected).all()
    assert interpolator._places[0].engine is engines("cpu")[0]


def stop(thread: int) -> None:
    """Have a thread raise SystemExit, as those do who want it gone."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(SystemExit))


def test_a_thread_that_is_told_to_stop_fails_its_frame_alone() -> None:
    ours = Slot(torch.device("meta"))
    begun, go = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        while not go.is_set():
            time.sleep(0.01)

    failures: list[Exception] = []

    def caller() -> None:
        try:
            ours.run(work)
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=caller)
    thread.start()
    assert begun.wait(10)
    (worker,) = ours._threads
    stop(worker.ident or 0)
    thread.join(10)
    assert [str(error) for error in failures] == ["the engine's thread was told to stop (SystemExit)"]
    stop(worker.ident or 0)  # while it waits for work
    assert ours.run(lambda: 42) == 42
    assert worker.is_alive()


def test_what_failed_is_forgotten() -> None:
    """Nothing that was at work when memory ran out is held by the error's own traceback."""
    ours = Slot(torch.device("meta"))
    gone = threading.Event()

    class Large:
        def __del__(self) -> None:
            gone.set()

    def work() -> None:
        large = Large()
        raise MemoryError(str(large)[:0])

    gc.disable()
    try:
        with contextlib.suppress(MemoryError):
            ours.run(work)
        assert gone.wait(5)
    finally:
        gc.enable()


def test_a_system_without_threads_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(slot.threading.Thread, "start", none)
    with pytest.raises(RifeError, match=r"^RIFE: meta cannot be used, no thread can be started for it \(can't"):
        Slot(torch.device("meta"))


def test_a_closed_slot_says_so() -> None:
    ours = Slot(torch.device("meta"))
    assert ours.run(lambda: 1) == 1
    ours.close()
    ours.close()
    with pytest.raises(RuntimeError, match="the program is ending"):
        ours.run(lambda: 1)
    assert not any(thread.is_alive() for thread in ours._threads)


FORKED = """
import os, sys, threading, warnings
warnings.simplefilter("ignore")
sys.path[:0] = [{tests!r}, {engine!r}]
from test_devices import FORM, Interpolator, Options, Slot, engines, made
import torch
interpolator = Interpolator(engines("cpu"), FORM, Options())
made(interpolator, 0)
stopped = threading.Event()
def busy():
    while not stopped.is_set():
        made(interpolator, 1)
threading.Thread(target=busy).start()
for _ in range(5):
    child = os.fork()
    if not child:
        said = []
        for work in (lambda: made(interpolator, 2), lambda: engines("cpu"), lambda: Slot(torch.device("cpu"))):
            try:
                work()
            except Exception as error:
                said.append(str(error))
        os._exit(0 if len(said) == 3 and all("forked" in line and "\\n" not in line for line in said) else 1)
    assert os.waitpid(child, 0)[1] == 0
stopped.set()
made(interpolator, 3)
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_gets_a_line_and_never_hangs() -> None:
    here = os.path.dirname(__file__)
    code = FORKED.format(tests=os.path.dirname(here), engine=here)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "done"), done.stderr
