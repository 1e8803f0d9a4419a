"""Planes that go to a device and back in one piece keep every value; memory of the host stands in for a card's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from vsrife.engine import PictureFormat, compose
from vsrife.engine.compose import PlanePair, warp_blend_into
from vsrife.engine.transfer import ALIGNMENT, Download, lay_out, parts_like, upload
from vsrife.motion import Motion, SampleGrid


def planes(dtype: str) -> list[np.ndarray]:
    """Of odd sizes, the last one with gaps between its rows."""
    rng = np.random.default_rng(5)
    whole = [rng.integers(0, 255, size).astype(dtype) for size in ((7, 13), (4, 7), (4, 20))]
    return [*whole[:2], whole[2][:, 3:10]]


@pytest.mark.parametrize("dtype", ["u1", "u2", "f2", "f4"])
def test_planes_lie_one_behind_another(dtype: str) -> None:
    given = planes(dtype)
    starts, size = lay_out(given)
    assert all(start % ALIGNMENT == 0 for start in starts)
    assert all(
        start + plane.nbytes <= end for start, plane, end in zip(starts, given, [*starts[1:], size], strict=True)
    )
    memory = torch.full((size,), 170, dtype=torch.uint8)
    for part, plane in zip(parts_like(given, memory), given, strict=True):
        np.copyto(part.numpy(), plane)
    for part, plane, there in zip(parts_like(given, memory.clone()), given, upload(given, memory.device), strict=True):
        assert np.array_equal(part.numpy(), plane)
        assert np.array_equal(there.numpy(), plane)


def test_a_frame_comes_back_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels of another device than the host's, which copy the planes at time 1."""

    def copy(first: Any, last: Any, motion: Any, grid: SampleGrid, targets: Any, peak: float) -> None:
        for plane, target in zip(last, targets, strict=True):
            assert target.shape == (grid.height, grid.width)
            target.copy_(plane)

    class Card(str):
        type = "card"

    kernels: Any = SimpleNamespace(device=Card("cpu"), warp_and_blend_into=copy)
    monkeypatch.setattr(compose, "supports", lambda *_: True)
    form = PictureFormat("yuv", 10, False, 1, 1, 14, 8)
    rng = np.random.default_rng(2)
    last = [rng.integers(0, 1023, form.shape(plane)).astype(form.dtype) for plane in range(3)]
    pair = PlanePair(form, *(tuple(map(torch.from_numpy, ends)) for ends in ([x * 0 for x in last], last)), 0, 14, 8)
    room = [np.full((size[0], size[1] + 5), 7, form.dtype) for size in map(form.shape, range(3))]
    pending = warp_blend_into(pair, Motion(), kernels, [array[:, : array.shape[1] - 5] for array in room])
    assert pending
    assert all((array == 7).all() for array in room)  # the caller's thread writes
    pending.finish()
    for array, plane in zip(room, last, strict=True):
        assert np.array_equal(array[:, :-5], plane)
        assert (array[:, -5:] == 7).all()


def test_what_goes_down_beside_planes_comes_back_with_them() -> None:
    given = planes("u2")
    room = [np.zeros_like(plane) for plane in given]
    beside = [torch.rand(1, 3, 4, 5), torch.arange(7)]
    download = Download(room, torch.device("cpu"), beside)
    for part, plane in zip(download.planes, given, strict=True):
        part.copy_(torch.from_numpy(plane))
    back = download.start().finish()
    assert all(map(np.array_equal, room, given))
    assert all(map(torch.equal, back, beside))
