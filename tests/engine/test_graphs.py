"""Estimates are captured, replayed, dropped and done without as they should be, on operations that are recorded."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tape import Recorder, Tape
from torch import Tensor

from vsrife.engine import levels, memory
from vsrife.engine.graphs import CAPACITY, MOST_CAPTURES, UNUSED, CudaGraphs, GraphedEstimator, Graphs
from vsrife.engine.levels import Level, level_of, set_level
from vsrife.engine.task import time_tensor
from vsrife.engine.torch_estimator import TorchEstimator
from vsrife.networks import CATALOG, IFNet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsrife.motion import Motion

CPU = torch.device("cpu")
NO_MEMORY = torch.OutOfMemoryError("CUDA out of memory. Tried to\nallocate")


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """No level outlasts a test, and none is kept."""
    monkeypatch.setattr(levels, "_levels", {})
    monkeypatch.setattr(levels, "_fallen", set())
    monkeypatch.setenv("VSRIFE_CUDA", "graphs")


def double(x: Tensor, *more: Tensor) -> list[Tensor]:
    return [2 * x + sum(more, torch.zeros(())), x + 1]


def cloned(result: list[Tensor]) -> list[Tensor]:
    return [x.clone() for x in result]


def graphs(tape: Tape, lines: list[str] | None = None) -> Graphs[list[Tensor]]:
    return Graphs(tape, cloned, [].append if lines is None else lines.append)


def ones(value: float, size: int = 3) -> Tensor:
    return torch.full((size,), value)


def test_it_captures_at_the_second_time_and_replays_with_new_values() -> None:
    tape, lines = Tape(), list[str]()
    kept = graphs(tape, lines)
    for value in (1.0, 5.0, 7.0, 9.0):
        twice, more = kept.run("key", double, [ones(value)])
        assert twice.tolist() == [2 * value] * 3
        assert more.tolist() == [value + 1] * 3
    assert tape.calls == ["capture", "replay", "replay"]
    assert kept.replays == 2
    assert not lines


def test_results_outlast_the_next_replay_and_inputs_are_left_alone() -> None:
    kept, given = graphs(Tape()), [ones(value) for value in range(6)]
    results = [kept.run("key", double, [x])[0] for x in given]
    assert [result[0] for result in results] == [0, 2, 4, 6, 8, 10]
    assert [x[0] for x in given] == [0, 1, 2, 3, 4, 5]


def test_shapes_types_and_strides_are_part_of_the_key() -> None:
    tape = Tape()
    kept = graphs(tape)
    square = torch.zeros(2, 2)
    for _ in range(3):
        for x in (ones(1), ones(1).double(), square[:, ::2]):
            assert torch.equal(kept.run("key", double, [x])[0], double(x)[0])
    assert tape.calls.count("capture") == len(kept) == 3


def test_sizes_that_take_turns_are_not_captured_again_and_again() -> None:
    tape = Tape()
    kept = graphs(tape)
    for _ in range(5):
        for key in range(CAPACITY + 1):
            kept.run(key, double, [ones(1)])
    assert tape.calls.count("capture") == len(kept) == CAPACITY
    for _ in range(UNUSED + 2):
        kept.run(CAPACITY, double, [ones(1)])
    assert tape.calls.count("capture") == CAPACITY + 1
    assert tape.calls.count("release") == 1
    assert len(kept) == CAPACITY


@pytest.mark.parametrize(
    ("error", "why"),
    [(NO_MEMORY, "there is no memory"), (RuntimeError("operation not permitted\nmore"), "operation not permitted")],
)
def test_without_graphs_it_gives_the_same_and_says_so_once(error: RuntimeError, why: str) -> None:
    tape, lines = Tape(), list[str]()
    kept = graphs(tape, lines)
    for value in (1.0, 2.0):
        kept.run("small", double, [ones(value)])
    tape.error = error
    for value in (1.0, 2.0, 3.0, 4.0):
        assert kept.run("large", double, [ones(value)])[0].tolist() == [2 * value] * 3
        assert kept.run("small", double, [ones(value)])[0].tolist() == [2 * value] * 3
    assert tape.calls.count("capture") == 2
    assert len(lines) == 1
    assert why in lines[0]
    assert "\n" not in lines[0]
    assert bool(kept.failure) is (error is not NO_MEMORY)


def test_reading_a_value_while_it_is_captured_is_found() -> None:
    kept = graphs(Tape())
    for value in (1.0, 2.0, 3.0):
        assert kept.run("key", lambda x: [x * float(x[0])], [ones(value)])[0].tolist() == [value**2] * 3
    assert kept.failure == "operation not permitted when stream is capturing"


def test_memory_is_asked_for_before_a_capture() -> None:
    def short() -> None:
        raise NO_MEMORY

    tape, lines = Tape(), list[str]()
    kept = graphs(tape, lines)
    for _ in range(4):
        kept.run("key", double, [ones(1)], short)
    assert not tape.calls
    assert len(lines) == 1


def test_an_error_of_the_work_itself_is_raised() -> None:
    def fails(x: Tensor) -> list[Tensor]:
        raise torch.OutOfMemoryError("also without a graph")

    with pytest.raises(torch.OutOfMemoryError, match="also without"):
        graphs(Tape()).run("key", fails, [ones(1)])


def test_a_card_that_is_lost_is_no_failure_of_graphs() -> None:
    tape = Tape(RuntimeError("CUDA error: an illegal memory access was encountered"))
    kept = graphs(tape)
    kept.run("key", double, [ones(1)])
    with pytest.raises(RuntimeError, match="illegal memory access"):
        kept.run("key", double, [ones(1)])
    assert not kept.failure


def test_dropped_they_are_captured_again_but_not_for_ever() -> None:
    tape = Tape()
    kept = graphs(tape)
    kept.close()
    for _ in range(MOST_CAPTURES + 2):
        for value in (1.0, 2.0, 3.0):
            assert kept.run("key", double, [ones(value)])[0].tolist() == [2 * value] * 3
        kept.close()
    assert len(kept) == 0
    assert tape.calls.count("capture") == tape.calls.count("release") == MOST_CAPTURES


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 3), st.floats(-9, 9, width=32)), max_size=30))
def test_any_order_gives_what_the_work_gives(calls: list[tuple[str, int, float]]) -> None:
    kept = graphs(Tape())
    for key, size, value in calls:
        got = kept.run(key, double, [ones(value, size)])
        assert all(torch.equal(a, b) for a, b in zip(got, double(ones(value, size)), strict=True))


# A network's estimates ------------------------------------------------------------------------------------------------


def thin(name: str) -> TorchEstimator:
    """The structure of a network with few channels."""
    config = CATALOG[name]
    torch.manual_seed(3)
    network = IFNet(replace(config, widths=(16,) * len(config.widths))).eval().requires_grad_(False)
    return TorchEstimator(network, CPU, torch.float32)


def structures() -> dict[str, str]:
    """A network for each different structure whose estimates decide nothing by values."""
    configs = {config: name for name, config in reversed(CATALOG.items()) if not config.doubles}
    return {name: name for name in configs.values()}


def pictures(estimator: TorchEstimator, seed: int) -> list[Tensor]:
    side = estimator.config.alignment(1)
    generator = torch.Generator().manual_seed(seed)
    return [estimator.encode(torch.rand(1, side, side, 3, generator=generator)) for _ in range(2)]


def equal(one: Motion, other: Motion) -> bool:
    return all(torch.equal(a.data, b.data) for a, b in zip(one.maps, other.maps, strict=True))


@pytest.mark.parametrize("name", structures())
def test_what_is_captured_depends_on_no_value(name: str) -> None:
    """The same operations with the same numbers, whatever the pictures, the time and where they lie."""
    estimator = thin(name)
    traces = []
    with torch.no_grad():  # in which all operations are seen
        estimator.estimate(*pictures(estimator, 0), time_tensor(0.5, CPU), 1)
        for seed, time in ((1, 0.5), (2, 0.21)):
            # a copy, as a cached one may stem from inference mode, in which some operations stay whole
            ends, when = pictures(estimator, seed), time_tensor(time, CPU).clone()
            with Recorder() as recorder:
                estimator.estimate(*ends, when, 1)
            traces.append(recorder.trace)
    assert traces[0] == traces[1]
    assert len(traces[0]) > 50


def test_values_that_decide_are_found() -> None:
    """As in the networks that estimate at twice the scale where motion is large, which are not captured."""
    estimator = thin("4.0")
    assert not estimator.takes_batches
    with torch.no_grad(), pytest.raises(RuntimeError, match="not permitted"), Recorder():
        estimator.estimate(*pictures(estimator, 1), time_tensor(0.5, CPU), 1)


@pytest.mark.parametrize("name", ["4.6", "4.26"])
def test_replayed_estimates_are_those_made_eagerly(name: str) -> None:
    plain, tape, lines = thin(name), Tape(), list[str]()
    graphed = GraphedEstimator(plain, CPU, lines.append, tape)
    set_level(CPU, Level.GRAPHS)
    ensembles = (False, True) if plain.config.ensemble else (False,)
    made = []
    with torch.inference_mode():
        for seed, time in ((1, 0.5), (2, 0.25), (3, 0.5), (4, 0.75), (1, 0.5)):
            for ensemble in ensembles:
                ends, when = pictures(plain, seed), time_tensor(time, CPU)
                motion, residual = graphed.estimate(*ends, when, 1, ensemble=ensemble)
                assert residual is None
                made.append((motion, plain.estimate(*ends, when, 1, ensemble=ensemble)[0]))
    assert all(equal(*each) for each in made)
    assert tape.calls.count("replay") == 3 * len(ensembles)
    assert not lines


def test_what_graphs_do_not_carry_runs_eagerly() -> None:
    plain, tape = thin("4.26"), Tape()
    graphed = GraphedEstimator(plain, CPU, [].append, tape)
    ends, side = pictures(plain, 1), plain.config.alignment(1)
    whole, times = time_tensor(0.5, CPU), torch.full((1, 1, side, side), 0.5)
    with torch.inference_mode():
        for _ in range(3):
            graphed.estimate(*ends, whole, 1)
        set_level(CPU, Level.GRAPHS)
        for _ in range(3):
            graphed.estimate(*ends, times, 1)
            graphed.estimate(*ends, whole, 1, band=16)
        assert not tape.calls
        for _ in range(3):
            graphed.estimate(*ends, whole, 1)
        assert tape.calls == ["capture", "replay"]
        set_level(CPU, Level.EAGER)
        graphed.estimate(*ends, whole, 1)
    assert tape.calls[-1] == "release"


def test_after_a_capture_that_failed_the_card_is_used_eagerly() -> None:
    plain, lines = thin("4.26"), list[str]()
    graphed = GraphedEstimator(plain, CPU, lines.append, Tape(RuntimeError("operation not permitted")))
    set_level(CPU, Level.RING)
    with torch.inference_mode():
        motions = [graphed.estimate(*pictures(plain, 1), time_tensor(0.5, CPU), 1)[0] for _ in range(3)]
    assert equal(motions[0], motions[2])
    assert level_of(CPU) is Level.EAGER
    assert lines == ["cpu: estimates are not captured as graphs, which costs some speed: operation not permitted"]
    set_level(CPU, Level.RING)
    assert level_of(CPU) is Level.EAGER


# PyTorch's graphs, on a driver that keeps books -----------------------------------------------------------------------


class Driver:
    """The state that a capture changes: the thread's stream, and the pools that the allocator believes in use."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, fails_at_end: bool = False) -> None:
        self.stream, self.capturing, self.held = "default", list[Any](), list[Any]()
        self.broken, self.waits = False, 0
        self._handles = iter(range(100))
        driver = self

        class Graph:
            def capture_begin(self, pool: Any, capture_error_mode: str) -> None:
                assert capture_error_mode == "thread_local"
                assert driver.stream == "side"
                driver.capturing.append(pool)
                driver.held.append(pool)
                self.pool = pool

            def capture_end(self) -> None:
                if driver.broken or fails_at_end:
                    raise RuntimeError("operation failed due to a previous error during capture")
                driver.capturing.remove(self.pool)

            def reset(self) -> None: ...

            def replay(self) -> None: ...

        @contextmanager
        def stream(name: str) -> Iterator[None]:
            driver.stream, before = name, driver.stream
            try:
                yield
            finally:
                driver.stream = before

        for name, value in {
            "CUDAGraph": Graph,
            "Stream": lambda device: "side",
            "graph_pool_handle": lambda: (0, next(self._handles)),
            "stream": stream,
            "device": lambda device: nullcontext(),
            "synchronize": lambda device=None: self._waits(),
            "empty_cache": self._waits,
        }.items():
            monkeypatch.setattr(torch.cuda, name, value)
        monkeypatch.setattr(torch, "_C", SimpleNamespace(**vars(torch._C)))
        monkeypatch.setattr(torch._C, "_cuda_endAllocateToPool", lambda _, pool: self._end(pool))
        monkeypatch.setattr(torch._C, "_cuda_releasePool", lambda _, pool: self.held.remove(pool))

    def _waits(self) -> None:
        """What another thread must not do during a capture."""
        assert memory.capturing.locked()
        self.waits += 1

    def _end(self, pool: Any) -> None:
        if pool not in self.capturing:
            raise RuntimeError("endAllocatePool: not currently recording to mempool_id")
        self.capturing.remove(pool)


