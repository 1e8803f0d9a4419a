"""Intel's and Apple's GPUs, on made-up ones: the CPU proves them, and takes their place where they lack something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from fake_mps import MPS, NO_OPERATOR, NO_TYPE, FakeMps
from support import texture

from vsrife.engine import (
    Colour,
    Engine,
    HostFrame,
    Interpolator,
    Options,
    PictureFormat,
    Task,
    Timestep,
    choose_engines,
    resolve_device,
    resolve_devices,
    resolve_precision,
    why_auto,
)
from vsrife.engine import device as device_module
from vsrife.engine.proof import psnr
from vsrife.engine.unproven import UnfitError, is_unfit
from vsrife.errors import RifeError
from vsrife.weights import load_network

if TYPE_CHECKING:
    from collections.abc import Callable

CPU, XPU = torch.device("cpu"), torch.device("xpu", 0)
FORM = PictureFormat("yuv", 16, False, 1, 1, 96, 64)
NETWORK = load_network("nano", None)


def source(number: int) -> HostFrame:
    picture = texture(96, 64, 4 * number, 2 * number)
    planes = [(plane * 65535).astype(np.uint16) for plane in (picture[0], picture[1][::2, ::2], picture[2][::2, ::2])]
    return HostFrame(number, planes, Colour())


def interpolate(interpolator: Interpolator, number: int = 0) -> list[np.ndarray]:
    out = [np.zeros(FORM.shape(plane), np.uint16) for plane in range(3)]
    interpolator.cut_score(source(number), source(number + 1))
    interpolator.render(Task(source(number), source(number + 1), Timestep(0.5), FORM), out)
    return out


def on_cpu(number: int = 0) -> list[np.ndarray]:
    return interpolate(Interpolator(Engine(NETWORK, CPU, torch.float32), FORM, Options()), number)


def on_mps(log: Callable[[str], None]) -> tuple[Engine, Interpolator]:
    """A filter on the made-up GPU, which has the CPU as its spare."""
    engine = Engine(NETWORK, MPS, torch.float32)
    spare = Engine(NETWORK, CPU, torch.float32)
    return engine, Interpolator(engine, FORM, Options(), spare=lambda: spare, log=log)


def same(first: list[np.ndarray], last: list[np.ndarray]) -> bool:
    return all(np.array_equal(*planes) for planes in zip(first, last, strict=True))


def test_frames_of_16_bits_are_made_by_what_mps_has() -> None:
    lines: list[str] = []
    with FakeMps() as card:
        engine, filter_ = on_mps(lines.append)
        assert engine.fault is None
        frame = interpolate(filter_)
        assert engine.fault == ""
    assert {"conv2d", "gather"} <= card.used
    assert psnr(frame, on_cpu(), 65535) > 80
    assert not lines


@pytest.mark.parametrize("operation", ["gather", "conv2d"])
def test_an_operation_that_is_missing_turns_to_the_cpu(operation: str) -> None:
    lines: list[str] = []
    with FakeMps(lacks=[operation]):
        _, filter_ = on_mps(lines.append)
        frame, later = interpolate(filter_), interpolate(filter_, 1)
    assert same(frame, on_cpu())
    assert same(later, on_cpu(1))
    (line,) = lines
    assert line.startswith(
        "96x64: mps:0 failed and takes no more work in this process (NotImplementedError: The operator "
    )
    assert "\n" not in line


def test_an_operation_that_only_later_frames_need_turns_to_the_cpu() -> None:
    lines: list[str] = []
    with FakeMps() as card:
        engine, filter_ = on_mps(lines.append)
        engine.fault = ""
        interpolate(filter_)
        assert not lines
        card.lacks = ["conv2d"]
        frame = interpolate(filter_, 1)
    assert same(frame, on_cpu(1))
    assert len(lines) == 1


def test_frames_that_are_wrong_are_the_cpus() -> None:
    lines: list[str] = []
    with FakeMps(spoils={"sigmoid": torch.zeros_like}):
        engine, filter_ = on_mps(lines.append)
        frame = interpolate(filter_)
        with pytest.raises(RifeError, match=r"^mps:0 failed .*; start the program anew, or use another device$"):
            interpolate(Interpolator(engine, FORM, Options()))
    assert same(frame, on_cpu())
    (line,) = lines
    assert "(UnfitError: frames to prove it: " in line
    assert "dB from those in fp32" in line


def devices(monkeypatch: pytest.MonkeyPatch, **counts: int) -> None:
    """A machine with so many devices of each kind, of which all compute fp16 and none bf16."""
    monkeypatch.setattr(device_module, "_device_count", lambda kind: counts.get(kind, 0))
    monkeypatch.setattr(device_module, "why_unusable", lambda device: "")
    monkeypatch.setattr(device_module, "has_sound_fp16", lambda device: True)
    monkeypatch.setattr(device_module, "has_sound", lambda dtype, device: dtype == torch.float16)
    monkeypatch.setattr(torch.xpu, "get_device_name", lambda device: "Arc")


@pytest.mark.parametrize(
    ("counts", "proven", "otherwise", "why"),
    [
        ({"xpu": 2, "mps": 1}, "xpu:0", "cpu", "Arc"),
        ({"mps": 1}, "mps:0", "cpu", "an Apple GPU"),
        ({"cuda": 1, "xpu": 1}, "cuda:0", "cuda:0", None),
    ],
)
def test_auto_takes_what_a_filter_proves(
    counts: dict[str, int], proven: str, otherwise: str, why: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices(monkeypatch, **counts)
    assert resolve_devices("auto") == [torch.device(proven)]
    assert resolve_device("auto") == torch.device(otherwise)
    if why:
        assert resolve_precision("auto", torch.device(proven)) == torch.float16
        assert why_auto("auto", "auto", torch.device(proven), torch.float16) == why


def test_bf16_that_is_missing_becomes_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    devices(monkeypatch, mps=1)
    lines: list[str] = []
    assert resolve_precision("bf16", MPS, lines.append) == torch.float32
    assert lines == ["bf16: mps:0 has none, or computes it wrongly: computing in fp32 instead"]


@pytest.mark.parametrize("name", ["auto", "mps", "xpu"])
def test_the_cpu_stands_by_where_one_is_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    devices(monkeypatch, mps=1, xpu=1)
    created: list[tuple[str, torch.dtype]] = []

    def create(device: torch.device, dtype: torch.dtype, **_: Any) -> Any:
        created.append((device.type, dtype))
        return device

    chosen, spare = choose_engines(name, "fp32", create, lambda line: None)
    assert [each.type for each in chosen] == ["xpu" if name == "auto" else name]
    assert spare is not None
    spare()
    assert created[-1] == ("cpu", torch.float32)


def test_a_network_that_cannot_be_created_there_runs_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    devices(monkeypatch, mps=1)
    lines: list[str] = []

    def create(device: torch.device, dtype: torch.dtype, **_: Any) -> Any:
        if device.type == "mps":
            raise TypeError(NO_TYPE[torch.float64])
        return device

    chosen, spare = choose_engines("mps", "fp32", create, lines.append)
    assert (chosen, spare) == ([CPU], None)
    (line,) = lines
    assert line.startswith("the network cannot run (Cannot convert a MPS Tensor to float64")
    assert line.endswith(" on mps:0, which is not used")


@pytest.mark.parametrize(
    ("error", "unfit"),
    [
        (NotImplementedError(NO_OPERATOR.format("aten::cumprod.out")), True),
        (NotImplementedError("\"index_select_xpu\" not implemented for 'UInt16'"), True),
        (TypeError(NO_TYPE[torch.uint16]), True),
        (TypeError(NO_TYPE[torch.float64]), True),
        (TypeError("BFloat16 is not supported on MPS"), True),
        (RuntimeError("Could not run 'aten::gather' with arguments from the 'XPU' backend."), True),
        (UnfitError("frames to prove it: 20 dB"), True),
        (RuntimeError("MPS backend out of memory"), False),
        (RuntimeError("shape '[2]' is invalid"), False),
        (TypeError("an argument is missing"), False),
        (None, False),
    ],
)
def test_errors_that_mean_that_a_device_lacks_something(error: Exception | None, unfit: bool) -> None:
    assert is_unfit(error, MPS) is unfit
    assert is_unfit(error, XPU) is unfit
    around = ValueError("the kernels failed")
    around.__cause__ = error
    assert is_unfit(around, XPU) is unfit
    assert not is_unfit(error, CPU)
    assert not is_unfit(error, torch.device("cuda", 0))
