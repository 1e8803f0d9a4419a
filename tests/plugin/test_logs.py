"""What the filter says in VapourSynth's log: a line for each choice it made, what costs something as a warning."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import torch
import vapoursynth as vs
from support import digest, moving_clip, planes
from weights.conftest import MODEL, Release, folder, published, release  # noqa: F401 - fixtures

from vsrife import clear_cache
from vsrife.cli.figures import machine
from vsrife.engine import Engine, shared_engine
from vsrife.engine.convolutions import computes_bf16

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.vpy("unique-core")

INFORMATION, WARNING = int(vs.MESSAGE_TYPE_INFORMATION), int(vs.MESSAGE_TYPE_WARNING)
QUIET = {"device": "cpu", "precision": "fp32"}
NOT_INSTALLED = "the native library is not installed beside VapourSynth"
RUNS = (INFORMATION, "RIFE: model 4.26 (bundled) on cpu in fp32")


@pytest.fixture(scope="module", autouse=True)
def network() -> Engine:
    """Kept from one test to the next, so that it is prepared once."""
    return shared_engine("4.26", None, torch.device("cpu"), torch.float32)


def heard(work: Callable[[], object]) -> list[tuple[int, str]]:
    """Level and text of every line of ours that work leaves in the log."""
    lines: list[tuple[int, str]] = []
    handle = vs.core.add_log_handler(lambda kind, message: lines.append((int(kind), message)))
    try:
        work()
    finally:
        vs.core.remove_log_handler(handle)
    return [line for line in lines if line[1].startswith("RIFE: ")]


def shown(clip: vs.VideoNode, **arguments: object) -> list[tuple[int, str]]:
    """What is said where the filter is made and all its frames are asked for."""
    return heard(lambda: [frame.close() for frame in vs.core.rife.RIFE(clip, **arguments).frames(close=True)])


def test_device_and_precision_are_said_with_the_reason() -> None:
    said = shown(moving_clip(64, 64, length=2))
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name(0)
        assert said[0] == (INFORMATION, f"RIFE: model 4.26 (bundled) on cuda:0 in fp16: {name}")
        return
    fast = bool({"avx512_bf16", "amx_bf16"} & set(machine()["flags"])) and computes_bf16()
    sees = "sees no" if torch.version.cuda or torch.version.hip else "is built without"
    where, why = ("bf16", "the CPU has bf16") if fast else ("fp32", "the CPU has no bf16")
    line = f"RIFE: model 4.26 (bundled) on cpu in {where}: this PyTorch {sees} CUDA, {why}"
    assert said == [(INFORMATION, line)]


def test_what_the_script_says_needs_no_reason() -> None:
    assert shown(moving_clip(64, 64, length=2), **QUIET) == [RUNS]


def test_a_script_says_it_once_however_many_filters_it_has() -> None:
    clip = moving_clip(64, 64, length=2)
    made: list[vs.VideoNode] = []
    assert heard(lambda: made.extend(vs.core.rife.RIFE(clip, **QUIET) for _ in range(3))) == [RUNS]
    assert heard(lambda: made.append(vs.core.rife.RIFE(clip, model="nano", **QUIET))) == [
        (INFORMATION, "RIFE: model nano (bundled) on cpu in fp32")
    ]


@pytest.mark.parametrize(("size", "taken"), [((64, 48), "601"), ((1280, 32), "709")])
def test_a_guessed_matrix_is_said_once(size: tuple[int, int], taken: str) -> None:
    clip = moving_clip(*size, length=4, form=vs.YUV420P8)
    untagged = clip.std.RemoveFrameProps("_Matrix")
    line = (
        f"RIFE: the frames do not say their matrix: {taken} is assumed for {size[0]}x{size[1]}; "
        "if that is wrong, pass matrix="
    )
    assert shown(untagged, **QUIET) == [RUNS, (INFORMATION, line)]
    assert shown(untagged, **QUIET, sc=0) == []


def test_a_matrix_that_is_stated_is_not_guessed() -> None:
    clip = moving_clip(64, 64, length=2, form=vs.YUV420P8)
    assert shown(clip, **QUIET) == [RUNS]
    assert shown(clip.std.RemoveFrameProps("_Matrix"), **QUIET, matrix="709") == []


@pytest.mark.parametrize("form", [vs.GRAY8, vs.RGB24])
def test_what_has_no_matrix_is_not_asked_for_one(form: int) -> None:
    assert shown(moving_clip(64, 64, length=2, form=form).std.RemoveFrameProps("_Matrix"), **QUIET) == [RUNS]


def test_what_frames_say_and_cannot_be_meant_is_said() -> None:
    clip = moving_clip(64, 64, length=2, form=vs.YUV420P8)
    odd = clip.std.SetFrameProps(_Matrix=11)
    line = (
        "RIFE: the frames say matrix 11, which is not known here: 601 is assumed for 64x64; "
        "if that is wrong, pass matrix="
    )
    assert shown(odd, **QUIET) == [RUNS, (INFORMATION, line)]
    odd = clip.std.SetFrameProps(_Range=3)
    line = "RIFE: the frames say _Range 3, which is neither 0 nor 1: limited is taken"
    assert shown(odd, **QUIET) == [(INFORMATION, line)]


def test_the_matrix_of_mpvs_frames_is_theirs() -> None:
    clip = moving_clip(64, 64, length=2, form=vs.YUV420P8)
    theirs = clip.std.RemoveFrameProps("_Matrix").std.SetFrameProps(_ColorSpace=1)
    assert shown(theirs, **QUIET) == [RUNS]
    frames = [vs.core.rife.RIFE(source, **QUIET).get_frame(1) for source in (clip, theirs)]
    assert (planes(frames[0])[0] == planes(frames[1])[0]).all()
    stated = clip.std.SetFrameProps(_ColorSpace=9)  # the standard property comes first
    assert (planes(vs.core.rife.RIFE(stated, **QUIET).get_frame(1))[0] == planes(frames[0])[0]).all()


def test_interlaced_frames_are_a_line() -> None:
    clip = moving_clip(64, 64, length=4, form=vs.YUV420P8)
    line = "the frames are interlaced (_FieldBased is 1 or 2), which interpolation does not undo: deinterlace first, "
    assert shown(clip.std.SetFieldBased(2), **QUIET) == [
        RUNS,
        (INFORMATION, f"RIFE: {line}or remove the property where it is wrong"),
    ]
    assert shown(clip.std.SetFieldBased(0), **QUIET) == []


def test_a_precision_without_kernels_is_a_warning() -> None:
    said = shown(moving_clip(64, 64, length=2), device="cpu", precision="fp16")
    assert said == [
        (INFORMATION, "RIFE: model 4.26 (bundled) on cpu in fp16"),
        (WARNING, "RIFE: runs by PyTorch alone, which is slower: the kernels in C compute in fp32 and bf16"),
    ]


@pytest.mark.parametrize("device", ["cpu", "cpu,cpu"])
def test_bf16_that_the_cpu_lacks_is_a_warning(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsrife.engine.device.computes_bf16", lambda: False)
    monkeypatch.setattr("vsrife.engine.device._is_x86", lambda: True)
    clip = moving_clip(64, 64, length=3)
    made: list[str] = []
    bf16 = {"device": device, "precision": "bf16"}
    said = heard(lambda: made.extend(map(digest, vs.core.rife.RIFE(clip, **bf16).frames(close=True))))
    lacks = "this CPU has no AVX-512 (avx512bw) or AVX-NE-CONVERT, which oneDNN's bf16 convolutions need"
    assert said == [(WARNING, f"RIFE: bf16: {lacks}: computing in fp32 instead"), RUNS]
    assert made == [digest(frame) for frame in vs.core.rife.RIFE(clip, **QUIET).frames(close=True)]


def test_missing_kernels_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsrife.motion.devices.why_no_library", lambda: NOT_INSTALLED)
    clear_cache()
    said = shown(moving_clip(64, 64, length=2), **QUIET, model="nano")
    runs = (INFORMATION, "RIFE: model nano (bundled) on cpu in fp32")
    clear_cache()  # of the network without kernels
    assert said == [runs, (WARNING, f"RIFE: runs by PyTorch alone, which is slower: {NOT_INSTALLED}")]


def test_a_fetched_model_is_said_when_it_is_fetched(release: Release, folder: Path) -> None:  # noqa: F811
    clip = moving_clip(64, 64, length=2)
    at = folder / f"flownet_v{MODEL}.pkl"
    runs = (INFORMATION, f"RIFE: model {MODEL} (fetched) on cpu in fp32")
    assert shown(clip, **QUIET, model=MODEL) == [
        (INFORMATION, f"RIFE: fetching model {MODEL} from {release.entry.source}"),
        (INFORMATION, f"RIFE: model {MODEL} is at {at}"),
        runs,
    ]
    assert shown(clip, **QUIET, model=MODEL) == []


def test_nothing_is_printed() -> None:
    code = """
import vapoursynth as vs
clip = vs.core.std.BlankClip(format=vs.YUV420P8, width=64, height=64, length=2)
for frame in vs.core.rife.RIFE(clip).frames(close=True):
    pass
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert (done.stdout, done.stderr) == ("", "")
