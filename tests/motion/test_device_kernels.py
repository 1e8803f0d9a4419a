"""Which kernels a device has, and the reason where it has none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import torch

from vsrife.motion import device_kernels, gpu, launch, library, why_no_kernels
from vsrife.motion.cpu import CpuKernels
from vsrife.motion.gpu_convolution import _has_matrix_units

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


@pytest.mark.skipif(launch.INTERPRETED, reason="the kernels run anywhere here")
def test_an_intel_gpu_has_tritons_where_triton_has_code_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    backends = pytest.importorskip("triton.backends")
    xpu = torch.device("xpu", 0)
    assert why_no_kernels(xpu) == f"PyTorch {torch.__version__} sees no XPU device"
    monkeypatch.setattr(torch.xpu, "is_available", lambda: True)
    monkeypatch.setattr(backends, "backends", {"nvidia": None})
    assert "has no code for Intel's GPUs" in why_no_kernels(xpu)
    assert device_kernels(xpu) is None
    monkeypatch.setattr(backends, "backends", {"intel": None})
    tried: list[torch.device] = []
    monkeypatch.setattr(gpu, "_failure", lambda device: tried.append(device) or "")
    kernels = device_kernels(xpu, torch.float16)
    assert isinstance(kernels, gpu.TritonKernels)
    assert kernels.device == xpu
    assert tried == [xpu]
    assert not _has_matrix_units(xpu)  # its convolutions are PyTorch's


def test_kernels_are_launched_on_the_tensors_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    for kind in ("cuda", "xpu"):
        monkeypatch.setattr(getattr(torch, kind), "device", lambda device: f"on {device}")
        tensor = SimpleNamespace(device=torch.device(kind, 1), is_cuda=kind == "cuda", is_xpu=kind == "xpu")
        assert launch.on_device(tensor) == f"on {kind}:1"
    with launch.on_device(SimpleNamespace(device=torch.device("cuda", 0), is_cuda=True, is_xpu=False)):
        pass  # it is current
    with launch.on_device(torch.zeros(1)):
        pass


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
