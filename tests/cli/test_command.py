"""The command line around its commands: without one, with closed or full streams, and with names no file can have."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from support import ROOT

from vsrife.cli import main
from vsrife.files import atomic_write
from vsrife.plugin.arguments import Arguments, arguments_of

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.vpy("unique-core")

COMMANDS = ("interpolate", "models", "doctor", "benchmark", "evaluate", "compare", "train")
LONG = "a" * 300
NOT_UTF8 = os.fsdecode(b"caf\xe9")
FULL = Path("/dev/full")


@pytest.fixture(scope="module")
def short_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten frames."""
    film = tmp_path_factory.mktemp("short") / "short.mkv"
    with av.open(str(film), "w") as container:
        stream = container.add_stream("ffv1", 25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for n in range(10):
            samples = np.full((96, 96), 90, np.uint8)
            samples[:, 3 * n :][:, :9] = 200
            container.mux(stream.encode(av.VideoFrame.from_ndarray(samples, "yuv420p")))
        container.mux(stream.encode(None))
    return film


def shell(line: str, *arguments: str, cwd: Path = ROOT, zeroth: str = "sh") -> subprocess.CompletedProcess[bytes]:
    """A shell's line in which `vsrife` is the command and `$1` … are the arguments."""
    script = f'vsrife() {{ "{sys.executable}" -m vsrife "$@"; }}\n{line}'
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["sh", "-c", script, zeroth, *map(os.fsencode, arguments)],
        capture_output=True,
        cwd=cwd,
        env=environment,
        check=False,
        timeout=120,
    )


