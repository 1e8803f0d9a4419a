"""The compiled kernels: where they are, their structures and their threads."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, c_char_p, c_float, c_int, c_int32, c_int64, c_void_p
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import torch

from vsrife.motion.openmp import entry

__all__ = [
    "F32",
    "MAX_MAPS",
    "TYPES",
    "BlockInput",
    "Look",
    "Map",
    "Maps",
    "Moved",
    "MovedPlane",
    "View",
    "kernels",
    "why_none",
]

VERSION = 1
MAX_MAPS = 8
F32, BF16, U8, U16 = range(4)
TYPES = {torch.float32: F32, torch.bfloat16: BF16, torch.uint8: U8, torch.uint16: U16}


class Map(Structure):
    """See `Map` in vsrife/native/kernels.h."""

    _fields_ = (
        ("data", c_void_p),
        ("type", c_int32),
        ("height", c_int32),
        ("width", c_int32),
        ("channels", c_int32),
        ("shuffled", c_int32),
        ("scale", c_float),
    )


class Maps(Structure):
    """See `Maps` in vsrife/native/kernels.h."""

    _fields_ = (("count", c_int32), ("accumulates_mask", c_int32), ("map", Map * MAX_MAPS))


class BlockInput(Structure):
    """See `BlockInput` in vsrife/native/kernels.h."""

    _fields_ = (
        ("look0", c_void_p),
        ("look1", c_void_p),
        ("maps", Maps),
        ("height", c_int32),
        ("width", c_int32),
        ("look_channels", c_int32),
        ("known", c_int32),
        ("time", c_float),
        ("times", c_void_p),
        ("scale", c_float),
        ("full_height", c_int32),
        ("first_row", c_int32),
        ("out_height", c_int32),
        ("out_width", c_int32),
        ("type", c_int32),
        ("out", c_void_p),
        ("weights", c_void_p),
    )


class MovedPlane(Structure):
    """See `MovedPlane` in vsrife/native/kernels.h."""

    _fields_ = (("first", c_void_p), ("last", c_void_p), ("out", c_void_p), ("stride", c_int64))


class Moved(Structure):
    """See `Moved` in vsrife/native/kernels.h."""

    _fields_ = (
        ("maps", Maps),
        ("height", c_int32),
        ("width", c_int32),
        ("step_y", c_float),
        ("step_x", c_float),
        ("offset_y", c_float),
        ("offset_x", c_float),
        ("type", c_int32),
        ("peak", c_float),
        ("planes", c_int32),
        ("plane", MovedPlane * 4),
    )


class View(Structure):
    """See `View` in vsrife/native/kernels.h."""

    _fields_ = (
        ("plane", c_void_p * 3),
        ("planes", c_int32),
        ("type", c_int32),
        ("height", c_int32),
        ("width", c_int32),
        ("chroma_height", c_int32),
        ("chroma_width", c_int32),
        ("step_y", c_float),
        ("step_x", c_float),
        ("offset_y", c_float),
        ("offset_x", c_float),
        ("matrix", (c_float * 4) * 3),
        ("out_height", c_int32),
        ("out_width", c_int32),
        ("out", c_void_p),
    )


class Look(Structure):
    """See `Look` in vsrife/native/kernels.h."""

    _fields_ = (
        ("picture", c_void_p),
        ("features", c_void_p),
        ("type", c_int32),
        ("height", c_int32),
        ("width", c_int32),
        ("count", c_int32),
        ("channels", c_int32),
        ("out", c_void_p),
    )


PARALLEL = ("GOMP_parallel", "__kmpc_fork_call", "__kmpc_push_num_threads", "__kmpc_global_thread_num")
JOBS = {"block_input": BlockInput, "moved": Moved, "view": View, "look": Look}


class Kernels:
    """The library, loaded, in the fastest variant that this CPU runs.

    Args:
        path: of the shared library.

    Raises:
        OSError: it is not there, or of another version than this package.
    """

    def __init__(self, path: Path) -> None:
        self._library = ctypes.CDLL(str(path))
        try:
            version = self._library.vsrife_kernels_version()
        except AttributeError:
            version = 0
        if version != VERSION:
            raise OSError(f"{path} has kernels of version {version}, not {VERSION}")
        self._library.vsrife_variant.restype = c_char_p
        self._library.vsrife_variant.argtypes = (c_char_p,)
        self._library.vsrife_threads.restype = None
        self._library.vsrife_threads.argtypes = (c_void_p,) * 4
        for name, job in JOBS.items():
            function = getattr(self._library, f"vsrife_{name}")
            function.argtypes = (POINTER(job), c_int)
            function.restype = c_int
        self.variant = self.use(None)
        self._library.vsrife_threads(*map(entry, PARALLEL))

    def use(self, variant: str | None) -> str:
        """Take a variant by its name (`base`, `avx2`, `avx512`), or the best for None; returns the name.

        Raises:
            ValueError: this CPU does not run it, or there is none of that name.
        """
        named = self._library.vsrife_variant(f"_{variant}".encode() if variant else None)
        if named is None:
            raise ValueError(f"kernels: variant must be one that this CPU runs, got {variant}")
        self.variant = str(named.decode()).removeprefix("_")
        return self.variant

    def run(self, name: str, job: Structure) -> None:
        """Run a kernel on as many threads as PyTorch uses.

        Raises:
            MemoryError: there was none for its scratch.
        """
        if getattr(self._library, f"vsrife_{name}")(job, torch.get_num_threads()):
            raise MemoryError(f"vsrife: no memory for {name}")


@cache
def _found() -> Kernels | str:
    """The compiled kernels, or why there are none."""
    path = _path()
    if path is None:
        return "the native library is not installed beside VapourSynth"
    try:
        return Kernels(path)
    except OSError as error:
        return f"the native library cannot be used: {' '.join(str(error).split())[:200]}"


def kernels() -> Kernels | None:
    """The compiled kernels, None where this package was installed without them or for another machine."""
    found = _found()
    return found if isinstance(found, Kernels) else None


def why_none() -> str:
    """Why there are no kernels, in one line; empty where there are."""
    found = _found()
    return found if isinstance(found, str) else ""


def _path() -> Path | None:
    """The plugin's library, beside which the kernels are: where VapourSynth autoloads it from."""
    spec = find_spec("vapoursynth")
    folders = (spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        for name in ("librife.so", "librife.dylib", "rife.dll"):
            path = Path(folder) / "plugins" / "rife" / name
            if path.is_file():
                return path
    return None
