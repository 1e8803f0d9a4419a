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


def info(script: Path, source: Path, environment: dict[str, str]) -> tuple[int, Fraction]:
    """Frames and rate that vspipe announces."""
    said = subprocess.run(
        [VSPIPE, "--info", "-a", f"source={source}", script],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    frames = re.search(r"^Frames: (\d+)", said, re.M)
    rate = re.search(r"^FPS: (\d+)/(\d+)", said, re.M)
    assert frames
    assert rate
    return int(frames[1]), Fraction(int(rate[1]), int(rate[2]))


@pytest.mark.parametrize(
    ("name", "frames", "rate"), [("double.vpy", 24, Fraction(48000, 1001)), ("24_to_60.vpy", 31, Fraction(60))]
)
def test_an_example_gives_every_frame(
    name: str, frames: int, rate: Fraction, source: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    script = ROOT / "examples" / name
    assert info(script, source, environment) == (frames, rate)
    out = tmp_path / "out.y4m"
    subprocess.run([VSPIPE, "-c", "y4m", "-a", f"source={source}", script, out], env=environment, check=True)
    head, *rest = out.read_bytes().split(b"FRAME\n")
    assert f"F{rate.numerator}:{rate.denominator}".encode() in head
    assert [len(frame) for frame in rest] == [96 * 64 * 3 // 2] * frames
    assert len(set(rest)) > frames // 2


def test_every_example_is_run() -> None:
    assert {path.name for path in (ROOT / "examples").glob("*.vpy")} == {"double.vpy", "24_to_60.vpy"}


def test_an_error_in_a_script_is_clear(tmp_path: Path, environment: dict[str, str]) -> None:
    script = tmp_path / "wrong.vpy"
    script.write_text("from vapoursynth import core\ncore.rife.RIFE(core.std.BlankClip(), scale=3).set_output()\n")
    done = subprocess.run([VSPIPE, script, "."], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "RIFE: scale must be 0.25, 0.5, 1, 2 or 4, got 3" in done.stderr
