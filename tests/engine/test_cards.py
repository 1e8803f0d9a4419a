"""What CUDA cards can do, on made-up ones: none is needed."""

from __future__ import annotations

import platform
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import torch

from vsrife.engine import cards, resolve_device, resolve_precision
from vsrife.engine import device as device_module
from vsrife.engine.cards import (
    WORKING_BYTES,
    check_memory,
    exact_fp32,
    has_sound_fp16,
    is_lost,
    unfinished,
    wait_for,
    why_unusable,
)
from vsrife.engine.memory import is_out_of_memory, requested_bytes
from vsrife.errors import RifeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CARD, CPU = torch.device("cuda", 0), torch.device("cpu")
ARCHS = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120"]


@pytest.fixture
def a_machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A machine with cards of these compute capabilities, and a PyTorch built for `archs`."""

    def has(*capabilities: tuple[int, int], archs: list[str] = ARCHS) -> None:
        monkeypatch.setattr(torch.version, "hip", None)
        monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: archs)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capabilities[device.index])
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"Card {device.index}")
        monkeypatch.setattr(device_module, "_device_count", lambda kind: len(capabilities) if kind == "cuda" else 0)

    return has


@pytest.mark.parametrize(
    ("capability", "usable"),
    [((6, 1), False), ((7, 0), False), ((7, 5), True), ((8, 0), True), ((8, 6), True), ((8, 9), True), ((9, 0), True),
     ((10, 3), True), ((12, 0), True), ((12, 1), True), ((13, 0), True)],
)  # fmt: skip
def test_a_card_needs_code_of_its_own(
    capability: tuple[int, int], usable: bool, a_machine: Callable[..., None]
) -> None:
    a_machine(capability)
    assert bool(why_unusable(CARD)) is not usable


def test_a_card_newer_than_all_binaries_needs_portable_code(a_machine: Callable[..., None]) -> None:
    a_machine((13, 0), archs=["sm_90a", "sm_120"])
    assert why_unusable(CARD) == (
        f"PyTorch {torch.__version__} has no code for Card 0 (sm_130), only for sm_90a, sm_120"
    )


def test_a_binary_for_one_card_alone_fits_that_one(a_machine: Callable[..., None]) -> None:
    for capability, usable in (((9, 0), True), ((9, 1), False)):
        a_machine(capability, archs=["sm_90a"])
        assert bool(why_unusable(CARD)) is not usable


def test_auto_takes_the_first_card_that_can_be_used(a_machine: Callable[..., None]) -> None:
    a_machine((6, 1), (8, 6))
    assert resolve_device("auto") == torch.device("cuda", 1)
    with pytest.raises(RifeError, match=r"^device cuda:0 cannot be used: PyTorch .* has no code for Card 0 \(sm_61\),"):
        resolve_device("cuda:0")
    a_machine((6, 1))
    assert resolve_device("auto") == CPU
    assert "no code for Card 0" in device_module.why_auto("auto", "fp32", CPU, torch.float32)
    a_machine()
    assert resolve_device("auto") == CPU


def test_sound_fp16_is_found_sound() -> None:
    assert has_sound_fp16(CPU)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.5])
def test_fp16_that_is_wrong_is_not_used(value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    conv2d = cards.conv2d

    def wrong(x: torch.Tensor, weight: torch.Tensor, stride: int) -> torch.Tensor:
        out = conv2d(x, weight, stride=stride)
        if stride == 2:  # the algorithm of one shape alone
            out[0, 3, 2, 1] = value
        return out

    monkeypatch.setattr(cards, "conv2d", wrong)
    has_sound_fp16.cache_clear()
    try:
        assert not has_sound_fp16(CPU)
    finally:
        has_sound_fp16.cache_clear()


def test_fp32_takes_the_place_of_wrong_fp16(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    for sound, wanted in ((True, torch.float16), (False, torch.float32)):
        monkeypatch.setattr(device_module, "has_sound_fp16", lambda device, sound=sound: sound)
        assert resolve_precision("auto", CARD) == wanted
        assert resolve_precision("fp16", CARD, lines.append) == wanted
        assert resolve_precision("fp16", CPU, lines.append) == torch.float16
    assert lines == ["fp16: cuda:0 computes it wrongly, as GTX 16 cards do: computing in fp32 instead"]


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (torch.AcceleratorError("CUDA error: an illegal memory access was encountered"), True),
        (torch.AcceleratorError("CUDA error: invalid argument"), False),
        (RuntimeError("CUDA error: device-side assert triggered"), True),
        (RuntimeError("HIP error: unspecified launch failure"), True),
        (unfinished(CARD, 60), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), False),
        (RuntimeError("CUDA error: out of memory"), False),
        (RuntimeError("shape '[2]' is invalid"), False),
        (ValueError("CUDA error"), False),
        (None, False),
    ],
)
def test_errors_after_which_a_card_does_nothing_more(error: Exception | None, lost: bool) -> None:
    assert is_lost(error) is lost
    around = ValueError("the kernels failed")
    around.__cause__ = error
    assert is_lost(around) is lost


def test_a_card_that_hangs_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "LIMIT", 0.05)
    looks = iter([False, False, True])
    wait_for(SimpleNamespace(query=lambda: next(looks)), CARD)
    assert next(looks, None) is None
    with pytest.raises(RuntimeError, match=r"^cuda:0 has not finished its work after 0\.05 s$") as caught:
        wait_for(SimpleNamespace(query=lambda: False), CARD)
    assert is_lost(caught.value)


def test_on_windows_memory_is_asked_for_first(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = 1000 * 1000
    for free, kept, system, fits in (
        (pixels * WORKING_BYTES, 0, "Windows", True),
        (pixels * WORKING_BYTES - 1, 0, "Windows", False),
        (0, pixels * WORKING_BYTES, "Windows", True),
        (0, 0, "Linux", True),
    ):
        monkeypatch.setattr(platform, "system", lambda system=system: system)
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (free, 2 * free))
        monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device, kept=kept: 7 + kept)
        monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 7)
        if fits:
            check_memory(CARD, pixels)
        else:
            with pytest.raises(torch.OutOfMemoryError, match="106 MiB, 106 MiB are free") as failure:
                check_memory(CARD, pixels)
            assert is_out_of_memory(failure.value)
            assert requested_bytes(failure.value) == 106 << 20
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    check_memory(CPU, pixels)


@pytest.fixture
def tf32() -> Iterator[Callable[[], tuple[bool, bool]]]:
    """The process's switches of TF32, which are on."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, matmul.allow_tf32
    cudnn.allow_tf32 = matmul.allow_tf32 = True
    yield lambda: (cudnn.allow_tf32, matmul.allow_tf32)
    cudnn.allow_tf32, matmul.allow_tf32 = before


