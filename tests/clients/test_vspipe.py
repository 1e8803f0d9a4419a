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


VARIABLE = """
import vapoursynth as vs
from vapoursynth import core
clip = core.std.BlankClip(format=vs.YUV420P8, width=64, height=48, length=12, fpsnum=24, keep=True)
def last(n, f):
    f = f.copy()
    f.props["_DurationNum"], f.props["_DurationDen"] = 1, 20 if n % 2 else 30
    return f
clip = core.std.ModifyFrame(clip, clip, last)
core.rife.RIFE(clip, multi=2, sc=0, vfr=1).set_output()
"""


def piped(container: str, script: str, folder: Path) -> tuple[Path, str]:
    """The file that vspipe writes of a script, and what it reports."""
    program = shutil.which("vspipe")
    if program is None:
        pytest.skip("vspipe is not on the PATH")
    if subprocess.run([program, "--version"], capture_output=True, timeout=60, check=False).returncode:
        pytest.skip("vspipe does not start with this Python; `vapoursynth config` makes it")
    usage = subprocess.run([program, "--help"], capture_output=True, text=True, timeout=60, check=False)
    if container not in usage.stdout + usage.stderr:
        pytest.skip(f"this vspipe writes no {container}")
    path, target = folder / "script.vpy", folder / f"piped.{container}"
    path.write_text(script, encoding="utf-8")
    command = [program, "-c", container, "--timecodes", folder / "times.txt", path, target]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return target, done.stderr


@pytest.mark.parametrize("container", ["y4m", "mkv"])
def test_what_is_piped_is_read(container: str, tmp_path: Path) -> None:
    target, report = piped(container, SCRIPT, tmp_path)
    assert "Information: RIFE: model 4.26 (bundled) on " in report
    with av.open(str(target)) as opened:
        stream = opened.streams.video[0]
        times = [frame.time for frame in opened.decode(stream)]
        assert (stream.width, stream.height) == (64, 48)
    step = Fraction(1001, 60000)
    assert len(times) == 13
    assert times == pytest.approx([float(n * step) for n in range(13)], abs=0.001)


def test_a_variable_rate_keeps_its_times(tmp_path: Path) -> None:
    target, _ = piped("mkv", VARIABLE, tmp_path)
    lasting = [1 / 40 if n // 2 % 2 else 1 / 60 for n in range(24)]
    wanted = [sum(lasting[:n]) for n in range(24)]
    with av.open(str(target)) as opened:
        times = [frame.time for frame in opened.decode(opened.streams.video[0])]
    assert times == pytest.approx(wanted, abs=0.001)
    listed = (tmp_path / "times.txt").read_text(encoding="utf-8").splitlines()[1:]
    assert [float(line) for line in listed][:24] == pytest.approx([1000 * time for time in wanted], abs=0.01)
