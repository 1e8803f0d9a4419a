"""A device's threads: their number and cores, their end, and what happens in a fork or at the process's end."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import subprocess
import sys
import threading
import time

import pytest
import torch

from vsrife.engine import executor as executor_module
from vsrife.engine.cards import is_lost
from vsrife.engine.executor import DeviceExecutor, device_executor
from vsrife.errors import RifeError
from vsrife.motion.thread_count import usable_threads

CPU = torch.device("cpu")


def test_concurrent_frames_share_the_cores_equally() -> None:
    executor = DeviceExecutor(CPU)
    cores = torch.get_num_threads()
    together = threading.Barrier(executor.concurrency)
    threads: list[int] = []

    def work() -> None:
        together.wait(30)  # passes only where as many run at once
        threads.append(torch.get_num_threads())

    callers = [threading.Thread(target=executor.run, args=(work,)) for _ in range(executor.concurrency)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert threads == [max(1, cores // executor.concurrency)] * executor.concurrency
    assert torch.get_num_threads() == cores


def test_work_that_is_alone_may_have_all_cores() -> None:
    executor = DeviceExecutor(CPU)
    cores, own = torch.get_num_threads(), max(1, torch.get_num_threads() // executor.concurrency)
    together = threading.Barrier(executor.concurrency)
    usable: list[int] = []

    def work() -> None:
        together.wait(30)
        usable.append(usable_threads())
        together.wait(30)

    callers = [threading.Thread(target=executor.run, args=(work,)) for _ in range(executor.concurrency)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert usable == [own] * executor.concurrency
    assert executor.run(lambda: (usable_threads(), torch.get_num_threads())) == (cores, own)


def test_a_card_takes_one_frame_after_another() -> None:
    assert DeviceExecutor(torch.device("cuda", 0)).concurrency == 1


def test_the_executor_of_a_device_is_shared() -> None:
    assert device_executor(CPU) is device_executor(torch.device("cpu"))


def test_no_thread_outlives_the_last_reference() -> None:
    key = CPU, 2, 3  # a part of the device that no other test uses
    executor = device_executor(*key)
    assert device_executor(*key) is executor
    threads = set()

    def call() -> None:
        threads.add(device_executor(*key).run(threading.current_thread))

    callers = [threading.Thread(target=call) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert 1 <= len(threads) <= executor.concurrency
    assert all(thread.is_alive() for thread in threads)
    del executor
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)


def test_errors_reach_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        device_executor(CPU).run(lambda: 1 // 0)


def test_a_cards_thread_that_hangs_fails_the_frames_that_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor_module, "LIMIT", 0.1)
    executor, go = DeviceExecutor(torch.device("cuda:0")), threading.Event()
    for work in (go.wait, lambda: 1):
        with pytest.raises(RuntimeError, match=r"^cuda:0 has not finished its work after 0\.1 s$") as caught:
            executor.run(work)
        assert is_lost(caught.value)
    go.set()
    assert DeviceExecutor(torch.device("cuda:0")).run(lambda: 42) == 42

    def late() -> None:
        raise TimeoutError("the work's own")

    with pytest.raises(TimeoutError, match="the work's own"):
        DeviceExecutor(torch.device("cuda:0")).run(late)


def stop(thread: int) -> None:
    """Have a thread raise SystemExit, as those do who want it gone."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(SystemExit))


def test_a_thread_that_is_told_to_stop_fails_its_frame_alone() -> None:
    executor = DeviceExecutor(torch.device("meta"))
    begun, go = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        while not go.is_set():
            time.sleep(0.01)

    failures: list[Exception] = []

    def caller() -> None:
        try:
            executor.run(work)
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=caller)
    thread.start()
    assert begun.wait(10)
    (worker,) = executor._threads
    stop(worker.ident or 0)
    thread.join(10)
    assert [str(error) for error in failures] == ["the engine's thread was stopped (SystemExit)"]
    stop(worker.ident or 0)  # while it waits for work
    assert executor.run(lambda: 42) == 42
    assert worker.is_alive()


def test_an_error_keeps_nothing_alive() -> None:
    """Nothing that was at work when memory ran out is held by the error's own traceback."""
    executor = DeviceExecutor(torch.device("meta"))
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
            executor.run(work)
        assert gone.wait(5)
    finally:
        gc.enable()


def test_a_system_without_threads_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(executor_module.threading.Thread, "start", none)
    with pytest.raises(RifeError, match=r"^meta cannot be used, no thread can be started for it \(can't"):
        DeviceExecutor(torch.device("meta"))


def test_a_closed_executor_refuses_work() -> None:
    executor = DeviceExecutor(torch.device("meta"))
    assert executor.run(lambda: 1) == 1
    executor.close()
    executor.close()
    with pytest.raises(RuntimeError, match="the program is ending"):
        executor.run(lambda: 1)
    assert not any(thread.is_alive() for thread in executor._threads)


FORKED = """
import os, sys, threading, warnings
warnings.simplefilter("ignore")
sys.path[:0] = [{tests!r}, {engine!r}]
from test_devices import CPU, FORM, Interpolator, Options, engines, interpolate
from vsrife.engine.executor import DeviceExecutor
interpolator = Interpolator(engines("cpu"), FORM, Options())
interpolate(interpolator, 0)
stopped = threading.Event()
def busy():
    while not stopped.is_set():
        interpolate(interpolator, 1)
threading.Thread(target=busy).start()
for _ in range(5):
    child = os.fork()
    if not child:
        messages = []
        works = lambda: interpolate(interpolator, 2), lambda: engines("cpu"), lambda: DeviceExecutor(CPU)
        for work in works:
            try:
                work()
            except Exception as error:
                messages.append(str(error))
        os._exit(0 if len(messages) == 3 and all("forked" in line and "\\n" not in line for line in messages) else 1)
    assert os.waitpid(child, 0)[1] == 0
stopped.set()
interpolate(interpolator, 3)
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_gets_a_line_and_never_hangs() -> None:
    here = os.path.dirname(__file__)
    code = FORKED.format(tests=os.path.dirname(here), engine=here)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "done"), done.stderr
