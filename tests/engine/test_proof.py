"""Kernels are used once known frames have shown that they are right; a CPU's stand in for a card's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from support import texture
from tolerances import ROUTES_DB

from vsrife.engine import Colour, Engine, HostFrame, Interpolator, Options, PictureFormat, Task, Timestep, levels
from vsrife.engine.levels import Level, level_of
from vsrife.engine.proof import psnr
from vsrife.errors import ArgumentError
from vsrife.motion import KernelError
from vsrife.weights import load_network

if TYPE_CHECKING:
    from collections.abc import Callable

CPU = torch.device("cpu")
FORM = PictureFormat("rgb", 32, True, 0, 0, 96, 64)
NETWORK = load_network("nano", None)


@pytest.fixture
def unproven() -> Engine:
    """An engine whose kernels are not known to be right, as on a card."""
    engine = Engine(NETWORK, CPU, torch.float32)
    if engine.kernels is None:
        pytest.skip("there are no kernels here")
    engine.fault = None
    return engine


def rendered(engine: Engine, log: Callable[[str], None] | None = None) -> np.ndarray:
    frames = [HostFrame(n, list(texture(96, 64, 9 * n, 4 * n)), Colour()) for n in range(2)]
    out = [np.empty((64, 96), np.float32) for _ in range(3)]
    Interpolator(engine, FORM, Options(), log=log).render(Task(*frames, Timestep(0.5), FORM), out)
    return np.stack(out)


def test_right_kernels_are_used_and_proven_once(unproven: Engine) -> None:
    lines: list[str] = []
    frame = rendered(unproven, lines.append)
    assert unproven.fault == ""
    unproven.reference = None  # it is not asked for again
    assert np.array_equal(rendered(unproven, lines.append), frame)
    assert np.array_equal(rendered(Engine(NETWORK, CPU, torch.float32)), frame)
    assert not lines


def half(result: torch.Tensor) -> torch.Tensor:
    result[:, result.shape[1] // 2 :] = 0
    return result


def not_a_number(result: torch.Tensor) -> torch.Tensor:
    result[..., 3, 4, 0] = float("nan")
    return result


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        ("to_rgb", torch.zeros_like),
        ("encode", half),
        ("encode", not_a_number),
        ("cell_flow", torch.zeros_like),
        ("find_correction", not_a_number),
    ],
)
def test_wrong_kernels_are_found_before_they_make_a_frame(
    method: str, fault: Callable[[torch.Tensor], torch.Tensor], unproven: Engine
) -> None:
    right: Any = getattr(unproven.kernels, method)
    setattr(unproven.kernels, method, lambda *args, **named: fault(right(*args, **named)))
    lines: list[str] = []
    frame = rendered(unproven, lines.append)
    assert np.array_equal(frame, rendered(Engine(NETWORK, CPU, torch.float32, compiled=False)))
    assert len(lines) == 1, lines
    assert "runs by PyTorch alone from here on" in lines[0]
    assert "frames to prove them: " in lines[0]
    assert unproven.fault
    assert np.array_equal(rendered(unproven, lines.append), frame)  # a new filter on the same engine


def test_rows_that_nobody_writes_are_found(unproven: Engine) -> None:
    right = unproven.kernels.warp_and_blend_into

    def lazy(first: Any, last: Any, motion: Any, grid: Any, targets: Any, peak: float) -> None:
        before = [target[-2:].clone() for target in targets]
        right(first, last, motion, grid, targets, peak)
        for target, rows in zip(targets, before, strict=True):
            target[-2:] = rows

    unproven.kernels.warp_and_blend_into = lazy
    rendered(unproven)
    assert unproven.fault


@pytest.mark.parametrize("wrong", [False, True])
def test_every_nth_frame_is_compared(wrong: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first and the third; kernels that fail after their proof are found by the third."""
    monkeypatch.setenv("VSRIFE_CHECK", "2")
    engine, exact = Engine(NETWORK, CPU, torch.float32), Engine(NETWORK, CPU, torch.float32, compiled=False)
    frames = [HostFrame(n, list(texture(96, 64, 9 * n, 4 * n)), Colour()) for n in range(2)]
    lines: list[str] = []
    interpolator = Interpolator(engine, FORM, Options(), log=lines.append)

    def frame(time: float, by: Interpolator) -> np.ndarray:
        out = [np.empty((64, 96), np.float32) for _ in range(3)]
        by.render(Task(*frames, Timestep(time), FORM), out)
        return np.stack(out)

    first = frame(0.5, interpolator)
    if wrong:
        engine.kernels.cell_flow = lambda *args, **named: torch.zeros(1, 4, 32, 48)
    second, third, fourth = (frame(time, interpolator) for time in (0.4, 0.6, 0.7))
    monkeypatch.delenv("VSRIFE_CHECK")
    plain = Interpolator(exact if wrong else engine, FORM, Options())
    assert np.array_equal(third, frame(0.6, plain))
    assert np.array_equal(fourth, frame(0.7, plain))
    assert np.array_equal(second, frame(0.4, plain)) is not wrong
    assert psnr([first], [frame(0.5, plain)], 1) > ROUTES_DB
    assert len(lines) == wrong
    assert not wrong or lines[0].startswith("96x64: the frame between 0 and 1 at 0.6 is ")