def one_line(said: bytes | str) -> str:
    """What was said, which must be one line and no traceback."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    assert text.count("\n") == 1, text
    assert text.endswith("\n")
    return text[:-1]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"vsrife {version('vsrife')}\n"


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_without_a_command_the_commands_are_listed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status = main(arguments)
    except SystemExit as end:  # of argparse, after its help
        status = end.code
    said = capsys.readouterr()
    assert status == (0 if arguments else 2)
    text = said.out if arguments else said.err
    for name in COMMANDS:
        assert f"\n    {name}" in text
    assert "required" not in text


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")
def test_closed_streams(tmp_path: Path, short_film: Path) -> None:
    film = tmp_path / "film.mkv"
    done = shell('vsrife interpolate "$1" "$2" --preview --duration 0.2 2>&- <&-', str(short_film), str(film))
    assert done.returncode == 0
    assert done.stderr == b""
    assert b" frames, " in done.stdout
    assert film.read_bytes().startswith(bytes.fromhex("1A45DFA3"))  # nothing else was written to it
    done = shell('vsrife interpolate none.mkv "$1" 2>&-', str(film))
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")
    done = shell("vsrife models >&- 2>&- <&-")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert shell("vsrife 2>&-").returncode == 2


@pytest.mark.skipif(not FULL.exists(), reason="Linux has /dev/full")
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("vsrife models > /dev/full", "models: the output cannot be written (No space left on device)"),
        ('vsrife interpolate "$1" --vpy > /dev/full', "interpolate: the output cannot be written"),
        ("vsrife --version > /dev/full", "vsrife: the output cannot be written (No space left on device)"),
        ('vsrife interpolate "$1" /dev/full', "interpolate: output must end in .mkv, "),
        ('vsrife interpolate "$1" full.mkv', "interpolate: output must be new, got "),
        (
            'vsrife interpolate "$1" full.mkv --overwrite --quiet',
            "full.mkv cannot be written (No space left on device)",
        ),
    ],
)
def test_a_full_device(line: str, said: str, short_film: Path, tmp_path: Path) -> None:
    (tmp_path / "full.mkv").symlink_to(FULL)
    done = shell(line, str(short_film), cwd=tmp_path)
    assert done.returncode == 1
    assert said in one_line(done.stderr)
    assert FULL.is_char_device()
    assert (tmp_path / "full.mkv").is_symlink()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([f"{LONG}.mkv", "o.mkv"], f"source must be a film, got {{folder}}/{LONG}"),
        (["film.mkv", f"{LONG}.mkv"], "output must be a file that can be written, with its segments beside it, got "),
        (["film.mkv", f"{LONG[:249]}.mkv"], "(File name too long)"),
        (["film.mkv", f"{LONG[:243]}.mkv"], "(File name too long)"),
        (["film.mkv", f"{LONG}/o.mkv"], "(File name too long)"),
        (["film.mkv/inside.mkv", "o.mkv"], "(Not a directory)"),
        ([f"{NOT_UTF8}.mkv", "o.mkv"], "source must have a name in UTF-8, as VapourSynth takes no other, got "),
        ([f"{NOT_UTF8}none.mkv", "o.mkv"], "(no such file)"),
        (["two\nlines.mkv", "o.mkv"], "two\\nlines.mkv' (no such file)"),
    ],
)
def test_names_of_films(
    arguments: list[str],
    said: str,
    short_film: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("film.mkv", f"{NOT_UTF8}.mkv"):
        Path(name).symlink_to(short_film)
    before = sorted(path.name for path in tmp_path.iterdir())
    assert main(["interpolate", *arguments]) == 1
    line = one_line(capsys.readouterr().err)
    assert line.startswith("interpolate: ")
    cut = said.format(folder=tmp_path)[:120]
    assert cut in line
    assert sorted(path.name for path in tmp_path.iterdir()) == before


ALL_OF_THEM = """
import sys
from vsrife.cli import main
option, film, *names = sys.argv[1:]
raise SystemExit(max(main(["interpolate", film, name, "--duration", "0.1", option]) for name in names))
"""


def test_names_that_can_be_written(short_film: Path, tmp_path: Path) -> None:
    """All in one process, which imports PyTorch once; then over what is there, with the name in what is printed."""
    names = [f"{NOT_UTF8}.mkv", f"{LONG[:240]}.mkv", "$(touch x) 'film'.mkv", "\U0001f3ac.mkv"]
    line = f'PYTHONIOENCODING=utf-8:strict "{sys.executable}" -c "$0" "$@"'
    done, again = (
        shell(line, option, str(short_film), *names, cwd=tmp_path, zeroth=ALL_OF_THEM)
        for option in ("--quiet", "--overwrite")
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert sorted(os.listdir(tmp_path)) == sorted(names)
    assert again.returncode == 0
    assert b"Traceback" not in again.stderr
    assert again.stdout.count(b" frames, ") == len(names)


@pytest.mark.parametrize("name", [LONG, f"{LONG}.pkl", f"{NOT_UTF8}.pkl", "none\nthere.pkl", f"{NOT_UTF8}.mp4"])
@pytest.mark.parametrize(
    "command",
    [
        ("models", "import"),
        ("models", "info"),
        ("models", "fetch"),
        ("compare",),
        ("evaluate",),
        ("evaluate", ".", "--json"),
        ("benchmark", "--json"),
        ("interpolate", "--model-path"),
        ("train", "--out"),
        ("train", "--out", "out", "--init"),
        ("train", "--out", "out", "--model", "4.6", "--data"),
    ],
    ids=" ".join,
)
def test_names_in_other_commands(
    command: Sequence[str],
    name: str,
    short_film: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(f"{NOT_UTF8}.mp4").symlink_to(short_film)
    more = [str(short_film), "o.mkv"] if command[0] == "interpolate" else []
    if command[0] == "benchmark":  # a name that can be written would measure for minutes
        more, name = [], f"none/{name}"
    if command == ("train", "--out"):
        more = ["--model", "none"]
    if command == ("evaluate", ".", "--json") and len(name) < 255:
        pytest.skip("the name can be written")
    if command == ("compare",) and name == f"{NOT_UTF8}.mp4":
        more = ["--no-video"]
    assert main([*command, name, *more]) in (1, 2)
    one_line(capsys.readouterr().err)


@pytest.mark.skipif(os.name == "nt", reason="a POSIX device")
def test_devices_are_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with atomic_write(pipe) as partial:
        partial.write_text("figures", encoding="utf-8")
    assert os.read(reader, 100) == b"figures"
    os.close(reader)
    assert pipe.is_fifo()
    assert os.listdir(tmp_path) == ["pipe"]


@pytest.mark.parametrize("text", ["2.5", "1_0", "1e0", "１", "", "x", "0x1", "9" * 30, "nan"])
def test_integers_are_neither_rounded_nor_guessed(
    text: str, short_film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    types = {argument.name: str(argument.type) for argument in fields(Arguments)}
    whole = [name for name in arguments_of("RIFE") if types[name] in ("int", "int | None")]
    assert {"dedup_limit", "gpu_id", "factor_num", "fps_den"} <= set(whole)
    for name in whole:
        output = str(tmp_path / "o.mkv")
        assert main(["interpolate", str(short_film), output, "--set", f"{name}={text}"]) == 1
        said = one_line(capsys.readouterr().err)
        assert said.startswith((f"interpolate: {name} must be an integer, got ", "interpolate: set must n"))
        assert ("set must n" in said) == (name in ("factor_num", "factor_den", "fps_num", "fps_den", "vfr", "list_gpu"))
