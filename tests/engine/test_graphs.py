"""Graphs are kept, replayed, dropped and done without as they should be, on a backend that records and replays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from vsrife.engine.graphs import Graphs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Recorded:
    """Captures like a device does: work is run once for its tensors, and replays write the same ones again."""

    def __init__(self, error: RuntimeError | None = None) -> None:
        self.calls: list[str] = []
        self.error = error

    def warm_up(self, work: Callable[[], object]) -> None:
        self.calls.append("warm up")
        work()

    def capture(self, work: Callable[[], Sequence[Tensor]]) -> tuple[Callable[[], None], Sequence[Tensor]]:
        self.calls.append("capture")
        if self.error:
            raise self.error
        outputs = [x.clone() for x in work()]
        for x in outputs:
            x.fill_(-1)  # a capture runs nothing

        def replay() -> None:
            self.calls.append("replay")
            for output, value in zip(outputs, work(), strict=True):
                output.copy_(value)

        return replay, outputs

    def release(self) -> None:
        self.calls.append("release")


def double(x: Tensor, *more: Tensor) -> list[Tensor]:
    return [2 * x + sum(more, torch.zeros(())), x + 1]


def ones(value: float, size: int = 3) -> Tensor:
    return torch.full((size,), value)


def test_it_captures_once_and_replays_with_new_values() -> None:
    backend, lines = Recorded(), list[str]()
    graphs = Graphs(backend, lines.append)
    for value in (1.0, 5.0, 7.0):
        twice, more = graphs.run("key", double, [ones(value)])
        assert twice.tolist() == [2 * value] * 3
        assert more.tolist() == [value + 1] * 3
    assert backend.calls == ["warm up", "capture", "replay", "replay", "replay"]
    assert not lines


def test_outputs_last_until_the_next_run_unless_they_are_kept() -> None:
    graphs = Graphs(Recorded(), print)
    kept = graphs.run("key", double, [ones(1)], keep=True)[0]
    passing = graphs.run("key", double, [ones(2)])[0]
    graphs.run("key", double, [ones(3)])
    assert kept.tolist() == [2] * 3
    assert passing.tolist() == [6] * 3


def test_inputs_are_not_what_the_graph_reads() -> None:
    graphs = Graphs(Recorded(), print)
    given_first = ones(1)
    graphs.run("key", double, [given_first])
    graphs.run("key", double, [ones(9)])
    assert given_first.tolist() == [1] * 3


def test_fixed_tensors_are_read_where_they_are() -> None:
    backend = Recorded()
    graphs = Graphs(backend, print)
    buffer = ones(10)
    assert graphs.run("key", double, [ones(1)], [buffer])[0].tolist() == [12] * 3
    buffer.fill_(20)
    assert graphs.run("key", double, [ones(1)], [buffer])[0].tolist() == [22] * 3
    assert backend.calls.count("capture") == 1
    assert graphs.run("key", double, [ones(1)], [ones(30)])[0].tolist() == [32] * 3
    assert backend.calls.count("capture") == 2


def test_shapes_types_and_strides_are_part_of_the_key() -> None:
    backend = Recorded()
    graphs = Graphs(backend, print, capacity=9)
    square = torch.zeros(2, 2)
    for x in (ones(1), ones(1, 4), ones(1).double(), square, square[:, ::2], ones(1)):
        graphs.run("key", double, [x])
    assert backend.calls.count("capture") == len(graphs) == 5


def test_it_keeps_the_last_few() -> None:
    backend = Recorded()
    graphs = Graphs(backend, print, capacity=2)
    for key in ("a", "b", "a", "c", "a", "b"):
        graphs.run(key, double, [ones(1)])
    assert len(graphs) == 2
    assert backend.calls.count("capture") == 4  # b again, which c had put out
    assert backend.calls.count("release") == 2


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to\nallocate"), "there is no memory for it"),
        (RuntimeError("operation not permitted when stream is capturing\nmore"), "operation not permitted when"),
    ],
)
def test_without_graphs_it_gives_the_same_and_says_so_once(error: RuntimeError, why: str) -> None:
    backend, lines = Recorded(), list[str]()
    graphs = Graphs(backend, lines.append)
    graphs.run("small", double, [ones(1)])
    backend.error = error
    for value in (1.0, 2.0):
        assert graphs.run("large", double, [ones(value)])[0].tolist() == [2 * value] * 3
        assert graphs.run("small", double, [ones(value)])[0].tolist() == [2 * value] * 3
    assert len(graphs) == 0
    assert len(lines) == 1
    assert lines[0].startswith("runs without CUDA graphs")
    assert why in lines[0]
    assert "\n" not in lines[0]
    assert backend.calls[-1] == "release"


def test_an_error_of_the_work_itself_is_raised() -> None:
    def fails(x: Tensor) -> list[Tensor]:
        raise torch.cuda.OutOfMemoryError("also without a graph")

    with pytest.raises(torch.cuda.OutOfMemoryError, match="also without"):
        Graphs(Recorded(), lambda line: None).run("key", fails, [ones(1)])


def test_closed_it_starts_again() -> None:
    backend = Recorded()
    graphs = Graphs(backend, print)
    graphs.close()
    graphs.run("key", double, [ones(1)])
    graphs.close()
    assert len(graphs) == 0
    assert graphs.run("key", double, [ones(4)])[0].tolist() == [8] * 3
    assert backend.calls.count("capture") == 2
    assert backend.calls.count("release") == 1


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 3), st.floats(-9, 9, width=32)), max_size=30))
def test_any_order_gives_what_the_work_gives(calls: list[tuple[str, int, float]]) -> None:
    graphs = Graphs(Recorded(), print, capacity=2)
    for key, size, value in calls:
        got = graphs.run(key, double, [ones(value, size)])
        assert all(torch.equal(a, b) for a, b in zip(got, double(ones(value, size)), strict=True))
        assert len(graphs) <= 2
