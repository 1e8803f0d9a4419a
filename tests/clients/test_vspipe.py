"""What vspipe writes, read by ffmpeg's libraries: the frames and times that the filter gives."""

from __future__ import annotations

import shutil
import subprocess
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

av = pytest.importorskip("av")

SCRIPT = """
import vapoursynth as vs
from vapoursynth import core
clip = core.std.BlankClip(format=vs.YUV420P8, width=64, height=48, length=5, fpsnum=24000, fpsden=1001, keep=True)
core.rife.RIFE(clip.std.SetFrameProps(_Matrix=6), multi=2.5).set_output()
"""


@pytest.mark.parametrize("container", ["y4m", "mkv"])
def test_what_is_piped_is_read(container: str, tmp_path: Path) -> None:
    program = shutil.which("vspipe")
    if program is None:
        pytest.skip("vspipe is not on the PATH")
    if subprocess.run([program, "--version"], capture_output=True, timeout=60, check=False).returncode:
        pytest.skip("vspipe does not start with this Python; `vapoursynth config` makes it")
    usage = subprocess.run([program, "--help"], capture_output=True, text=True, timeout=60, check=False)
    if container not in usage.stdout + usage.stderr:
        pytest.skip(f"this vspipe writes no {container}")
    script, target = tmp_path / "script.vpy", tmp_path / f"piped.{container}"
    script.write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [program, "-c", container, script, target], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Information: RIFE: model 4.26 (bundled) on " in done.stderr
    with av.open(str(target)) as opened:
        stream = opened.streams.video[0]
        times = [frame.time for frame in opened.decode(stream)]
        assert (stream.width, stream.height) == (64, 48)
    step = Fraction(1001, 60000)
    assert len(times) == 13
    assert times == pytest.approx([float(n * step) for n in range(13)], abs=0.001)
