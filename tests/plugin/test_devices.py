"""Devices and faults as a script sees them: lists of devices, memory that runs out, broken pixels, a program's end."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
import vapoursynth as vs
from support import clip_of, digest, logged, moving_clip, planes, texture

from vsrife import rife
from vsrife.engine.frame_maker import FrameMaker

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.vpy("unique-core")
QUIET = {"device": "cpu", "precision": "fp32", "sc": 0}
SHORT = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 96.00 MiB. GPU 0 has a total capacity of 6 GiB")


def digests(clip: vs.VideoNode) -> list[str]:
    return [digest(frame) for frame in clip.frames(close=True)]


def test_several_devices_give_the_same_frames() -> None:
    clip = moving_clip(64, 48, length=12, form=vs.YUV420P8)
    single = digests(vs.core.rife.RIFE(clip, **QUIET))
    assert len(set(single)) > 12
    two = QUIET | {"device": "cpu,cpu"}
    assert digests(vs.core.rife.RIFE(clip, **two)) == single
    assert digests(rife(clip, **QUIET | {"device": ["cpu", "cpu"]})) == single
    backwards = vs.core.rife.RIFE(clip, **two)
    assert [digest(backwards.get_frame(n)) for n in reversed(range(24))] == single[::-1]


def test_a_list_names_its_devices_once_in_the_log() -> None:
    said = logged(lambda: vs.core.rife.RIFE(moving_clip(64, 48, length=2), **QUIET | {"device": "cpu,cpu"}))
    assert said == ["RIFE: model 4.26 (bundled) on cpu in fp32"]


@pytest.mark.parametrize("names", ["cpu,gpu", "cpu,cuda:9999", "auto,cpu", "cpu,", ","])
def test_a_list_that_cannot_be_meant_is_one_line(names: str) -> None:
    with pytest.raises(vs.Error, match=r"^RIFE: device .*$"):
        vs.core.rife.RIFE(moving_clip(64, 48, length=2), device=names)


def of_memory(work: Callable[[], object]) -> list[str]:
    """What is said about memory; a first listener is also told what was said before."""
    return [line for line in logged(work) if "memory" in line]


@pytest.fixture
def shortage(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Memory that runs out for the next so many tries to make a frame."""
    left, lock = [0], threading.Lock()

    def fails_first(operation: Callable[..., None]) -> Callable[..., None]:
        def attempt(*arguments: Any) -> None:
            with lock:
                left[0] -= 1
                if left[0] >= 0:
                    raise SHORT
            operation(*arguments)

        return attempt

    def begin(times: int) -> None:
        left[0] = times

    for name in ("render", "write_motion"):
        monkeypatch.setattr(FrameMaker, name, fails_first(getattr(FrameMaker, name)))
    return begin


def test_memory_that_runs_out_is_said_once_and_the_frame_is_made(shortage: Callable[[int], None]) -> None:
    clip = moving_clip(64, 48, length=4, form=vs.YUV420P8)
    expected = digests(vs.core.rife.RIFE(clip, **QUIET))
    made = vs.core.rife.RIFE(clip, **QUIET)
    frames: list[str] = []

    def make() -> None:
        for n in range(made.num_frames):
            shortage(1)
            frames.append(digest(made.get_frame(n)))

    start = "RIFE: 64x48: cpu is "
    given_back = "out of memory: cached memory is given back, and the frame is made once more"
    assert of_memory(make) == [start + given_back]
    assert frames == expected
    again = vs.core.rife.RIFE(clip, **QUIET)
    shortage(2)
    (line,) = of_memory(lambda: again.get_frame(1).close())  # of two steps: the log has the first already
    assert line.startswith(start + "still out of memory: this filter goes on in bands of 256 rows")


def test_memory_that_is_not_there_is_one_line(shortage: Callable[[int], None]) -> None:
    clip = moving_clip(64, 48, length=4)
    made = vs.core.rife.RIFE(clip, **QUIET)
    expected = digests(vs.core.rife.RIFE(clip, **QUIET))
    shortage(1000)
    line = (
        "RIFE: frame 1 failed, out of memory: 64x48 needs about 96 MiB more on cpu; "
        "try scale=0.5 or fewer frames at once"
    )
    with pytest.raises(vs.Error) as raised:
        made.get_frame(1)
    assert str(raised.value) == line
    motion = vs.core.rife.Motion(clip, timestep=0.5, **QUIET)[0]
    with pytest.raises(vs.Error, match=r"^RIFE: frame 0 failed, out of memory: 64x48 needs about 96 MiB more on cpu"):
        motion.get_frame(0)
    shortage(0)
    assert digests(made) == expected


@pytest.mark.parametrize(("broken", "seen"), [(np.nan, 0.0), (np.inf, 1.0), (-np.inf, 0.0)])
def test_broken_pixels_stay_where_they_are(broken: float, seen: float) -> None:
    """All but what samples the pixel is as if it had the value that the network reads there: 0, or 1 where it is +∞."""
    made = []
    for value in (broken, seen):
        frames = [texture(96, 64, 3 * n, n) for n in range(2)]
        frames[1][:, 30, 40] = value
        made.append(np.stack(planes(vs.core.rife.RIFE(clip_of(frames), **QUIET).get_frame(1))))
    differs = made[0] != made[1]
    assert 3 <= differs.sum() <= 3 * 36
    assert (np.abs(np.argwhere(differs.any(0)) - (30, 40)) <= 6).all()


ENDING = """
import sys, vapoursynth as vs
clip = vs.core.std.BlankClip(format=vs.YUV420P8, width=320, height=240, length=40)
made = vs.core.rife.RIFE(clip, sc=0)
made.get_frame(1).close()
pending = [made.get_frame_async(n) for n in range(1, 60, 2)]
print("asked", flush=True)
{last}
"""


@pytest.mark.parametrize(
    ("last", "status"), [("sys.exit(3)", 3), ("raise ValueError('the end')", 1), ("", 0)], ids=["exit", "raise", "end"]
)
def test_a_program_that_ends_with_frames_at_work(last: str, status: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDING.format(last=last)], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (status, "asked\n"), done.stderr
    assert "Fatal" not in done.stderr
