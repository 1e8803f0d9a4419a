"""A probe finds what is wrong with a level, on operations that are recorded; and it ends, whatever happens in it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import torch
from tape import Tape

from vsrife.engine import Engine, PictureFormat, card_record, levels, probe
from vsrife.engine.executor import DeviceExecutor
from vsrife.engine.frame_maker import FrameMaker
from vsrife.engine.graphs import GraphedEstimator
from vsrife.engine.levels import Level, level_of
from vsrife.engine.probe import probe_engine
from vsrife.weights import load_network

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CPU = torch.device("cpu")
FILM = PictureFormat("yuv", 8, False, 1, 1, 64, 64)
NETWORK = load_network("nano", None)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pictures and short films, and no level that outlasts a test."""
    monkeypatch.setattr(levels, "_levels", {})
    monkeypatch.setattr(levels, "_fallen", set())
    monkeypatch.setenv("VSRIFE_CUDA", "eager")
    small = PictureFormat("yuv", 8, False, 1, 1, 58, 38)
    monkeypatch.setattr(probe, "FORMS", ((small, probe.FORMS[0][1]),))
    monkeypatch.setattr(probe, "PAIRS", 2)
    monkeypatch.setattr(probe, "FILM_FRAMES", 3)
    monkeypatch.setattr(probe, "WARM_UP", 3)


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> dict[Level, float]:
    """Milliseconds of a frame at each level: the real ones are another machine's business."""
    milliseconds = {Level.EAGER: 3.0, Level.GRAPHS: 2.0, Level.RING: 1.5}
    film = probe._film
    monkeypatch.setattr(probe, "_film", lambda engine, form: film(engine, form) * 0 + milliseconds[level_of(CPU)])
    return milliseconds


def engine(tape: Tape) -> Engine:
    """An engine as on a card: one thread, and graphs of its estimates."""
    executor = DeviceExecutor(CPU, parts=2)
    executor.concurrency = 1
    made = Engine(NETWORK, CPU, torch.float32, compiled=False, executor=executor)
    made.graphed = GraphedEstimator(made.estimator, CPU, made.notes.append, tape)
    return made


def probed(tape: Tape | None = None) -> tuple[dict[str, Any], list[str]]:
    steps: list[str] = []
    return probe_engine(engine(tape or Tape()), steps.append, FILM), steps


def test_the_highest_level_is_reached(times: dict[Level, float]) -> None:
    tape = Tape()
    found, steps = probed(tape)
    assert found["level"] == "ring"
    assert found["why"] == ""
    assert level_of(CPU) is Level.RING
    assert [each["ms"] for each in found["levels"].values()] == list(times.values())
    assert all(each["db"] > 90 for each in found["levels"].values())
    assert tape.calls.count("replay") > 10
    assert steps[0] == "frames by the reference"
    assert steps[-1] == "a film at the level ring"
    assert json.loads(json.dumps(found)) == found


