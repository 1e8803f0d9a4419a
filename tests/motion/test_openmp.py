"""One pool of threads in the process."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest
import torch

from vsrife.motion.cpu import CpuKernels
from vsrife.motion.library import PARALLEL
from vsrife.motion.openmp import entry_point, set_threads
from vsrife.motion.packing import Packing

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="PyTorch may keep its runtime elsewhere")


def test_the_kernels_run_on_pytorchs_runtime() -> None:
    assert entry_point("GOMP_parallel") or all(entry_point(name) for name in PARALLEL[1:])
    assert entry_point("no_such_function") is None


def test_threads_are_set_for_the_calling_thread_alone() -> None:
    before = torch.get_num_threads()
    results = []

    def other() -> None:
        torch.get_num_threads()
        results.append((set_threads(1), torch.get_num_threads()))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert results == [(True, 1)]
    assert torch.get_num_threads() == before


def threads_of_the_process() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def test_no_thread_is_added_to_pytorchs() -> None:
    picture = torch.rand(1, 512, 512, 3)
    torch.nn.functional.conv2d(picture.permute(0, 3, 1, 2), torch.rand(8, 3, 3, 3))  # has PyTorch start its pool
    kernels = CpuKernels()
    before = threads_of_the_process()
    for _ in range(3):
        kernels.encode(picture, None, Packing(0, 0))
    assert threads_of_the_process() == before
