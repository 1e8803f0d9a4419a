"""Launches of Triton's kernels are kept where the installed Triton can repeat them."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from vsrife.motion import launch

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    launch._takes_constants.cache_clear()
    yield
    launch._takes_constants.cache_clear()


@pytest.mark.parametrize(
    ("version", "kept"),
    [("3.0.0", False), ("3.2.0+git35c6c7c6", False), ("3.3.0", True), ("3.10.1rc1", True), ("4.0", True)],
)
def test_launches_are_kept_where_constants_may_be_given(version: str, kept: bool, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "triton", SimpleNamespace(__version__=version))
    ways: list[str] = []

    def grids(way: str, result: object) -> dict[tuple[int, int, int], Any]:
        return {(1, 2, 3): lambda *given, **named: ways.append(f"{way}{given[1:]}{named}") or result}

    start = launch.Launch(grids("first", grids("again", None)), (1, 2, 3), (7,), num_warps=4)
    aligned = torch.empty(64)
    for tensor in (aligned, aligned, aligned[1:], aligned):
        start(tensor)
    first, again = "first(7,){'num_warps': 4}", "again(7,){}"
    assert ways == ([first, again, first, again] if kept else [first] * 4)
