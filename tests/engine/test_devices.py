"""Names of devices, and frames that several devices share."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
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
    resolve_devices,
    shared_engine,
)
from vsrife.engine import device as device_module
from vsrife.engine.executor import device_executor
from vsrife.engine.frame_cache import DeviceFrame, FrameCache
from vsrife.engine.interpolator import BLOCK
from vsrife.errors import RifeError

CPU = torch.device("cpu")
FORM = PictureFormat("rgb", 32, True, 0, 0, 60, 50)
SOURCES = [HostFrame(n, list(texture(60, 50, 3 * n, 2 * n)), Colour()) for n in range(4 * BLOCK)]


def interpolate(interpolator: Interpolator, number: int) -> np.ndarray:
    out = [np.empty((50, 60), np.float32) for _ in range(3)]
    interpolator.render(Task(SOURCES[number], SOURCES[number + 1], Timestep(0.5), FORM), out)
    return np.stack(out)


def engines(names: str) -> list[Engine]:
    def create(device: torch.device, dtype: torch.dtype, *, part: int = 0, parts: int = 1) -> Engine:
        return shared_engine("4.26", None, device, dtype, part=part, parts=parts)

    return choose_engines(names, "fp32", create, lambda line: None)[0]


def cards(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(device_module, "_device_count", lambda kind: count if kind == "cuda" else 0)
    monkeypatch.setattr(device_module, "why_unusable", lambda device: "")


def test_a_list_of_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    cards(monkeypatch, 2)
    first, second = torch.device("cuda", 0), torch.device("cuda", 1)
    assert resolve_devices("cuda:0,cuda:1") == [first, second]
    assert resolve_devices(" cuda:1 , cpu") == [second, CPU]
    assert resolve_devices("cpu,cpu") == [CPU, CPU]
    assert resolve_devices("cuda") == [first]


@pytest.mark.parametrize(
    ("names", "line"),
    [
        ("cuda:0,cuda:7", r"device cuda:7 does not exist: PyTorch .* sees 2 cuda devices"),
        ("cuda,cuda:0", "device must name each card once, got cuda,cuda:0"),
        ("auto,cpu", "device must be one name, or up to 16 with commas between them and without auto, got auto,cpu"),
        (",".join(["cpu"] * 17), r"device must be one name, or up to 16 .* got cpu,cpu.{,54}"),
        ("cpu,", r"device must be one of auto, cpu, .*, got "),
        ("cpu;cpu", r"device must be one of auto, cpu, .*, got cpu;cpu"),
        ("cuda:0,gpu", r"device must be one of auto, cpu, .*, got gpu"),
    ],
)
def test_lists_that_are_refused(names: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cards(monkeypatch, 2)
    with pytest.raises(RifeError, match=f"^{line}$"):
        resolve_devices(names)


def test_a_frames_device_is_decided_by_its_number() -> None:
    two = Interpolator(engines("cpu,cpu"), FORM, Options())
    assert [two.device_of(n) for n in range(4 * BLOCK)] == [n // BLOCK % 2 for n in range(4 * BLOCK)]
    executors = [each.executor for each in engines("cpu,cpu")]
    assert executors[0] is not executors[1]
    assert device_executor(CPU) not in executors
    concurrency = device_executor(CPU).concurrency
    assert [each.concurrency for each in executors] == [max(1, concurrency // 2)] * 2


def test_two_cpus_give_the_bytes_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    single = Interpolator(engines("cpu"), FORM, Options())
    numbers = list(range(4 * BLOCK - 1))
    alone = [interpolate(single, n).tobytes() for n in numbers]
    uploaded: list[int] = []
    on_device = FrameCache.on_device

    def counted(self: FrameCache, planes: tuple[torch.Tensor, ...], colour: Colour) -> DeviceFrame:
        uploaded.append(id(self))
        return on_device(self, planes, colour)

    monkeypatch.setattr(FrameCache, "on_device", counted)
    straight = Interpolator(engines("cpu,cpu"), FORM, Options())
    assert [interpolate(straight, n).tobytes() for n in numbers] == alone
    assert len(uploaded) <= len(SOURCES) + 3  # a block's last frame is encoded on two devices
    assert len(set(uploaded)) == 2

    two = Interpolator(engines("cpu,cpu"), FORM, Options())
    order = np.random.default_rng(2).permutation(len(numbers)).tolist()
    results: dict[int, bytes] = {}
    callers = [
        threading.Thread(
            target=lambda part=part: [results.update({n: interpolate(two, n).tobytes()}) for n in order[part::5]]
        )
        for part in range(5)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    assert [results[n] for n in numbers] == alone


def test_devices_without_memory_for_the_network_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    cards(monkeypatch, 3)
    asked: list[str] = []

    def create(device: torch.device, dtype: torch.dtype, *, part: int = 0, parts: int = 1) -> Engine:
        asked.append(str(device))
        if device.type == "cuda":
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return shared_engine("4.26", None, device, dtype)

    monkeypatch.setattr("vsrife.engine.choice.release_memory", lambda device: None)
    lines: list[str] = []
    chosen, spare = choose_engines("cuda:0,cuda:2", "fp32", create, lines.append)
    assert [str(each.device) for each in chosen] == ["cpu"]
    assert spare is None
    assert asked == ["cuda:0"] * 2 + ["cuda:2"] * 2 + ["cpu"]
    assert lines == [f"out of memory: the network has no room on cuda:{n}, which is not used" for n in (0, 2)]
    with pytest.raises(RifeError, match=r"^out of memory: the network has no room on cuda:1$"):
        choose_engines("cuda:1", "fp32", create, lines.append)


@pytest.mark.parametrize("requests", [4, 12])
def test_frames_that_are_asked_for_at_once_are_uploaded_once(requests: int, monkeypatch: pytest.MonkeyPatch) -> None:
    uploaded: list[None] = []
    on_device = FrameCache.on_device
    monkeypatch.setattr(
        FrameCache, "on_device", lambda *given, **named: uploaded.append(None) or on_device(*given, **named)
    )
    filter_ = Interpolator(engines("cpu"), FORM, Options(requests=requests))
    for first in range(requests):  # every pair is compared before the first frame is made
        filter_.cut_score(SOURCES[first], SOURCES[first + 1])
    for first in range(requests):
        interpolate(filter_, first)
    assert len(uploaded) == requests + 1


def test_a_small_budget_bounds_the_frames_of_one_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSRIFE_CACHE_MIB", "0")
    filter_ = Interpolator(engines("cpu"), FORM, Options(requests=12))
    for number in range(12):
        interpolate(filter_, number)
    (maker,) = filter_._recovery._makers
    assert len(maker._frames._frames.values()) == 2 * (maker.engine.executor.concurrency + 1)
