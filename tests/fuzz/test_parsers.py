"""Parsers against damaged input: they return or raise one line, and do nothing else. Seeded, a few seconds for all.

`VSRIFE_FUZZ=20` has twenty times as many inputs tried; `scripts/fuzz_parsers.py` goes by what code is reached.
"""

from __future__ import annotations

import json
import os
import pickle
import random
from pathlib import Path

import pytest
from fuzz.targets import TARGETS, ForbiddenError, Target, attempt, mutated, warm, watched
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vsrife.errors import RifeError
from vsrife.networks import CATALOG
from vsrife.networks.described import described, read_config
from vsrife.timing.timecodes import read_timecodes
from vsrife.weights.files import read_weights

MORE = int(os.environ.get("VSRIFE_FUZZ", "1"))
INPUTS = 150 * MORE
BETWEEN = b"\n=====\n"
CONFIG = json.loads(described(CATALOG["4.26"]))

FOUND = [
    # parser, input, what went wrong when it was found
    ("config", json.dumps({**CONFIG, "groups": 5}).encode(), "ValueError of torch: groups do not divide the channels"),
    ("config", json.dumps({**CONFIG, "widths": [1] * 5}).encode(), "a convolution without channels"),
    ("config", json.dumps({**CONFIG, "outputs": 3}).encode(), "no channel for the mask"),
    ("config", json.dumps({**CONFIG, "widths": [8], "scales": [1], "doubles": True}).encode(), "no second block"),
    ("config", json.dumps({**CONFIG, "outputs": 64}).encode(), "more handed on than the kernels have room for"),
    ("config", json.dumps({**CONFIG, "head": {"hidden": 4, "channels": 7}}).encode(), "features of no packing"),
    ("config", json.dumps({**CONFIG, "scales": [5, 3, 2, 2, 1]}).encode(), "blocks of different sizes"),
    ("config", b'{"kind": "' + b"x" * 5000 + b'"}', "a line as long as the file"),
    ("config", b'{"kind": "\xe2\x80\xa8"}', "a line separator in the line"),
    ("config", b"[" * 100_000, "RecursionError"),
    ("ncnn", b"7767517\n1 1\nConvolution " + b"n" * 5000 + b" 1 1 a b 0=x" + BETWEEN, "a line as long as the file"),
    ("ncnn", b"7767517\n1 1\nConvolution a\x1bb 1 1 a b 0=x" + BETWEEN, "an escape sequence for the terminal"),
    ("manifest", b"", "KeyError"),
    ("manifest", b"[defaults]\n[models]\nx = 3\n", "TypeError"),
    ("manifest", b"a = " + b"[" * 5000, "RecursionError"),
    ("manifest", b'[defaults]\nsource = "{name.__class__}"\n[models]\nx = {architecture = "4.0"}\n', "a format string"),
    ("safetensors header", b'{"__metadata__":{"architecture":"a\\nb"}}', "two lines"),
]  # fmt: skip
"""Every input that broke a parser once."""


@pytest.mark.parametrize("name", TARGETS)
def test_mutations_of_valid_input(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    warm(target, tmp_path)
    seeds = target.seeds()
    places = random.Random(name)
    refused = sum(bool(attempt(target, mutated(places.choice(seeds), seeds, places), tmp_path)) for _ in range(INPUTS))
    assert refused >= INPUTS / 4  # the mutations do reach what is checked


@pytest.mark.parametrize("name", TARGETS)
def test_valid_input_is_taken(name: str, tmp_path: Path) -> None:
    warm(TARGETS[name], tmp_path)
    assert [data for data in TARGETS[name].seeds() if not attempt(TARGETS[name], data, tmp_path)]


@pytest.mark.parametrize("name", ["timecodes", "config", "names", "manifest", "arguments"])
def test_any_text(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    warm(target, tmp_path)

    @settings(max_examples=INPUTS, suppress_health_check=list(HealthCheck))
    @given(st.text() | st.binary() | st.lists(st.sampled_from(target.seeds()), max_size=3).map(b"\n".join))
    def try_one(given_text: str | bytes) -> None:
        data = given_text if isinstance(given_text, bytes) else given_text.encode("utf-8", "surrogatepass")
        attempt(target, data, tmp_path)

    try_one()


@pytest.mark.parametrize(("name", "data", "fault"), FOUND, ids=[f"{name}: {fault}" for name, _, fault in FOUND])
def test_what_was_found_once(name: str, data: bytes, fault: str, tmp_path: Path) -> None:
    assert attempt(TARGETS[name], data, tmp_path)


def test_a_network_described_without_a_name_has_one(tmp_path: Path) -> None:
    """StopIteration once."""
    from safetensors.torch import save_file

    from vsrife.networks import make
    from vsrife.weights import load_network
    from vsrife.weights.loading import open_weights

    config = read_config(json.dumps({**CONFIG, "widths": [8, 8], "scales": [2, 1]}))
    path = tmp_path / "own.safetensors"
    save_file(make(config).state_dict(), path, {"config": described(config)})
    assert open_weights(path, None).name == "unnamed"
    assert load_network(None, path).config == config


def test_lines_of_the_timecodes_parser_name_the_line(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes(b"# timecode format v2\n0\n40\n39\n")
    with pytest.raises(RifeError, match=r"^timecodes must have a later time .*, got 39 \(line 4\)$"):
        read_timecodes(path, 4)


class Acts:
    """Pickles to a call."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call


CALLS = [
    (os.system, "touch executed"), (eval, "open('executed', 'w')"), (exec, "open('executed', 'w')"),
    (open, "executed", "w"), (os.mkdir, "executed"), (Path.touch, Path("executed")), (__import__, "antigravity"),
    (print, "executed"), (getattr, "a", "upper"),
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call[0].__name__)
@pytest.mark.parametrize("form", ["zip", "legacy", "pickle", "protocol 0"])
def test_no_call_in_a_pickle_is_made(
    call: tuple[object, ...], form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.pkl"
    if form in ("zip", "legacy"):
        torch.save({"w": Acts(*call)}, path, _use_new_zipfile_serialization=form == "zip")
    else:
        path.write_bytes(pickle.dumps({"w": Acts(*call)}, 0 if form == "protocol 0" else None))
    warm(TARGETS["torch legacy"], tmp_path)
    with watched("evil"), pytest.raises(RifeError, match=r"^evil.pkl (is refused|cannot be read as weights)"):
        read_weights(path)
    assert {file.name for file in tmp_path.iterdir()} <= {"evil.pkl", "legacy.pth"}


def test_the_watch_sees_what_it_forbids(tmp_path: Path) -> None:
    """The check above can fail."""
    evil = pickle.dumps(Acts(os.system, "true"))
    target = Target("unsafe", lambda: [evil], lambda data, _: _unsafe(data))
    with pytest.raises(ForbiddenError, match=r"unsafe: os.system"):
        attempt(target, evil, tmp_path)
    with pytest.raises(ForbiddenError, match=r"unsafe: open"), watched("unsafe"):
        (tmp_path / "written").touch()


def _unsafe(data: bytes) -> object:
    with watched("unsafe"):
        return pickle.loads(data)
