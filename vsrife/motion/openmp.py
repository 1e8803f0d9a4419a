"""The OpenMP runtime that PyTorch brings, so that the process has one pool of threads."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import torch

__all__ = ["entry_point", "set_threads"]

NAMES = ("libgomp*.so*", "libomp*.so*", "libiomp5*.so*", "libomp*.dylib", "libiomp5md.dll")


@cache
def _runtime() -> ctypes.CDLL | None:
    """The library that PyTorch has loaded; None where PyTorch has none or keeps it elsewhere."""
    package = Path(torch.__file__).parent
    for place in (package / "lib", package.parent / "torch.libs"):
        for path in (path for name in NAMES for path in sorted(place.glob(name))):
            try:
                return ctypes.CDLL(str(path))
            except OSError:
                continue
    return None


def entry_point(name: str) -> int | None:
    """Address of one of the functions of the runtime, None where it has no such function."""
    function = getattr(_runtime(), name, None)
    return None if function is None else ctypes.cast(function, ctypes.c_void_p).value


def set_threads(count: int) -> bool:
    """Set the threads of the calling thread's parallel work, in PyTorch and the kernels; whether that worked."""
    function = getattr(_runtime(), "omp_set_num_threads", None)
    if function is None:
        return False
    function(count)
    return torch.get_num_threads() == count