def test_a_wrong_frame_of_graphs_costs_the_level_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernels stay, and what follows is made eagerly."""
    monkeypatch.setattr(levels, "_levels", {CPU: Level.RING})
    monkeypatch.setattr(levels, "_fallen", set())
    monkeypatch.setattr(levels.card_record, "write", lambda *given: kept.append(given))
    monkeypatch.setenv("VSRIFE_CHECK", "2")
    kept: list[Any] = []
    engine = Engine(NETWORK, CPU, torch.float32)
    right: Any = engine.kernels.cell_flow
    engine.kernels.cell_flow = lambda *args, **named: right(*args, **named) * (level_of(CPU) is Level.EAGER)
    frames = [HostFrame(n, list(texture(96, 64, 9 * n, 4 * n)), Colour()) for n in range(2)]
    lines: list[str] = []
    interpolator = Interpolator(engine, FORM, Options(), log=lines.append)
    made = []
    for time in (0.5, 0.6, 0.7):
        out = [np.empty((64, 96), np.float32) for _ in range(3)]
        interpolator.render(Task(*frames, Timestep(time), FORM), out)
        made.append(np.stack(out))
    (line,) = lines
    assert "was made again; cpu is used eagerly from here on" in line
    assert kept == [(CPU, {"level": "eager", "why": "a frame of 96x64 was wrong"})]
    monkeypatch.delenv("VSRIFE_CHECK")
    plain = Interpolator(Engine(NETWORK, CPU, torch.float32), FORM, Options())
    for time, frame in zip((0.6, 0.7), made[1:], strict=True):
        out = [np.empty((64, 96), np.float32) for _ in range(3)]
        plain.render(Task(*frames, Timestep(time), FORM), out)
        assert np.array_equal(frame, np.stack(out))


def test_a_card_without_kernels_is_compared_at_the_levels_with_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(levels, "_levels", {})
    monkeypatch.setattr(levels, "_fallen", set())
    monkeypatch.setenv("VSRIFE_CHECK", "1")
    monkeypatch.setenv("VSRIFE_CUDA", "ring")
    engine = Engine(NETWORK, CPU, torch.float32, compiled=False)
    right, lines = rendered(engine), list[str]()
    estimate: Any = engine.graphed.estimate
    levels.set_level(CPU, Level.RING)

    def wrong(first: torch.Tensor, last: torch.Tensor, *args: Any, **named: Any) -> Any:
        ends = (last, first) if level_of(CPU) is Level.RING else (first, last)
        return estimate(*ends, *args, **named)

    monkeypatch.setattr(engine, "graphed", SimpleNamespace(estimate=wrong, release=lambda: None))
    assert np.array_equal(rendered(engine, lines.append), right)
    assert "was made again; cpu is used eagerly from here on" in lines[0]
    assert level_of(CPU) is Level.EAGER
    rendered(engine, lines.append)
    assert len(lines) == 1


def test_psnr_of_samples_that_are_no_numbers() -> None:
    nan, infinite = float("nan"), float("inf")
    both = np.array([nan, infinite, -infinite, 0.5], np.float32)
    assert psnr([both], [both], 1) == infinite
    assert psnr([both], [both + np.array([0, 0, 0, 0.5], np.float32)], 1) == pytest.approx(12.04, abs=0.01)
    for other in (infinite, nan):
        assert psnr([np.array([0.5])], [np.array([other])], 1) == -infinite


@pytest.mark.parametrize(("error", "alarms"), [(0.02, 0), (20.0, 1)])
def test_linear_light_is_judged_by_its_own_peak(error: float, alarms: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSRIFE_CHECK", "1")
    engine, lines = Engine(NETWORK, CPU, torch.float32, compiled=False), list[str]()
    recovery = Interpolator(engine, FORM, Options(), log=lines.append)._recovery
    monkeypatch.setattr(levels, "_levels", {CPU: Level.GRAPHS})
    monkeypatch.setattr(levels, "_fallen", set())
    monkeypatch.setenv("VSRIFE_CUDA", "graphs")
    frames = [HostFrame(n, [100 * plane for plane in texture(96, 64, 9 * n, 4 * n)], Colour()) for n in range(2)]
    task, out = Task(*frames, Timestep(0.5), FORM), [np.empty((64, 96), np.float32) for _ in range(3)]
    Interpolator(engine, FORM, Options()).render(task, out)
    assert max(plane.max() for plane in out) > 50
    recovery.compare(0, task, [plane + np.float32(error) for plane in out], None)
    assert len(lines) == alarms


@pytest.mark.parametrize("text", ["often", "-1", "2.5", "１"])
def test_how_often_is_a_whole_number(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSRIFE_CHECK", text)
    with pytest.raises(ArgumentError, match=r"^VSRIFE_CHECK must be a whole number of frames, got"):
        Interpolator(Engine(NETWORK, CPU, torch.float32), FORM, Options())


def test_kernels_that_raise_are_not_used(unproven: Engine) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise KernelError("PTX was compiled with an unsupported toolchain")

    unproven.kernels.block_input = broken
    lines: list[str] = []
    frame = rendered(unproven, lines.append)
    assert np.array_equal(frame, rendered(Engine(NETWORK, CPU, torch.float32, compiled=False)))
    assert len(lines) == 1
