"""That `emulated.py` and `jobs.c` know every kernel and every array of its job."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import pytest
from fuzz.emulated import arrays
from support import ROOT

from vsrife.motion.library import JOBS

if TYPE_CHECKING:
    from collections.abc import Iterator

NOT_FOR_CALLERS = {("block_input", "weights")}


def addresses(kind: type, start: int = 0, path: str = "") -> Iterator[tuple[str, int]]:
    """The fields of a structure that are addresses, of what it holds too."""
    if kind is ctypes.c_void_p:
        yield path, start
    elif issubclass(kind, ctypes.Array):
        for k in range(kind._length_):
            yield from addresses(kind._type_, start + k * ctypes.sizeof(kind._type_), path)
    elif issubclass(kind, ctypes.Structure):
        for name, part, *_ in kind._fields_:
            yield from addresses(part, start + getattr(kind, name).offset, f"{path}.{name}".strip("."))


@pytest.mark.parametrize("name", JOBS)
def test_every_array_of_a_job_is_sent(name: str) -> None:
    kind = JOBS[name]
    job = kind(**{field: 1 for field, part, *_ in kind._fields_ if part in (ctypes.c_int32, ctypes.c_void_p)})
    if hasattr(job, "maps"):
        job.maps.count = 8
    if hasattr(job, "correction"):
        job.correction.data = 1
    job.planes = 4 if name == "warp_and_blend" else 3
    expected = {at for path, at in addresses(kind) if (name, path) not in NOT_FOR_CALLERS}
    sent = [one.place for one in arrays(job)]
    assert set(sent) == expected
    assert len(sent) == len(expected)
    assert sum(one.is_written for one in arrays(job)) == (4 if name == "warp_and_blend" else 1)
    assert f"one({name}, {kind.__name__})" in (ROOT / "tests/fuzz/jobs.c").read_text(encoding="utf-8")
