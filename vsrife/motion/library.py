"""The native library of kernels: where it is, its structures and its threads."""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, Structure, c_char_p, c_float, c_int, c_int32, c_int64, c_void_p
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import torch

from vsrife.errors import ArgumentError, first_line
from vsrife.motion.openmp import entry_point
from vsrife.motion.thread_count import usable_threads

__all__ = [
    "JOBS",
    "MAX_MAPS",
    "TYPES",
    "BlockInput",
    "CellFlow",
    "Correction",
    "Encode",
    "Library",
    "Map",
    "Maps",
    "MeanLuma",
    "Strided",
    "ToRgb",
    "WarpAndBlend",
    "WarpedPlane",
    "Winograd",
    "kernel_library",
    "why_no_library",
]

VARIABLE = "VSRIFE_VARIANT"
"""The environment variable that names a variant of the kernels to use in place of the fastest."""
VARIANTS = ("base", "avx2", "avx512")
VERSION = 6
MAX_MAPS = 8
TYPES = {torch.float32: 0, torch.bfloat16: 1, torch.uint8: 2, torch.uint16: 3}

# The structures of vsrife/native/kernels.h, which says what their fields mean.


def _int32(*names: str) -> list[tuple[str, type[c_int32]]]:
    return [(name, c_int32) for name in names]


def _float(*names: str) -> list[tuple[str, type[c_float]]]:
    return [(name, c_float) for name in names]


class Map(Structure):
    """One block's output."""

    _fields_ = (
        ("data", c_void_p),
        *_int32("type", "height", "width", "channels", "shuffled"),
        ("scale", c_float),
    )


class Maps(Structure):
    """A motion."""

    _fields_ = (*_int32("count", "accumulates_mask"), ("map", Map * MAX_MAPS))


class BlockInput(Structure):
    """A block's input."""

    _fields_ = (
        ("encoded0", c_void_p),
        ("encoded1", c_void_p),
        ("maps", Maps),
        *_int32("height", "width", "encoded_channels", "map_channels"),
        ("time", c_float),
        ("times", c_void_p),
        ("scale", c_float),
        *_int32("full_height", "first_row", "out_height", "out_width", "type"),
        ("out", c_void_p),
        ("weights", c_void_p),
    )


class WarpedPlane(Structure):
    """A plane of the two frames and its target."""

    _fields_ = (("first", c_void_p), ("last", c_void_p), ("out", c_void_p), ("stride", c_int64))


class WarpAndBlend(Structure):
    """Planes between two frames."""

    _fields_ = (
        ("maps", Maps),
        ("correction", Map),
        ("overshoot", c_float),
        *_int32("height", "width"),
        *_float("step_y", "step_x", "offset_y", "offset_x"),
        ("type", c_int32),
        ("peak", c_float),
        ("planes", c_int32),
        ("plane", WarpedPlane * 4),
    )


class ToRgb(Structure):
    """A frame's planes to RGB."""

    _fields_ = (
        ("plane", c_void_p * 3),
        *_int32("planes", "type", "height", "width", "chroma_height", "chroma_width"),
        *_float("step_y", "step_x", "offset_y", "offset_x"),
        ("matrix", (c_float * 4) * 3),
        *_int32("out_height", "out_width"),
        ("out", c_void_p),
    )


class Encode(Structure):
    """A picture and its features beside each other."""

    _fields_ = (
        ("picture", c_void_p),
        ("features", c_void_p),
        *_int32("type", "height", "width", "count", "channels"),
        ("out", c_void_p),
    )


class MeanLuma(Structure):
    """Luma of every place where a cell can lie."""

    _fields_ = (("rgb", c_void_p), *_int32("height", "width", "stride"), ("weights", c_float * 3), ("out", c_void_p))


class CellFlow(Structure):
    """A motion's flow on a grid."""

    _fields_ = (
        ("maps", Maps),
        *_int32("height", "width"),
        *_float("step_y", "step_x", "offset_y", "offset_x"),
        *_int32("has_mask"),
        ("out", c_void_p),
    )


