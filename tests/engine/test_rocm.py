"""AMD's GPUs, on made-up ones: which code PyTorch has for them, and how convolutions get channels-last tensors."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from vsrife.engine import rocm
from vsrife.engine.cards import why_unusable
from vsrife.engine.device import resolve_precision
from vsrife.engine.rocm import VARIABLE, convolve_channels_last

if TYPE_CHECKING:
    from collections.abc import Iterator

CARD = torch.device("cuda", 0)
ARCHS = ["gfx900", "gfx906", "gfx90a", "gfx942", "gfx1030", "gfx1100", "gfx1201"]


@pytest.fixture
def hip(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A PyTorch for ROCm, which has not convolved yet."""
    monkeypatch.setattr(torch.version, "hip", "7.1")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Radeon")
    monkeypatch.delenv(VARIABLE, raising=False)
    convolve_channels_last.cache_clear()
    yield monkeypatch
    convolve_channels_last.cache_clear()


@pytest.mark.parametrize(
    ("name", "archs", "usable"),
    [
        ("gfx1100", ARCHS, True),
        ("gfx90a:sramecc+:xnack-", ARCHS, True),
        ("gfx906", ["gfx906:xnack-"], True),
        ("gfx803", ARCHS, False),
        ("gfx1101", ARCHS, False),
        ("gfx1101", ["gfx11-generic"], True),
        ("gfx1031", ["gfx10-3-generic"], True),
        ("gfx1010", ["gfx10-3-generic"], False),
        ("gfx90a", ["gfx9-generic"], False),
        ("gfx942", ["gfx9-4-generic"], True),
        ("gfx1100", [], True),
    ],
)
def test_a_card_needs_code_of_its_own(name: str, archs: list[str], usable: bool, hip: pytest.MonkeyPatch) -> None:
    hip.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(gcnArchName=name))
    hip.setattr(torch.cuda, "get_arch_list", lambda: archs)
    line = f"PyTorch {torch.__version__} has no code for Radeon ({name}), only for {', '.join(archs)}"
    assert why_unusable(CARD) == ("" if usable else line)


@pytest.fixture
def asked(hip: pytest.MonkeyPatch) -> list[str | None]:
    """What the variable holds at each convolution, which takes the place of that on a card."""
    values: list[str | None] = []
    monkeypatch = hip
    zeros = torch.zeros
    monkeypatch.setattr(torch, "zeros", lambda *shape, device: zeros(*shape))

    def conv2d(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        assert x.is_contiguous(memory_format=torch.channels_last)
        values.append(os.environ.get(VARIABLE))
        return x

    monkeypatch.setattr(rocm, "conv2d", conv2d)
    return values


def test_the_variable_is_set_for_one_convolution_alone(asked: list[str | None]) -> None:
    before = dict(os.environ)
    for name in ("fp32", "bf16"):
        resolve_precision(name, CARD)
        assert dict(os.environ) == before
    assert asked == ["1"]


def test_the_environment_is_as_before_after_an_error(asked: list[str | None], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("miopenStatusUnknownError")

    monkeypatch.setattr(rocm, "conv2d", broken)
    convolve_channels_last(CARD)  # frames report it
    assert VARIABLE not in os.environ


@pytest.mark.parametrize("value", ["0", "1"])
def test_what_the_user_has_set_stays(value: str, asked: list[str | None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, value)
    convolve_channels_last(CARD)
    assert not asked
    assert os.environ[VARIABLE] == value


def test_other_devices_are_left_alone(asked: list[str | None], monkeypatch: pytest.MonkeyPatch) -> None:
    convolve_channels_last(torch.device("cpu"))
    monkeypatch.setattr(torch.version, "hip", None)
    convolve_channels_last(CARD)
    assert not asked