def test_the_film_replays_graphs_where_the_frames_before_it_left_no_room(
    times: dict[Level, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, options = ((122, 38), (58, 102), (122, 102)), probe.FORMS[0][1]
    monkeypatch.setattr(probe, "FORMS", [(PictureFormat("yuv", 8, False, 1, 1, *size), options) for size in sizes])
    tape, film, counts = Tape(), probe._film, list[tuple[Level, int, int]]()

    def counted(engine: Engine, form: PictureFormat) -> float:
        before = tape.calls.count("replay")
        milliseconds = film(engine, form)
        counts.append((level_of(CPU), len(engine.graphed.graphs or ()), tape.calls.count("replay") - before))
        return milliseconds

    monkeypatch.setattr(probe, "_film", counted)
    assert probed(tape)[0]["level"] == "ring"
    assert [level for level, _, _ in counts] == [level for level in Level for _ in range(probe.FILMS)]
    assert [graphs for _, graphs, _ in counts] == [0] * probe.FILMS + [1] * 2 * probe.FILMS
    assert all(bool(replays) == bool(level) for level, _, replays in counts)
    assert tape.calls.count("capture") == 2 * (len(sizes) + 1)


def test_a_film_counts_by_its_fastest(times: dict[Level, float], monkeypatch: pytest.MonkeyPatch) -> None:
    taken = iter([9.0, 3.0, 5.0, 2.5, 9.0, 9.0, 9.0, 9.0, 1.0])
    monkeypatch.setattr(probe, "_film", lambda engine, form: next(taken))
    assert [each["ms"] for each in probed()[0]["levels"].values()] == [3.0, 2.5, 1.0]


def test_a_level_that_is_not_faster_is_not_used(times: dict[Level, float]) -> None:
    times[Level.RING] = 1.99
    found, _ = probed()
    assert found["level"] == "graphs"
    assert found["why"] == "ring: it is not faster than the level graphs"
    times |= {Level.GRAPHS: 4.0, Level.RING: 1.0}
    assert probed()[0]["level"] == "ring"


class Stale(Tape):
    """Replays what was captured the first time, from buffers that nothing is copied to."""

    def capture(self, work: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
        replay, result = super().capture(work)
        replays = [replay]
        return lambda: replays.pop()() if replays else None, result


class Poisoned(Tape):
    """Replays nothing."""

    def capture(self, work: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
        return (lambda: None), super().capture(work)[1]


@pytest.mark.filterwarnings("ignore:invalid value")  # of what nobody wrote
@pytest.mark.parametrize(
    ("tape", "why"),
    [
        (Stale(), "graphs: its frames "),
        (Poisoned(), "graphs: its frames "),
        (Tape(RuntimeError("operation not permitted\nmore")), "graphs: operation not permitted"),
        (Tape(torch.OutOfMemoryError("CUDA out of memory")), "graphs: nothing was captured as a graph"),
    ],
)
def test_graphs_that_are_wrong_are_not_used(tape: Tape, why: str, times: dict[Level, float]) -> None:
    found, _ = probed(tape)
    assert found["levels"]["graphs"].get("wrong", False) == ("frames" in why)
    assert found["level"] == "eager"
    assert found["why"].startswith(why)
    assert "\n" not in found["why"]
    assert level_of(CPU) is Level.EAGER
    assert "ring" not in found["levels"]


def test_frames_that_are_wrong_at_one_level_alone_are_found(
    times: dict[Level, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    render = FrameMaker.render

    def raced(maker: FrameMaker, task: Any, target: Any) -> Any:
        pending = render(maker, task, target)
        if level_of(CPU) is Level.RING and task.left.number == 1:
            pending.finish()
            target[0][3, 4] ^= 1  # the least that can be wrong
            return None
        return pending

    monkeypatch.setattr(FrameMaker, "render", raced)
    found, _ = probed()
    assert found["level"] == "graphs"
    assert found["why"] == "ring: its frames differ from those made eagerly"
    assert [each.get("wrong", False) for each in found["levels"].values()] == [False, False, True]


def test_a_card_whose_eager_frames_are_wrong_is_raised_to_nothing(
    times: dict[Level, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "LEAST", 2000.0)
    found, _ = probed()
    assert list(found["levels"]) == ["eager"]
    assert found["why"].startswith("eager: its frames are ")


# In a process of its own ----------------------------------------------------------------------------------------------

CARD = torch.device("cuda", 0)
PROCESS = """
import os, sys, time
from pathlib import Path
import torch
from vsrife.engine import card_record, probe
card_record.card_key = lambda device: {"card": "here"}
card_record.record_path = lambda device: Path(sys.argv[1])
probe.LIMIT = 1.0
probe._engine = lambda device: None
def probe_engine(engine, step):
    step("frames at the level graphs")
    exec(sys.argv[2])
probe.probe_engine = probe_engine
probe.probe(torch.device("cuda", 0))
"""


def in_a_process(path: Path, what: str) -> tuple[int, dict[str, Any], str]:
    """The exit status of a probe that does something, what it kept, and what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", PROCESS, str(path), what], capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, json.loads(path.read_text()), done.stderr


@pytest.mark.parametrize("what", ["time.sleep(60)", "while True: pass"])
def test_one_that_takes_too_long_ends_and_is_a_failure(what: str, tmp_path: Path) -> None:
    status, kept, said = in_a_process(tmp_path / "card.json", what)
    assert status == 1
    assert kept["level"] == "eager"
    assert kept["why"] == "no result after 1 s, of which the last were spent on frames at the level graphs"
    assert kept["why"] in said


def test_one_that_crashes_leaves_what_it_was_at(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.write_text(json.dumps({"key": {"card": "here"}, "attempts": 2, "step": "its start"}))
    status, kept, _ = in_a_process(path, "os.abort()")
    assert status != 0
    assert kept == {"key": {"card": "here"}, "attempts": 2, "step": "frames at the level graphs"}


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A card's file."""
    path = tmp_path / "folder" / "card.json"
    monkeypatch.setattr(card_record, "card_key", lambda device: {"card": "here"})
    monkeypatch.setattr(card_record, "record_path", lambda device: path)
    monkeypatch.setattr(probe, "_engine", lambda device: None)
    return path


def test_what_is_found_is_kept(card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    second: list[dict[str, Any]] = []

    def found(_engine: object, step: Callable[[str], None]) -> dict[str, Any]:
        step("frames at the level graphs")
        assert json.loads(card.read_text())["step"] == "frames at the level graphs"
        second.append(probe.probe(CARD))
        return {"level": "ring", "why": ""}

    monkeypatch.setattr(probe, "probe_engine", found)
    got = probe.probe(CARD)
    assert json.loads(card.read_text()) == {"key": {"card": "here"}} | got
    assert got["level"] == "ring"
    assert second == [{"error": "it is being probed by another process"}]


@pytest.mark.parametrize(
    ("error", "level", "said"),
    [
        (RuntimeError("CUDA error: misaligned\nmore"), "eager", "RuntimeError: CUDA error: misaligned"),
        (torch.OutOfMemoryError("CUDA out of memory"), None, "there is no memory for it"),  # which may pass
    ],
)
def test_errors_are_one_line(
    error: Exception, level: str | None, said: str, card: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(probe, "probe_engine", fails)
    assert probe.probe(CARD)["error"] == said
    assert json.loads(card.read_text()).get("level") == level


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"level": "ring", "why": ""}, {"level": "ring", "why": ""}),
        ({"attempts": 2, "started": 5.0, "step": "its start"}, {"attempts": 1, "started": 5.0}),
        ({"attempts": "many"}, {"attempts": "many"}),
    ],
)
def test_a_card_without_memory_loses_nothing(
    before: dict[str, Any], after: dict[str, Any], card: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither what was proven nor one of its attempts."""

    def fails(_engine: object, step: Callable[[str], None]) -> None:
        step("frames by the reference")
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(probe, "probe_engine", fails)
    card_record.write(CARD, before)
    probe.probe(CARD)
    kept = card_record.read(CARD)
    assert {name: kept[name] for name in after} == after
    assert ("level" in kept) == ("level" in before)


@pytest.mark.parametrize("arguments", [[], ["cuda:77"], ["gpu"]])
def test_the_command_names_what_is_wrong(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["probe", *arguments])
    monkeypatch.setattr(probe.os, "nice", lambda _: 0, raising=False)
    with pytest.raises(SystemExit, match=r"^probe: .+$"):
        probe.main()
