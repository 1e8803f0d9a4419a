"""A film with everything films have, at another rate: read by an ffmpeg that had no part in it."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from support import ROOT, heed_interrupts

from vsrife.cli import main

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.vpy("unique-core")

MILLISECOND = Fraction(1, 1000)
FIXED = ("--precision", "fp32", "--quiet")


def make(*arguments: str | Path) -> None:
    assert main(["interpolate", *map(str, arguments), *FIXED]) == 0


def colours(shown: str) -> tuple[str, ...]:
    """What showinfo says of the first frame but for its pixels."""
    wanted = r"fmt:\S+ cl:\S+ sar:\S+|Mastering display.*|Content light.*|color_range:.*"
    return tuple(re.findall(wanted, shown)[:4])


@pytest.fixture(scope="module")
def at_60(uneven_film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    film = tmp_path_factory.mktemp("at_60") / "$(touch x) film.mkv"
    make(uneven_film, film, "--fps", "60", "--segment", "0.5", "--preset", "ultrafast")
    return film


def test_timestamps_are_exact_and_the_picture_ends_with_the_sound(at_60: Path, ffmpeg: Any) -> None:
    frames = ffmpeg.packets(at_60, "v")
    assert len(frames) == 120
    for n, (start, _, _) in enumerate(frames):
        assert abs(start - Fraction(n, 60)) <= MILLISECOND / 2  # what the container can say
    sound = ffmpeg.packets(at_60, "a")
    ends = [start + duration for start, duration, _ in (frames[-1], sound[-1])]
    assert abs(ends[0] - ends[1]) < Fraction(1, 60)
    assert "60 fps" in ffmpeg.about(at_60)


def test_tags_and_depth_are_kept(uneven_film: Path, at_60: Path, ffmpeg: Any) -> None:
    before, after = (colours(ffmpeg.shown(film)) for film in (uneven_film, at_60))
    assert before == after
    assert len(before) == 4
    assert "yuv420p10le cl:topleft sar:4/3" in before[0]
    assert "smpte2084" in before[3]
    assert "MaxCLL=1000, MaxFALL=400" in before[2]


def test_sound_subtitles_chapters_and_attachments_are_kept(uneven_film: Path, at_60: Path, ffmpeg: Any) -> None:
    for stream in ("a", "s"):
        assert ffmpeg.packets(at_60, stream) == ffmpeg.packets(uneven_film, stream)
    for film in (uneven_film, at_60):
        about = ffmpeg.about(film)
        for line in ("title           : A small film", "title           : First", "title           : Second",
                     "title           : Ton", "(deu): Audio: flac", "(fra): Subtitle: subrip",
                     "start 0.900000, end 2.000000", "filename        : note.txt"):  # fmt: skip
            assert line in about
    assert not at_60.with_name("x").exists()
    assert [path.name for path in at_60.parent.iterdir()] == [at_60.name]


def test_doubled_uneven_frames_are_shown_half_way(uneven_film: Path, tmp_path: Path, ffmpeg: Any) -> None:
    film = tmp_path / "doubled.mp4"
    make(uneven_film, film, "--multi", "2", "--segment", "1", "--preset", "ultrafast")
    starts = [start for start, _, _ in ffmpeg.packets(uneven_film, "v", copy=False)]
    expected = []
    for start, end in zip(starts, [*starts[1:], Fraction(2)], strict=True):
        expected += [start, (start + end) / 2]
    got = ffmpeg.packets(film, "v")
    assert [start for start, _, _ in got] == expected
    assert got[-1][0] + got[-1][1] == 2


def test_a_part_begins_with_its_own_sound(steady_film: Path, tmp_path: Path, ffmpeg: Any) -> None:
    film = tmp_path / "part.mkv"
    make(steady_film, film, "--start", "1.01", "--duration", "0.5", "--encoder", "ffv1", "--segment", "0.5")
    frames = ffmpeg.packets(film, "v", copy=False)
    assert [start for start, _, _ in frames] == [n * MILLISECOND * 20 for n in range(26)]
    # every other frame is the source's, bit for bit
    source = ffmpeg.packets(steady_film, "v", copy=False)
    assert [digest for _, _, digest in frames[::2]] == [digest for _, _, digest in source[25:38]]
    sound, whole = ffmpeg.packets(film, "a"), ffmpeg.packets(steady_film, "a")
    inside = [entry for entry in whole if 1 <= entry[0] < Fraction(152, 100)]
    assert [digest for _, _, digest in sound] == [digest for _, _, digest in inside]
    assert all(abs(mine[0] + 1 - own[0]) <= MILLISECOND for mine, own in zip(sound, inside, strict=True))


def test_a_turned_film_is_shown_upright(tmp_path: Path, ffmpeg: Any) -> None:
    stored, turned, film = (tmp_path / name for name in ("stored.mp4", "turned.mp4", "film.mkv"))
    ffmpeg.run("-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=0.12,setsar=4/3", "-c:v", "libx264", stored)
    ffmpeg.run("-display_rotation", "90", "-i", stored, "-c", "copy", turned)
    make(turned, film, "--encoder", "x264", "--quality", "0")  # which is lossless
    assert re.search(r"s:64x96", ffmpeg.shown(film))
    assert re.search(r"sar:3/4", ffmpeg.shown(film))
    upright = ffmpeg.run("-i", turned, "-f", "rawvideo", "-")  # which it turns by itself
    assert (
        ffmpeg.run("-i", film, "-vf", "select=not(mod(n\\,2))", "-fps_mode", "passthrough", "-f", "rawvideo", "-")
        == upright
    )


def test_the_script_gives_the_same_frames(
    uneven_film: Path, tmp_path: Path, ffmpeg: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    how = ("--fps", "47.952", "--start", "0.2", "--duration", "0.8", "--set", "sc_mode=nearest")
    film, script = tmp_path / "film.mkv", tmp_path / "film.vpy"
    make(uneven_film, film, *how, "--encoder", "ffv1")
    capsys.readouterr()
    make(uneven_film, *how, "--vpy")
    script.write_text(capsys.readouterr().out, encoding="utf-8")
    assert "vsrife" not in script.read_text(encoding="utf-8").replace(str(uneven_film), "")
    done = subprocess.run(["vspipe", str(script), "-"], capture_output=True, check=True)
    assert done.stdout == ffmpeg.run("-i", film, "-f", "rawvideo", "-")
    assert len(done.stdout) == 39 * 96 * 64 * 3  # 0.8 s, two bytes a sample


SLOW = ("--multi", "3", "--segment", "0.5", "--preset", "ultrafast")
"""Enough frames that a run can be stopped in its midst."""
SEGMENTS = 6


@pytest.fixture(scope="module")
def undisturbed(steady_film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    film = tmp_path_factory.mktemp("undisturbed") / "film.mkv"
    make(steady_film, film, *SLOW)
    return film


def segments(folder: Path) -> list[Path]:
    """Those that are whole."""
    return sorted(folder.glob("0*.json"))


def started(source: Path, film: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "vsrife", "interpolate", str(source), str(film), *SLOW, *FIXED, *more]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT, preexec_fn=heed_interrupts)


SIGNALLED = """
import os, sys
from vsrife.cli import main

