"""Files that are damaged, missing, no files, or called something nasty: one line, no hang, nothing left behind."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

import pytest
import torch
import vapoursynth as vs
from fuzz.targets import TARGETS, warm
from safetensors.torch import save_file

from vsrife.cli import main
from vsrife.errors import ModelError, RifeError
from vsrife.networks import IFNetConfig, make
from vsrife.networks.described import described
from vsrife.timing.timecodes import read_timecodes
from vsrife.weights import load_network, read_weights
from vsrife.weights.store import find, imported, imported_path

if TYPE_CHECKING:
    from pathlib import Path

TINY = IFNetConfig((8, 8), scales=(4, 2))
NASTY = [
    "$(touch x)", "`touch x`", "a;touch x", "a|touch x", "a\ntouch x", "a\rb", "'", '"', "' or 1", "a\0b", "\x1b[2Jx",
    "x" * 300, "x" * 5000, "9" * 5000, "../x", "/etc/passwd", "..\\x", "C:\\x", "~root/x", "~nobody-of-this-name/x",
    "%s%n", "{name.__class__}", "\u202egpj", "\u2028", "\udc80", "é", "", " ", ".", "..", "-rf", "con", "a/../../b",
]  # fmt: skip
"""Names that break scripts, terminals and paths."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache and an empty working folder."""
    monkeypatch.setenv("VSRIFE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("VSRIFE_OFFLINE", "1")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "models"


def own(path: Path) -> Path:
    """A whole file of a tiny network that says which it is."""
    torch.manual_seed(1)
    save_file(make(TINY).state_dict(), path, {"config": described(TINY)})
    return path


def line_of(error: BaseException, function: str | None = None) -> str:
    """Its message, which is one printable line of bounded length, under the function's name where it has passed one."""
    message = str(error)
    assert message.strip()
    assert function is None or message.startswith(f"{function}: ")
    assert message.isprintable(), ascii(message)
    assert len(message) <= 1500
    return message


@pytest.mark.parametrize("kind", ["safetensors", "torch zip", "torch legacy", "ncnn", "checkpoint"])
def test_cut_anywhere(kind: str, tmp_path: Path) -> None:
    target = TARGETS[kind]
    warm(target, tmp_path)
    whole = next(data for data in target.seeds() if target.read(data, tmp_path) is not None)
    step = max(1, len(whole) // 60)
    for length in [*range(0, len(whole), step), len(whole) - 1]:
        with pytest.raises(RifeError) as caught:
            target.read(whole[:length], tmp_path)
        line_of(caught.value)


@pytest.mark.parametrize("suffix", [".safetensors", ".pkl", ".pth", ".param", ".bin", ""])
def test_no_file_where_one_should_be(suffix: str, tmp_path: Path) -> None:
    """Missing, a folder, a loop of links, a link to nothing."""
    missing, place, loop, dangling = (tmp_path / f"{name}{suffix}" for name in ("no", "folder", "loop", "dangling"))
    place.mkdir()
    loop.symlink_to(loop)
    dangling.symlink_to(tmp_path / "nothing")
    for path in (missing, place, loop, dangling):
        for read in (read_weights, lambda path: load_network(None, path)):
            with pytest.raises(ModelError) as caught:
                read(path)
            line_of(caught.value)


def test_no_timecodes_where_they_should_be(tmp_path: Path) -> None:
    loop, pipe = tmp_path / "loop.txt", tmp_path / "pipe"
    loop.symlink_to(loop)
    os.mkfifo(pipe)  # opening it would wait for ever
    for path in (tmp_path / "no.txt", tmp_path, loop, pipe, tmp_path / ("x" * 300)):
        with pytest.raises(RifeError, match=r"^timecodes ") as caught:
            read_timecodes(path, 3)
        line_of(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("suffix", [".safetensors", ".pkl", ".param", ".bin"])
def test_a_pipe_is_not_waited_for(suffix: str, tmp_path: Path) -> None:
    pipe = tmp_path / f"net{suffix}"
    os.mkfifo(pipe)
    if suffix in (".param", ".bin"):
        pipe.with_suffix(".bin" if suffix == ".param" else ".param").write_text("7767517\n0 0\n")
    failed: list[BaseException] = []

    def read() -> None:
        try:
            load_network(None, pipe)
        except ModelError as error:
            failed.append(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive(), "it waits for a writer"
    line_of(failed[0])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = own(tmp_path / "own.safetensors")
    path.chmod(0)
    with pytest.raises(ModelError) as caught:
        load_network(None, path)
    line_of(caught.value)


def test_replaced_while_it_is_read(tmp_path: Path) -> None:
    """Whoever reads sees the old file or the new one, whole: both are right networks of their own weights."""
    files = [own(tmp_path / f"{k}.safetensors") for k in (0, 1)]
    state = {name: value + 1 for name, value in make(TINY).state_dict().items()}
    save_file(state, files[1], {"config": described(TINY)})
    contents = [file.read_bytes() for file in files]
    path = tmp_path / "here.safetensors"
    path.write_bytes(contents[0])
    stop = threading.Event()

    def swap() -> None:
        number = 0
        while not stop.is_set():
            number ^= 1
            fresh = tmp_path / "fresh"
            fresh.write_bytes(contents[number])
            fresh.replace(path)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        wholes = [load_network(None, file).state_dict() for file in files]
        for _ in range(40):
            read = load_network(None, path).state_dict()
            assert any(all(torch.equal(read[key], whole[key]) for key in whole) for whole in wholes)
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("name", NASTY, ids=lambda name: ascii(name[:12]) + str(len(name)))
def test_nasty_names_of_models(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = own(folder.parent / "own.safetensors")
    assert find(name) is None
    for arguments in (
        ["fetch", name],
        ["import", str(file), "--name", f"{name}/"],
        ["import", str(file), "--model", name],
    ):
        if name.startswith("-") or (name == "" and arguments[0] == "import"):
            continue
        assert main(["models", *arguments]) == 1
        out, error = capsys.readouterr()
        assert out == ""
        assert error.count("\n") == 1
        assert error.startswith("models: ")
        assert error.rstrip("\n").isprintable(), ascii(error)
    assert not folder.exists() or not [path for path in folder.iterdir() if path.suffix != ".lock"]
    assert not list(folder.parent.joinpath("here").iterdir())


@pytest.mark.parametrize("name", NASTY, ids=lambda name: ascii(name[:12]) + str(len(name)))
def test_nasty_names_of_files(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for suffix in ("", ".safetensors", ".pkl", ".param"):
        for action in ("info", "import"):
            assert main(["models", action, "--", name + suffix]) == 1
            error = capsys.readouterr().err
            assert error.count("\n") == 1
            assert error.rstrip("\n").isprintable(), ascii(error)


@pytest.mark.vpy("unique-core")
@pytest.mark.parametrize("function", ["RIFE", "Motion", "At", "Replace"])
def test_nasty_texts_in_the_filter(function: str, folder: Path) -> None:
    clip = vs.core.std.BlankClip(width=32, height=32, length=2)
    rest = {"At": {"timestep": 0.5}, "Replace": {"frames": [0]}}.get(function, {})
    for name in NASTY:
        text = name.encode("utf-8", "surrogateescape")
        for argument in (
            "model",
            "model_path",
            "device",
            "precision",
            "matrix",
            "sc_mode",
            "ensemble_mask",
            "timecodes",
        ):
            if argument == "timecodes" and function in ("At", "Replace"):
                continue
            with pytest.raises(vs.Error) as caught:
                getattr(vs.core.rife, function)(clip, **{argument: text, **rest})
            line_of(caught.value, function)
            assert "internal" not in str(caught.value)
    assert not list(folder.parent.joinpath("here").iterdir())


def test_nasty_but_right_names_are_used(tmp_path: Path) -> None:
    """A file may be called anything its owner likes; no shell ever sees the name."""
    for name in ("$(touch x).safetensors", "a;b 'c' \"d\".safetensors", "-rf.safetensors", "é\u202e.safetensors"):
        assert load_network(None, own(tmp_path / name)).config == TINY
    assert not list((tmp_path / "here").iterdir())


def in_a_process(arguments: list[bytes]) -> tuple[int, bytes]:
    done = subprocess.run(
        [sys.executable, "-m", "vsrife", "models", *arguments], capture_output=True, timeout=120, check=False
    )
    return done.returncode, done.stdout + done.stderr


def in_this_one(arguments: list[bytes]) -> tuple[int, bytes]:
    """The same, as the process has the arguments and the streams, without importing PyTorch once more."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, "utf-8", "strict")
    error = io.TextIOWrapper(raw, "utf-8", "backslashreplace")
    with redirect_stdout(out), redirect_stderr(error):
        status = main(["models", *map(os.fsdecode, arguments)])
    for stream in (out, error):
        stream.flush()
    return status, raw.getvalue()


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no text")
def test_bytes_that_are_no_text_in_the_shell(tmp_path: Path) -> None:
    """As a shell hands them over, through a whole process where that is quick, its output too."""
    strange = os.fsencode(tmp_path) + b"/\xff\xfe$(touch x)\n.safetensors"
    os.rename(own(tmp_path / "own.safetensors"), strange)
    for run, arguments in (
        (in_this_one, [b"info", strange]),
        (in_this_one, [b"import", strange, b"--name", b"mine"]),
        (in_a_process, [b"fetch", b"\xff\n"]),
    ):
        status, said = run(arguments)
        text = said.decode()
        assert "Traceback" not in text
        assert text.replace("\n", "").isprintable()
        assert status == 1  # safetensors opens no such path
        assert text.count("\n") == 1
    assert not imported()
    assert not list((tmp_path / "here").iterdir())


def test_what_a_file_says_of_itself_does_not_reach_the_terminal(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.mkdir()
    save_file({"a": torch.ones(1)}, folder / "mine.safetensors", {"architecture": "\x1b[2J4.26\nforged line"})
    assert main(["models"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "forged" not in out


@pytest.mark.parametrize("name", ["..", "../x", "a/b", "a\\b", "/x", ".x", "", "x" * 201, "é", "a\n"])
def test_no_model_lies_outside_its_folder(name: str) -> None:
    assert find(name) is None
    with pytest.raises(ModelError, match=r"^a model's name must be letters, digits") as caught:
        imported_path(name)
    line_of(caught.value)