class Correction(Structure):
    """The correction of a motion."""

    _fields_ = (
        *_int32("height", "width"),
        *((name, c_void_p) for name in ("luma0", "luma1", "own", "straight", "times")),
        *_float(
            "time", "far_from_middle", "small", "medium", "far", "regulariser", "largest_step", "noise", "contrast"
        ),
        *_int32("steps"),
        ("out", c_void_p),
    )


class Winograd(Structure):
    """A 3×3 convolution of stride 1."""

    _fields_ = (
        ("input", c_void_p),
        *_int32("type", "count", "height", "width", "inputs", "outputs", "split"),
        *((name, c_void_p) for name in ("weights", "used", "bias")),
        ("slope", c_float),
        ("out", c_void_p),
    )


class Strided(Structure):
    """A 3×3 convolution of stride 2."""

    _fields_ = (
        ("input", c_void_p),
        ("step", c_int64),
        *_int32("count", "height", "width", "above", "inputs", "outputs"),
        ("weights", c_void_p),
        ("bias", c_void_p),
        ("slope", c_float),
        ("out_height", c_int32),
        ("out_step", c_int64),
        ("out", c_void_p),
    )


PARALLEL = ("GOMP_parallel", "__kmpc_fork_call", "__kmpc_push_num_threads", "__kmpc_global_thread_num")
JOBS = {
    "block_input": BlockInput,
    "warp_and_blend": WarpAndBlend,
    "to_rgb": ToRgb,
    "encode": Encode,
    "mean_luma": MeanLuma,
    "cell_flow": CellFlow,
    "correction": Correction,
    "winograd": Winograd,
    "strided": Strided,
}


class Library:
    """The loaded library, in the fastest variant that this CPU runs.

    Args:
        path: of the shared library.

    Raises:
        OSError: the file is missing or has kernels of another version.
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
        self._library.vsrife_threads(*map(entry_point, PARALLEL))

    def use(self, variant: str | None) -> str:
        """Use a variant by its name (`base`, `avx2`, `avx512`), or the fastest for None; returns the name.

        Raises:
            ValueError: this CPU does not run the variant, or no variant has that name.
        """
        used = self._library.vsrife_variant(f"_{variant}".encode() if variant else None)
        if used is None:
            raise ValueError(f"variant must be one that this CPU runs, got {variant}")
        self.variant = str(used.decode()).lstrip("_")
        return self.variant

    def run(self, name: str, job: Structure) -> None:
        """Run a kernel on the threads that the calling thread may use, see `vsrife.motion.thread_count`.

        Raises:
            MemoryError: the kernel gets no memory for its scratch space.
        """
        if getattr(self._library, f"vsrife_{name}")(job, usable_threads()):
            raise MemoryError(f"no memory for {name}")


@cache
def _load() -> Library | str:
    """The library, or the reason why it cannot be used.

    Raises:
        RifeError: `VSRIFE_VARIANT` names no variant that this CPU runs.
    """
    path = _path()
    if path is None:
        return "the native library is not installed beside VapourSynth"
    try:
        library = Library(path)
    except OSError as error:
        return f"the native library cannot be used: {first_line(error)}"
    chosen = os.environ.get(VARIABLE) or None
    try:
        library.use(chosen)
    except ValueError:
        raise ArgumentError(VARIABLE, chosen, f"one that this CPU runs, of {', '.join(VARIANTS)}") from None
    return library


def kernel_library() -> Library | None:
    """The library, None where this package was installed without it or for another machine."""
    library = _load()
    return library if isinstance(library, Library) else None


def why_no_library() -> str:
    """Why the library cannot be used, in one line; empty where it can."""
    library = _load()
    return library if isinstance(library, str) else ""


def _path() -> Path | None:
    """The plugin's library, which holds the kernels, where VapourSynth autoloads it from."""
    spec = find_spec("vapoursynth")
    folders = (spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        for name in ("librife.so", "librife.dylib", "rife.dll"):
            path = Path(folder) / "plugins" / "rife" / name
            if path.is_file():
                return path
    return None