def test_a_capture_holds_its_pool_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver(monkeypatch)
    cuda = CudaGraphs(torch.device("cuda", 0))
    _, result = cuda.capture(lambda: "result")
    assert result == "result"
    assert (driver.stream, driver.capturing, len(driver.held)) == ("default", [], 1)


def test_no_thread_frees_memory_during_a_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    driver, card = Driver(monkeypatch), torch.device("cuda", 0)
    CudaGraphs(card).release()
    memory.release_memory(card)
    assert driver.waits == 2
    assert not memory.capturing.locked()


def test_before_pytorch_2_8_another_function_ends_a_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver(monkeypatch)
    monkeypatch.setattr(torch._C, "_cuda_endAllocateCurrentStreamToPool", torch._C._cuda_endAllocateToPool, False)
    monkeypatch.delattr(torch._C, "_cuda_endAllocateToPool")

    def work() -> None:
        driver.broken = True
        raise RuntimeError("operation not permitted when stream is capturing")

    with pytest.raises(RuntimeError, match="not permitted"):
        CudaGraphs(torch.device("cuda", 0)).capture(work)
    assert (driver.capturing, driver.held) == ([], [])


@pytest.mark.parametrize("breaks", [True, False])
@pytest.mark.parametrize("at_end", [True, False])
def test_a_capture_that_fails_leaves_stream_and_allocator_clean(
    breaks: bool, at_end: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the work, with and without the driver's giving the capture up; or at its end."""
    driver = Driver(monkeypatch, fails_at_end=at_end)
    cuda = CudaGraphs(torch.device("cuda", 0))

    def work() -> None:
        assert driver.stream == "side"
        driver.broken = breaks
        if not at_end:
            raise RuntimeError("operation not permitted when stream is capturing")

    with pytest.raises(RuntimeError):
        cuda.capture(work)
    assert (driver.stream, driver.capturing) == ("default", [])
    assert len(driver.held) == int(not breaks and not at_end)  # that one the graph itself releases
    driver.broken = False
    if not at_end:
        cuda.capture(lambda: None)
        assert driver.capturing == []
