"""How a card is used: what the user fixed, or what a probe found here; a probe in the background, and its end."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from vsrife.engine import Interpolator, PictureFormat, card_record, levels, resolve_device, why_auto
from vsrife.engine.card_record import (
    ATTEMPTS,
    PATIENCE,
    begin,
    card_key,
    driver_version,
    locked,
    read,
    record_path,
    write,
)
from vsrife.engine.levels import FREE_BYTES, Level, choose_level, fall, level_of, set_level
from vsrife.errors import ArgumentError, RifeError

if TYPE_CHECKING:
    from pathlib import Path

CARD, OTHER = torch.device("cuda", 0), torch.device("cuda", 1)
HOLDS = """
import sys
from pathlib import Path
from vsrife.engine import card_record
card_record.record_path = lambda device: Path(sys.argv[1])
with card_record.locked(None) as ours:
    print(ours, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with two cards of which nothing is known."""
    monkeypatch.setattr(levels, "_levels", {})
    monkeypatch.setattr(levels, "_fallen", set())
    monkeypatch.setattr(card_record, "driver_version", lambda: "580.65.06")
    monkeypatch.setenv("VSRIFE_MODELS", str(tmp_path / "models"))
    monkeypatch.delenv("VSRIFE_CUDA", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device=None: f"RTX {(4090, 3060)[device.index]}")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: (8, 9))
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_86", "sm_89"])
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device=None: (FREE_BYTES, 2 * FREE_BYTES))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands of processes that were started in the background."""
    commands: list[list[str]] = []
    imitated = {"Popen": lambda command, **_: commands.append([str(part) for part in command])}
    monkeypatch.setattr(levels, "subprocess", SimpleNamespace(**vars(subprocess) | imitated))
    return commands


def chosen(device: torch.device = CARD, frame_bytes: int = 0) -> list[str]:
    lines: list[str] = []
    choose_level(device, lines.append, frame_bytes)
    return lines


# What the user fixed --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", Level)
def test_a_level_can_be_fixed(level: Level, started: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSRIFE_CUDA", level.name.lower())
    assert not chosen()
    assert level_of(CARD) is level
    assert level_of(OTHER) is Level.EAGER
    assert not started


def test_off_is_a_machine_without_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_device("auto") == CARD
    monkeypatch.setenv("VSRIFE_CUDA", "off")
    cpu = resolve_device("auto")
    assert cpu.type == "cpu"
    assert why_auto("auto", "fp32", cpu, torch.float32) == "VSRIFE_CUDA is off"
    with pytest.raises(RifeError, match=r"^device cuda:1 cannot be used: VSRIFE_CUDA is off$"):
        resolve_device("cuda:1")


@pytest.mark.parametrize("text", ["on", "Graphs", "1", "ring "])
def test_another_value_is_one_line_at_the_door(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSRIFE_CUDA", text)
    said = r"^VSRIFE_CUDA must be one of off, eager, graphs, ring, auto, got "
    with pytest.raises(ArgumentError, match=said):
        resolve_device("auto")
    with pytest.raises(ArgumentError, match=said):
        Interpolator([], PictureFormat("rgb", 8, False, 0, 0, 64, 64), None)  # on machines without cards, too


# What was found -------------------------------------------------------------------------------------------------------


def test_what_was_proven_is_used(started: list[list[str]]) -> None:
    write(CARD, {"level": "ring", "why": ""})
    assert not chosen()
    assert level_of(CARD) is Level.RING
    assert not started


def test_a_probe_that_failed_is_said_and_not_started_again(started: list[list[str]]) -> None:
    write(CARD, {"level": "eager", "why": "graphs: its frames differ from those made eagerly"})
    (line,) = chosen()
    assert line.startswith("cuda:0 is used eagerly: graphs: its frames differ")
    assert not started


def test_nothing_is_known_at_first(started: list[list[str]]) -> None:
    (line,) = chosen()
    assert line.startswith("cuda:0 is used eagerly: a probe in the background finds out whether it can be faster")
    assert level_of(CARD) is Level.EAGER
    assert len(started) == 1
    assert started[0][1:] == ["-P", "-m", "vsrife.engine.probe", "cuda:0"]
    assert len(chosen(OTHER)) == 1
    assert [command[-1] for command in started] == ["cuda:0", "cuda:1"]


@pytest.mark.parametrize("part", ["card", "driver", "torch", "triton", "vsrife"])
def test_what_was_found_elsewhere_is_not_believed(part: str, started: list[list[str]]) -> None:
    write(CARD, {"level": "ring"})
    found = json.loads(record_path(CARD).read_text())
    assert found["key"] == card_key(CARD)
    found["key"][part] += " of another time"
    record_path(CARD).write_text(json.dumps(found))
    assert read(CARD) is None
    chosen()
    assert level_of(CARD) is Level.EAGER
    assert len(started) == 1


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"level": "ring"}', b"[" * 100_000, b"null"])
def test_a_broken_file_is_none(content: bytes, started: list[list[str]]) -> None:
    record_path(CARD).parent.mkdir()
    record_path(CARD).write_bytes(content)
    assert read(CARD) is None
    assert len(chosen()) == len(started) == 1


@pytest.mark.parametrize("found", [{"level": "fastest"}, {"level": 2}, {"level": None, "attempts": "many"}, {}])
def test_a_level_that_is_none_is_not_used(found: dict[str, Any], started: list[list[str]]) -> None:
    write(CARD, found)
    assert len(chosen()) == 1
    assert level_of(CARD) is Level.EAGER
    assert len(started) == ("attempts" not in found)


def test_the_driver_is_asked_for_where_there_is_one() -> None:
    assert isinstance(driver_version(), str)


# Probes in the background ---------------------------------------------------------------------------------------------


def test_probes_that_crash_are_not_started_for_ever(started: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    now, lines = time.time(), list[str]()
    for number in range(ATTEMPTS + 2):
        monkeypatch.setattr(card_record, "time", SimpleNamespace(time=lambda n=number: now + n * PATIENCE))
        lines += chosen()
    assert len(started) == ATTEMPTS
    assert "3 probes ended without a result, the last one in its start" in lines[-1]
    assert "`vsrife doctor` finds out" in lines[-1]


def test_filters_that_are_created_together_start_one_probe(started: list[list[str]]) -> None:
    """It takes seconds until its process holds the lock."""
    lines = chosen() + chosen() + chosen()
    assert len(started) == 1
    assert [("in the background" in line, "it is being probed" in line) for line in lines] == [
        (True, False),
        (False, True),
        (False, True),
    ]


def test_one_probe_at_a_time_and_a_dead_one_is_in_nobodys_way(started: list[list[str]], tmp_path: Path) -> None:
    path = record_path(CARD)
    path.parent.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "True\n"
        with locked(CARD) as ours:
            assert not ours
        assert "it is being probed" in chosen()[0]
        assert not started
        assert begin(OTHER) is None
        holder.kill()
    with locked(CARD) as ours:
        assert ours
    chosen()
    assert len(started) == 1


def test_where_nothing_can_be_kept_nothing_is_started(
    started: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VSRIFE_MODELS", str(tmp_path / "file" / "models"))
    assert "`vsrife doctor`" in chosen()[0]
    monkeypatch.setenv("VSRIFE_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(card_record, "write", lambda *_: None)  # as on a full disk
    assert "`vsrife doctor`" in chosen()[0]
    assert not started


def test_a_card_without_memory_is_not_probed(started: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device=None: (FREE_BYTES - 1, 2 * FREE_BYTES))
    assert "no memory" in chosen()[0]
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device=None: (FREE_BYTES + 99, 2 * FREE_BYTES))
    assert "no memory" in chosen(frame_bytes=100)[0]

    def fails(device: object = None) -> None:
        raise RuntimeError("CUDA error: unknown error")

    monkeypatch.setattr(torch.cuda, "mem_get_info", fails)
    assert "`vsrife doctor`" in chosen()[0]
    assert not started
    assert read(CARD) is None


def test_a_level_in_use_stays_while_it_is_proven_anew(started: list[list[str]]) -> None:
    write(CARD, {"level": "ring"})
    chosen()
    write(CARD, {"attempts": 1, "started": time.time(), "step": "its start"})  # as `vsrife doctor` does
    assert not chosen()
    assert level_of(CARD) is Level.RING
    assert not started


def test_a_file_system_without_locks_is_no_other_probe(
    started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError(number, "imitated")

    name = "msvcrt.locking" if sys.platform == "win32" else "fcntl.flock"
    monkeypatch.setattr(name, fails)
    number = errno.ENOLCK
    with pytest.raises(OSError, match="imitated"), locked(CARD):
        pass
    assert "being probed" not in chosen()[0]
    number = errno.EACCES
    with locked(CARD) as ours:
        assert not ours
    assert not started


def test_triton_is_known_by_its_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its package has other names with other builds of PyTorch."""
    monkeypatch.setitem(sys.modules, "triton", SimpleNamespace(__version__="3.4.0"))
    assert card_key(CARD)["triton"] == "3.4.0"
    monkeypatch.setitem(sys.modules, "triton", None)
    assert card_key(CARD)["triton"] == ""


def test_a_host_that_embeds_python_is_not_started(
    started: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sys.executable` is then the player."""
    player = tmp_path / "player"
    player.write_text("")
    monkeypatch.setattr(sys, "executable", str(player))
    chosen()
    assert [command[0].rpartition("python")[1] for command in started] == ["python"]
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    record_path(CARD).unlink()
    assert "`vsrife doctor`" in chosen()[0]
    assert len(started) == 1


# Falling --------------------------------------------------------------------------------------------------------------


def test_a_card_that_fell_stays_down_here_and_later(started: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    write(CARD, {"level": "ring"})
    write(OTHER, {"level": "graphs"})
    chosen(), chosen(OTHER)
    fall(CARD, "a frame was wrong")
    assert (level_of(CARD), level_of(OTHER)) == (Level.EAGER, Level.GRAPHS)
    assert chosen() == ["cuda:0 is used eagerly: a frame was wrong"]
    set_level(CARD, Level.RING)
    assert level_of(CARD) is Level.EAGER
    monkeypatch.setattr(levels, "_fallen", set())  # another process
    assert len(chosen()) == 1
    assert level_of(CARD) is Level.EAGER


def test_a_level_that_the_user_fixed_is_not_kept_as_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSRIFE_CUDA", "ring")
    chosen()
    fall(CARD, "a frame was wrong")
    assert level_of(CARD) is Level.EAGER
    assert read(CARD) is None
