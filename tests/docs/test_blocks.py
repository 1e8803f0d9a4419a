"""Every block of the documentation is run, or at least understood."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import av
import imageio_ffmpeg
import pytest
import vapoursynth as vs
from docs.pages import BLOCKS, Block, commands, ours, parsed

from vsrife.cli import main
from vsrife.engine import Engine, resolve_device, resolve_precision, shared_engine
from vsrife.networks.catalog import DEFAULT

FRAMES = 12
ODD = "a 'b' $c.mkv"
RUN = {"vspipe", "ffmpeg", "vsrife", "mkdir", "printf", "echo"}
"""What blocks of shell may run."""
NOT_RUN = {"vsstubs", "dask", "pip", "make", "torchrun", "vapoursynth", "mpv", "vspreview", "vsview", "python"}
"""What changes the machine or is not here; a block with one of them is read only."""
SUBCOMMANDS = {"interpolate", "compare"}
"""Of `vsrife`, run; the others have tests of their own, need the network, or take long."""
LANGUAGES = {"python", "sh", "indented", "text"}


def runs(block: Block) -> bool:
    """Whether a block of shell is run."""
    called = commands(block.text)
    known = all(command[0] in RUN and command[:2] != ["vsrife", "models"] for command in called)
    return not block.why_not and known and all(c[1] in SUBCOMMANDS for c in called if c[0] == "vsrife")


PYTHON = {block.text: block for block in BLOCKS if block.language == "python" and not block.why_not}
"""A block that is on several pages is run once."""
SHELL = [block for block in BLOCKS if block.language in {"sh", "indented"}]
RUN_SHELL = {block.text: block for block in SHELL if block.language == "sh" and runs(block)}


@pytest.fixture(scope="session")
def ffmpeg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the PATH, with an ffmpeg in it."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
    return folder


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The films that the pages name, made up: one with sound, one of 10 bits, one of a variable frame rate."""
    folder = tmp_path_factory.mktemp("films")
    (folder / "films").mkdir()
    picture = ["-f", "lavfi", "-i", "testsrc2=size=96x64:rate=24000/1001"]
    sound = ["-f", "lavfi", "-i", "sine=duration=0.5", "-c:a", "flac"]
    made = {
        "film.mkv": [*sound, "-c:v", "ffv1", "-pix_fmt", "yuv420p"],
        "hdr.mkv": ["-c:v", "ffv1", "-pix_fmt", "yuv420p10"],
        "phone.mp4": ["-vf", "select=not(eq(mod(n\\,3)\\,1))", "-fps_mode", "vfr", "-c:v", "libx264"],
    }
    for name, how in made.items():
        end = ["-frames:v", str(FRAMES), str(folder / name)]
        subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *picture, *how, *end], check=True)
    for name in ("anime.mkv", "match.mkv", f"films/{ODD}"):
        os.link(folder / "film.mkv", folder / name)
    return folder


@pytest.fixture(scope="session", autouse=True)
def engine() -> Engine:
    """What the blocks' filters share stays: it is got ready once."""
    device = resolve_device("auto")
    return shared_engine(DEFAULT, None, device, resolve_precision("auto", device))


@pytest.fixture
def folder(films: Path, ffmpeg: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a block is run: the films are there, what is run is on the PATH, and VSScript knows this Python."""
    for path in films.rglob("*.m*"):
        target = tmp_path / path.relative_to(films)
        target.parent.mkdir(exist_ok=True)
        os.link(path, target)
    config = films.parent / "config"
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(config))
    if not config.exists():
        subprocess.run([sys.executable, "-m", "vapoursynth", "config"], check=True, capture_output=True)
    monkeypatch.setenv("PATH", f"{ffmpeg}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def as_mpv() -> vs.VideoNode:
    """The film as a player gives it, of which the end is not known."""
    return vs.core.std.Loop(vs.core.bs.VideoSource("film.mkv"), 2**23)


@pytest.mark.vpy("unique-core")
@pytest.mark.parametrize("block", PYTHON.values(), ids=str)
def test_python_runs(block: Block, folder: Path) -> None:
    given: dict[str, object] = {"__name__": "__vapoursynth__"}
    if "video_in" in block.text:
        given |= {"video_in": as_mpv(), "container_fps": 24.0}
    before = set(folder.rglob("*.mkv"))
    exec(compile(block.text, str(block), "exec"), given)
    outputs = vs.get_outputs()
    for output in outputs.values():
        assert isinstance(output, vs.VideoOutputTuple)
        with output.clip.get_frame(1) as frame:
            assert "RifeLeft" in frame.props
    new = set(folder.rglob("*.mkv")) - before
    assert outputs or new
    for path in new:
        check_film(path, sound=True)


@pytest.mark.vpy("unique-core")
@pytest.mark.parametrize("block", RUN_SHELL.values(), ids=str)
def test_shell_runs(block: Block, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "script.vpy").write_text(block.script, encoding="utf-8")
    before = set(folder.rglob("*"))
    called = commands(block.text)
    if all(command[0] == "vsrife" for command in called) and "for " not in block.text:
        for command in called:
            assert main(command[1:]) == 0, capfd.readouterr().err
    else:
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", block.text], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "failed: " not in done.stderr
    new = {path for path in set(folder.rglob("*")) - before if path.is_file()}
    assert new
    for path in new:
        if path.suffix == ".mkv":
            check_film(path, sound="vsrife" in block.text or "-i film.mkv" in block.text)
        if "smpte2084" in block.text:
            check_hdr10(path)
    assert [path for path in new if path.suffix in {".mkv", ".png"}]


def check_film(path: Path, *, sound: bool) -> None:
    """It can be read to its end, has more frames than the source or its half, and the sound where it should."""
    with av.open(str(path)) as container:
        assert bool(container.streams.audio) == sound
        assert sum(1 for _ in container.decode(video=0)) >= FRAMES


def check_hdr10(path: Path) -> None:
    """It says what it is: BT.2020, PQ, 10 bits, the display it was graded on and its light levels."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        assert (frame.colorspace, frame.color_primaries, frame.color_trc, frame.format.name) == (
            9,
            9,
            16,
            "yuv420p10le",
        )
        assert {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"} <= {kind.name for kind in frame.side_data}


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_shell_is_understood(block: Block, capsys: pytest.CaptureFixture[str]) -> None:
    if block.language == "sh":
        subprocess.run(["bash", "-n", "-c", block.text], check=True)
    for command in commands(block.text) if block.language == "sh" else indented(block):
        assert command[0] in RUN | NOT_RUN, command
        given = ours(command)
        if given is None:
            continue
        try:
            parsed(given)
        except SystemExit:
            pytest.fail(f"{' '.join(command)}: {capsys.readouterr().err}")


def indented(block: Block) -> list[list[str]]:
    """The commands of a block that is not fenced: those of `vsrife`."""
    lines = block.text.replace("\\\n", " ").splitlines()
    return [command for line in lines if line.startswith("vsrife ") for command in commands(line)]


def test_blocks_are_of_known_languages() -> None:
    assert {block.language for block in BLOCKS} <= LANGUAGES
    assert len(PYTHON) > 15
    assert len(RUN_SHELL) > 5


@pytest.mark.parametrize("wrong", [["interpolate", "a.mkv", "b.mkv", "--no-such-option"], ["nothing"], ["train"]])
def test_a_wrong_command_is_noticed(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(wrong)
