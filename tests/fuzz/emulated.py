"""A pytest plugin that runs the kernels elsewhere: `pytest -p emulated`, with a command in VSRIFE_KERNELS_COMMAND.

The command is of a program built of `jobs.c` and the kernels, for another architecture and thus in an emulator. Each
job goes there with the arrays it points to, and what the kernel wrote comes back, so that the kernels' own tests judge
it. `scripts/sanitize.py` builds the program and runs them.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import struct
import subprocess
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import torch

from vsrife.motion import library
from vsrife.motion.library import TYPES, Library

if TYPE_CHECKING:
    from collections.abc import Iterator

ITEM = {number: dtype.itemsize for dtype, number in TYPES.items()}
PANEL, POINTS = 16, 36


class Array(NamedTuple):
    """What a job points to: where its address lies in the job, its bytes, whether the kernel writes it."""

    place: int
    size: int
    is_written: bool = False


def _field(job: ctypes.Structure, name: str, items: int, item: int = 4, *, written: bool = False) -> Array:
    return Array(getattr(type(job), name).offset, items * item, written)


def _map(one: library.Map, place: int) -> Array:
    return Array(place + library.Map.data.offset, one.height * one.width * one.channels * ITEM[one.type])


def _maps(job: ctypes.Structure) -> Iterator[Array]:
    first = type(job).maps.offset + library.Maps.map.offset
    for k in range(job.maps.count):
        yield _map(job.maps.map[k], first + k * ctypes.sizeof(library.Map))


def arrays(job: ctypes.Structure) -> Iterator[Array]:
    """As `kernels.h` says how large they are."""
    pixels = job.height * job.width
    match job:
        case library.BlockInput():
            yield from _maps(job)
            yield from (_field(job, name, pixels * job.encoded_channels) for name in ("encoded0", "encoded1"))
            yield _field(job, "times", pixels)
            made = job.out_height * job.out_width * (2 * job.encoded_channels + job.map_channels)
            yield _field(job, "out", made, ITEM[job.type], written=True)
        case library.WarpAndBlend():
            yield from _maps(job)
            if job.correction.data:
                yield _map(job.correction, library.WarpAndBlend.correction.offset)
            item, plane = ITEM[job.type], library.WarpedPlane
            for k in range(job.planes):
                place = library.WarpAndBlend.plane.offset + k * ctypes.sizeof(plane)
                yield Array(place + plane.first.offset, pixels * item + 2)
                yield Array(place + plane.last.offset, pixels * item + 2)
                rows = (job.height - 1) * job.plane[k].stride + job.width * item
                yield Array(place + plane.out.offset, rows, is_written=True)
        case library.ToRgb():
            for k in range(job.planes):
                samples = job.chroma_height * job.chroma_width if k else pixels
                yield Array(library.ToRgb.plane.offset + 8 * k, samples * ITEM[job.type])
            yield _field(job, "out", job.out_height * job.out_width * 3, written=True)
        case library.Encode():
            yield _field(job, "picture", pixels * 3)
            yield _field(job, "features", pixels * job.count, ITEM[job.type])
            yield _field(job, "out", pixels * job.channels, written=True)
        case library.MeanLuma():
            yield _field(job, "rgb", job.height * job.stride * 3)
            yield _field(job, "out", pixels, written=True)
        case library.CellFlow():
            yield from _maps(job)
            yield _field(job, "out", (4 + job.has_mask) * pixels, written=True)
        case library.Correction():
            items = {"luma0": 4, "luma1": 4, "own": 4, "straight": 2, "times": 1}
            yield from (_field(job, name, count * pixels) for name, count in items.items())
            yield _field(job, "out", 8 * pixels, written=True)
        case library.Winograd():
            panels = -(-job.outputs // PANEL)
            yield _field(job, "input", job.count * pixels * job.inputs, ITEM[job.type])
            yield _field(job, "weights", panels * POINTS * job.inputs * PANEL)
            yield _field(job, "used", panels, 8)
            yield _field(job, "bias", job.outputs)
            yield _field(job, "out", job.count * pixels * job.outputs, ITEM[job.type], written=True)
        case library.Strided():
            yield _field(job, "input", (job.count - 1) * job.step + pixels * job.inputs)
            yield _field(job, "weights", -(-job.outputs // PANEL) * 9 * job.inputs * PANEL)
            yield _field(job, "bias", job.outputs)
            made = (job.count - 1) * job.out_step + job.out_height * (job.width // 2) * job.outputs
            yield _field(job, "out", made, written=True)
        case _:
            raise AssertionError(f"{type(job).__name__} is not known here")


def _run(self: Library, name: str, job: ctypes.Structure) -> None:
    program = _program()
    data = bytes(job)
    there = [(one, struct.unpack_from("P", data, one.place)[0]) for one in arrays(job)]
    there = [(one, address) for one, address in there if address]
    request = [struct.pack("16siiii", name.encode(), torch.get_num_threads(), len(data), len(there), 0), data]
    request += [struct.pack("iiq", one.place, one.is_written, one.size) for one, _ in there]
    request += [ctypes.string_at(address, one.size) for one, address in there]
    try:
        program.stdin.write(b"".join(request))
        program.stdin.flush()
        failed = struct.unpack("i", _received(program, 4))[0]
        for one, address in there:
            if one.is_written:
                ctypes.memmove(address, _received(program, one.size), one.size)
    except (BrokenPipeError, EOFError):
        _program.cache_clear()
        raise AssertionError(f"{name} ended the program with status {program.wait()}") from None
    if failed:
        raise MemoryError(f"no memory for {name}")


def _received(program: subprocess.Popen[bytes], size: int) -> bytes:
    data = program.stdout.read(size)
    if len(data) < size:
        raise EOFError
    return data


@cache
def _program() -> subprocess.Popen[bytes]:
    command = shlex.split(os.environ["VSRIFE_KERNELS_COMMAND"])
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _use(self: Library, variant: str | None) -> str:
    if variant not in (None, "base"):
        raise ValueError(f"variant must be one that this CPU runs, got {variant}")
    self.variant = "base"
    return self.variant


def pytest_configure() -> None:
    """Send every job there from now on."""
    Library.run, Library.use = _run, _use


def pytest_unconfigure() -> None:
    """End the program."""
    program = _program()
    program.stdin.close()
    program.wait(10)