def test_fp32_on_a_card_is_fp32(tf32: Callable[[], tuple[bool, bool]]) -> None:
    for device, dtype, allowed in (
        (CARD, torch.float32, False),
        (CARD, torch.float16, True),
        (CPU, torch.float32, True),
    ):
        with exact_fp32(device, dtype):
            assert tf32() == (allowed, allowed)
        assert tf32() == (True, True)


def test_switches_are_as_before_whatever_ends_first(tf32: Callable[[], tuple[bool, bool]]) -> None:
    entered, leave = threading.Event(), threading.Event()

    def compute() -> None:
        with exact_fp32(CARD, torch.float32):
            entered.set()
            assert leave.wait(30)

    other = threading.Thread(target=compute)
    with exact_fp32(CARD, torch.float32):
        other.start()
        assert entered.wait(30)
    assert tf32() == (False, False)  # the other one is inside
    leave.set()
    other.join(30)
    assert tf32() == (True, True)


def test_switches_are_as_before_after_an_error(tf32: Callable[[], tuple[bool, bool]]) -> None:
    with pytest.raises(RuntimeError), exact_fp32(CARD, torch.float32):
        raise RuntimeError
    assert tf32() == (True, True)


def test_the_newer_switches_are_used_where_the_process_uses_them() -> None:
    code = """
import torch
from vsrife.engine.cards import exact_fp32
torch.backends.cudnn.conv.fp32_precision = "tf32"
torch.backends.cuda.matmul.fp32_precision = "tf32"
torch.backends.cudnn.rnn.fp32_precision = "ieee"
switches = lambda: (torch.backends.cudnn.conv.fp32_precision, torch.backends.cuda.matmul.fp32_precision)
with exact_fp32(torch.device("cuda", 0), torch.float32):
    print(*switches())
print(*switches())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == ["ieee", "ieee", "tf32", "tf32"]
