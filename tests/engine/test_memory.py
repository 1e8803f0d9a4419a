"""Which errors mean that memory ran out, and how much was asked for."""

from __future__ import annotations

import errno

import numpy as np
import pytest
import torch

from vsrife.engine.memory import is_out_of_memory, requested_bytes

MESSAGE = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 6 GiB"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("no memory for warp_and_blend"),
        torch.OutOfMemoryError(MESSAGE),
        RuntimeError("MPS backend out of memory (MPS allocated: 5.00 GB)"),
        RuntimeError("Invalid buffer size: 24.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 12 bytes."),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
    ids=lambda error: str(error)[:24],
)
def test_errors_that_mean_out_of_memory(error: Exception) -> None:
    assert is_out_of_memory(error)
    wrapped = RuntimeError("a frame failed")
    wrapped.__cause__ = error
    assert is_out_of_memory(wrapped)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("shape mismatch"),
        ValueError("out of memory of the alphabet"),
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("out of resource: shared memory, Required: 131072, Hardware limit: 101376"),
    ],
)
def test_other_errors_are_not(error: Exception) -> None:
    assert not is_out_of_memory(error)


def test_errors_of_real_allocators() -> None:
    """A request that no machine can fulfil, to PyTorch and to NumPy."""
    for allocate in (lambda: torch.empty(1 << 50, dtype=torch.uint8), lambda: np.empty(1 << 50, np.uint8)):
        with pytest.raises((RuntimeError, MemoryError)) as raised:
            allocate()
        assert is_out_of_memory(raised.value)
        assert requested_bytes(raised.value) == 1 << 50
    assert requested_bytes(torch.OutOfMemoryError(MESSAGE)) == 2 << 30
    assert requested_bytes(MemoryError()) is None
