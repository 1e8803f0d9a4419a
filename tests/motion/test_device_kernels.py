"""Which kernels a device has, and what is said where it has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from vsrife.motion import compiled, cpu, library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Has the library looked for anew, before and after."""
    library._found.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    library._found.cache_clear()


def test_a_cpu_has_those_in_c() -> None:
    assert compiled.compiled(torch.device("cpu")) is cpu
    assert compiled.why_reference(torch.device("cpu")) == ""


def test_other_devices_have_none_and_it_is_said() -> None:
    assert compiled.compiled(torch.device("mps")) is None
    assert compiled.why_reference(torch.device("mps")) == "there are no kernels for mps devices"


def test_without_the_library_it_is_said(elsewhere: pytest.MonkeyPatch) -> None:
    elsewhere.setattr(library, "find_spec", lambda _: None)
    assert compiled.compiled(torch.device("cpu")) is None
    assert compiled.why_reference(torch.device("cpu")) == "the native library is not installed beside VapourSynth"


def test_a_broken_library_is_named_in_one_line(elsewhere: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "librife.so"
    broken.write_bytes(b"not a library\n" * 100)
    elsewhere.setattr(library, "_path", lambda: broken)
    said = compiled.why_reference(torch.device("cpu"))
    assert said.startswith("the native library cannot be used: ")
    assert str(broken) in said
    assert "\n" not in said
