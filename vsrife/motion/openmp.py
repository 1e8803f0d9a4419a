"""The OpenMP runtime that PyTorch brings: one pool of threads in the process, ours and its own."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import torch

__all__ = ["entry", "set_threads"]

NAMES = ("libgomp*.so*", "libomp*.so*", "libiomp5*.so*", "libomp*.dylib", "libiomp5md.dll")


@cache
def _runtime() -> ctypes.CDLL | None:
    """The library, already loaded by PyTorch; None where it was built without or keeps it elsewhere."""
    package = Path(torch.__file__).parent
    for place in (package / "lib", package.parent / "torch.libs"):
        for path in (path for name in NAMES for path in sorted(place.glob(name))):
            try:
                return ctypes.CDLL(str(path))
            except OSError:
                continue
    return None


def entry(name: str) -> int | None:
    """Address of one of its functions."""
    function = getattr(_runtime(), name, None)
    return None if function is None else ctypes.cast(function, ctypes.c_void_p).value


def set_threads(count: int) -> bool:
    """How many threads the calling thread's parallel work takes from now on, PyTorch's and ours; whether that is so."""
    function = getattr(_runtime(), "omp_set_num_threads", None)
    if function is None:
        return False
    function(count)
    return torch.get_num_threads() == count
