"""Which kernels a device has, and the reason where it has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from vsrife.motion import device_kernels, library, why_no_kernels
from vsrife.motion.cpu import CpuKernels

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Has the library loaded anew, before and after."""
    library._load.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    library._load.cache_clear()


def test_a_cpu_has_those_in_c() -> None:
    kernels = device_kernels(torch.device("cpu"))
    assert isinstance(kernels, CpuKernels)
    assert kernels.description.startswith("in C, for ")
    assert why_no_kernels(torch.device("cpu")) == ""


def test_other_devices_have_none() -> None:
    assert device_kernels(torch.device("mps")) is None
    assert why_no_kernels(torch.device("mps")) == "there are no kernels for mps devices"


def test_a_missing_library_is_the_reason(elsewhere: pytest.MonkeyPatch) -> None:
    elsewhere.setattr(library, "find_spec", lambda _: None)
    assert device_kernels(torch.device("cpu")) is None
    assert why_no_kernels(torch.device("cpu")) == "the native library is not installed beside VapourSynth"


def test_a_broken_library_is_named_in_one_line(elsewhere: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "librife.so"
    broken.write_bytes(b"not a library\n" * 100)
    elsewhere.setattr(library, "_path", lambda: broken)
    reason = why_no_kernels(torch.device("cpu"))
    assert reason.startswith("the native library cannot be used: ")
    assert str(broken) in reason
    assert "\n" not in reason