finished, events, number = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])

def count(event, arguments):
    global finished, events
    if event == "os.rename" and str(arguments[1]).endswith(".json") and os.path.basename(arguments[1])[0] == "0":
        finished -= 1
    if finished < 0:
        events -= 1
        if events == 0:
            os.kill(os.getpid(), number)

sys.addaudithook(count)
sys.exit(main(sys.argv[4:]))
"""
"""A run that sends itself a signal: so many segments later, and so many of Python's audit events after that."""


def signalled(how: signal.Signals, finished: int, events: int, source: Path, film: Path, *more: str) -> tuple[int, str]:
    """The exit status of such a run, and what it wrote."""
    arguments = ["interpolate", source, film, *SLOW, *FIXED, *more]
    command = [sys.executable, "-c", SIGNALLED, *map(str, (finished, events, int(how), *arguments))]
    done = subprocess.run(
        command, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False, timeout=120, preexec_fn=heed_interrupts
    )
    return done.returncode, done.stderr


def test_killed_at_any_moment_it_becomes_the_same_film(
    steady_film: Path, undisturbed: Path, tmp_path: Path, ffmpeg: Any
) -> None:
    film = tmp_path / "film.mkv"
    folder = film.with_name("film.mkv.vsrife")
    rng = random.Random(7)
    whole: list[Path] = []
    for _ in range(3):
        status, message = signalled(
            signal.SIGKILL, rng.randrange(2), rng.randrange(1, 20), steady_film, film, "--resume"
        )
        assert status == -signal.SIGKILL, message
        assert not film.exists()
        assert set(segments(folder)) >= set(whole)
        whole = segments(folder)
    assert 0 < len(whole) < SEGMENTS
    make(steady_film, film, *SLOW, "--resume")
    assert not folder.exists()
    for stream in ("v", "a"):
        assert ffmpeg.packets(film, stream) == ffmpeg.packets(undisturbed, stream)


def test_stopped_it_says_how_to_go_on(
    steady_film: Path, undisturbed: Path, tmp_path: Path, ffmpeg: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    film = tmp_path / "film.mkv"
    folder = film.with_name("film.mkv.vsrife")
    for number, how in enumerate((signal.SIGINT, signal.SIGTERM)):
        status, said = signalled(how, 1, 1, steady_film, film, *["--resume"][:number])
        assert status == 130, said
        assert re.fullmatch(r"interpolate: stopped, \d of 6 segments are kept; --resume goes on with them\n", said)
        assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    assert main(["interpolate", str(steady_film), str(film), *SLOW, *FIXED]) == 1
    assert "--resume continues it" in capsys.readouterr().err
    assert main(["interpolate", str(steady_film), str(film), *SLOW, *FIXED, "--resume", "--quality", "30"]) == 1
    assert "is of another job, recipe's options was" in capsys.readouterr().err
    make(steady_film, film, *SLOW, "--resume")
    assert ffmpeg.packets(film, "v") == ffmpeg.packets(undisturbed, "v")
