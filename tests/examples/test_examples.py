"""Every script in `examples` gives its frames; one of them, and an error, through vspipe as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import vapoursynth as vs
from support import ROOT

from vsrife.engine import Engine, resolve_device, resolve_precision, shared_engine
from vsrife.networks.catalog import DEFAULT

FOLDER = ROOT / "examples"
FRAMES = 12
RATE = Fraction(24000, 1001)
YUV420 = 96 * 64 * 3 // 2
EXPECTED = {  # script → of each output: frames, rate, bytes a frame
    "double.vpy": [(24, 2 * RATE, YUV420)],
    "24_to_60.vpy": [(31, Fraction(60), YUV420)],
    "vfr_to_60.vpy": [(30, Fraction(60), YUV420)],
    "anime.vpy": [(31, Fraction(60), YUV420)],
    "speed_ramp.vpy": [(32, RATE, YUV420)],
    "depth.vpy": [(24, 2 * RATE, YUV420), (24, 2 * RATE, 48 * 32 * 2)],
    "stitch.vpy": [(12, RATE, YUV420)],
    "subtitles.vpy": [(24, 2 * RATE, YUV420)],
    "outside_detector.vpy": [(24, 2 * RATE, YUV420)],
    "look.vpy": [(24, 2 * RATE, YUV420)] * 5,
    "motion.vpy": [(12, RATE, 96 * 64 * 4)] * 2,
    "from_ncnn.vpy": [(24, 2 * RATE, YUV420)],
    "from_vsrife.vpy": [(30, Fraction(5, 2) * RATE, YUV420)],
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short film in a Matroska file."""
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    picture = ["-f", "lavfi", "-i", f"testsrc2=size=96x64:rate={RATE}", "-frames:v", str(FRAMES)]
    encode = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *picture, "-pix_fmt", "yuv420p", "-c:v", "ffv1"]
    subprocess.run([*encode, str(path)], check=True)
    return path


@pytest.fixture(scope="module", autouse=True)
def engine() -> Engine:
    """Keeps the engine that the scripts' filters share, so that its weights are prepared once."""
    device = resolve_device("auto")
    return shared_engine(DEFAULT, None, device, resolve_precision("auto", device))


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which vspipe finds this Python."""
    changed = os.environ | {"XDG_CONFIG_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-m", "vapoursynth", "config"], env=changed, check=True, capture_output=True)
    return changed


def vspipe(*arguments: str | Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("vspipe"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def pixels(frame: vs.VideoFrame) -> bytes:
    return b"".join(np.asarray(frame[plane]).tobytes() for plane in range(frame.format.num_planes))


def test_every_example_is_run() -> None:
    assert {path.name for path in FOLDER.glob("*.vpy")} == set(EXPECTED)


@pytest.mark.vpy("unique-core")
@pytest.mark.parametrize("name", EXPECTED)
def test_an_example_gives_every_frame(name: str, source: Path) -> None:
    code = compile((FOLDER / name).read_text(encoding="utf-8"), name, "exec")
    exec(code, {"__name__": "__vapoursynth__", "source": str(source)})
    outputs = vs.get_outputs()
    assert list(outputs) == list(range(len(EXPECTED[name])))
    for index, (frames, rate, size) in enumerate(EXPECTED[name]):
        output = outputs[index]
        assert isinstance(output, vs.VideoOutputTuple)
        assert (output.clip.num_frames, output.clip.fps) == (frames, rate)
        pictures = [pixels(frame) for frame in output.clip.frames(close=True)]
        assert [len(picture) for picture in pictures] == [size] * frames
        assert len(set(pictures)) > frames // 2


def test_vspipe_renders_an_example_at_the_new_rate(source: Path, environment: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "out.y4m"
    arguments = ("-c", "y4m", "-a", f"source={source}", FOLDER / "double.vpy", out)
    assert vspipe(*arguments, environment=environment).returncode == 0
    head, *rest = out.read_bytes().split(b"FRAME\n")
    assert b"F48000:1001" in head
    assert [len(frame) for frame in rest] == [YUV420] * 24


def test_an_error_in_a_script_is_clear(tmp_path: Path, environment: dict[str, str]) -> None:
    script = tmp_path / "wrong.vpy"
    script.write_text("from vapoursynth import core\ncore.rife.RIFE(core.std.BlankClip(), scale=3).set_output()\n")
    done = vspipe(script, ".", environment=environment)
    assert done.returncode == 1
    assert "RIFE: scale must be 0.25, 0.5, 1, 2 or 4, got 3" in done.stderr
