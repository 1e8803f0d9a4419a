"""The calls that other projects' scripts make, as these make them: Hybrid, k7sfunc, av1an, templates as StaxRip's.

The packages of vs-jetpack and vs-mlrt themselves run where they are installed.
"""

from __future__ import annotations

import shutil
import subprocess
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
import vapoursynth as vs
from support import clip_of, digest, planes, psnr, texture

from vsrife.weights import load_network
from vsrife.weights.export import Form, export_network

if TYPE_CHECKING:
    from pathlib import Path

WIDTH, HEIGHT = 96, 64
DOUBLED = 4
"""A frame that shows the one before again."""
TEMPLATE = """
import os, sys
import vapoursynth as vs
core = vs.core
clip = core.std.BlankClip(format=vs.%format%, width=96, height=64, length=%length%, fpsnum=24000, fpsden=1001)
clip = core.std.FrameEval(clip, lambda n: core.std.BlankClip(clip, color=[16 + 4 * n, 100, 140]))
clip = core.std.SetFrameProps(clip, _Matrix=1)
clip = core.resize.Bicubic(clip, format=vs.RGBS, matrix_in_s="709")
clip = core.rife.RIFE(clip, model=72, factor_num=%num%, factor_den=%den%, gpu_id=0, gpu_thread=2, sc=False, skip=False)
clip = core.resize.Bicubic(clip, format=vs.%format%, matrix_s="709")
clip.set_output()
"""


def moving() -> list[np.ndarray]:
    return [texture(WIDTH, HEIGHT, 3.0 * n, 1.0 * n) for n in range(8)]


def script(**given: object) -> str:
    text = TEMPLATE
    for name, value in given.items():
        text = text.replace(f"%{name}%", str(value))
    return text


@pytest.mark.vpy("unique-core")
@pytest.mark.parametrize("form", [vs.RGBS, vs.YUV420P8])
def test_hybrid_fills_dropped_frames(form: int) -> None:
    """FrameEval on PlaneStats: of two frames, cut out and set to one a second, the middle is put into the clip."""
    pictures = moving()
    truth = clip_of(pictures)
    shown = clip_of([*pictures[:DOUBLED], pictures[DOUBLED - 1], *pictures[DOUBLED + 1 :]])
    matrix = {} if form == vs.RGBS else {"matrix_s": "709"}
    truth, clip = (each.resize.Bicubic(format=form, **matrix) for each in (truth, shown))

    def filled(n: int) -> vs.VideoNode:
        slow = vs.core.std.AssumeFPS(clip, fpsnum=1, fpsden=1)
        pair = vs.core.std.Trim(slow, first=n - 1, length=1) + vs.core.std.Trim(slow, first=n + 1, length=1)
        if form != vs.RGBS:
            pair = vs.core.resize.Point(pair, format=vs.RGBS, matrix_in_s="709")
        pair = pair.std.SetFrameProps(_SceneChangePrev=0, _SceneChangeNext=0)  # of misc.SCDetect
        middle = vs.core.rife.RIFE(pair, model=72, tta=False, uhd=False)
        if form != vs.RGBS:
            middle = vs.core.resize.Point(middle, format=clip.format.id, matrix_s="709")
        middle = vs.core.std.AssumeFPS(vs.core.std.Trim(middle, first=1, last=1), fpsnum=1, fpsden=1)
        joined = vs.core.std.Trim(slow, first=0, last=n - 1) + middle + vs.core.std.Trim(slow, first=n + 1)
        return vs.core.std.AssumeFPS(joined, src=clip)

    def select(n: int, f: vs.VideoFrame) -> vs.VideoNode:
        return clip if n == 0 or f.props["PlaneStatsDiff"] > 0.001 else filled(n)

    made = vs.core.std.FrameEval(clip, select, prop_src=vs.core.std.PlaneStats(clip, clip[0] + clip))
    for n, (frame, before) in enumerate(zip(made.frames(close=True), clip.frames(close=True), strict=True)):
        assert all(map(np.array_equal, planes(frame), planes(before))) == (n != DOUBLED)
    error, was = (
        np.abs(np.subtract(*(planes(each.get_frame(DOUBLED))[0].astype(float) for each in (one, truth)))).mean()
        for one in (made, clip)
    )
    assert error < was / 4


@pytest.mark.vpy("unique-core")
@pytest.mark.parametrize(("num", "den"), [(2, 1), (5, 2)])
def test_k7sfunc_in_a_player(num: int, den: int) -> None:
    """The call of its function RIFE_STD, by name and in RGBS, with 4.26, for 10-bit video."""
    clip = clip_of(moving()).resize.Bicubic(format=vs.YUV420P10, matrix_s="709")
    rgb = vs.core.resize.Bilinear(clip=clip, format=vs.RGBS, matrix_in_s="709")
    rgb = vs.core.std.SetFrameProps(rgb, _SceneChangePrev=0, _SceneChangeNext=0)
    made = vs.core.rife.RIFE(
        clip=rgb, model=72, factor_num=num, factor_den=den, gpu_id=0, gpu_thread=2, sc=True, skip=True,
        skip_threshold=60.0,
    )  # fmt: skip
    out = vs.core.resize.Bilinear(clip=made, format=clip.format.id, matrix_s="709", range=1)
    assert out.num_frames == -(-8 * num // den)
    assert out.fps == clip.fps * num / den
    counted = sum(frame.props["RifeMade"] for frame in out.frames(close=True))
    between = [k for k in range(out.num_frames) if k * den % num and k * den < 7 * num]
    assert counted == len(between)


@pytest.mark.vpy("unique-core")
def test_a_template_with_fields_filled_in() -> None:
    exec(compile(script(format="YUV420P8", length=6, num=5, den=2), "template.vpy", "exec"), {})
    output = vs.get_output()
    assert isinstance(output, vs.VideoOutputTuple)
    clip = output.clip
    assert (clip.num_frames, clip.format.id) == (15, vs.YUV420P8)
    luma = [float(planes(frame)[0].mean()) for frame in clip.frames(close=True)]
    ends = [16 + 4 * min(n, 5) for n in range(6)]
    assert luma[::5] == [ends[0], ends[2], ends[4]]
    assert all(a <= b + 0.5 for a, b in pairwise(luma))


def test_av1an_encodes_chunks_of_a_script(tmp_path: Path) -> None:
    """It runs `vspipe -c y4m -s FIRST -e LAST` for each chunk: the chunks are the parts of the whole."""
    program = shutil.which("vspipe")
    if program is None or subprocess.run([program, "--version"], capture_output=True, check=False).returncode:
        pytest.skip("vspipe does not start here; `vapoursynth config` makes it")
    path = tmp_path / "film.vpy"
    path.write_text(script(format="YUV420P8", length=8, num=2, den=1), encoding="utf-8")

    def piped(*part: str) -> bytes:
        return subprocess.run([program, "-c", "y4m", *part, path, "-"], capture_output=True, check=True).stdout

    header, _, whole = piped().partition(b"\n")
    assert whole.count(b"FRAME\n") == 16
    chunks = [piped("-s", str(first), "-e", str(last)) for first, last in ((0, 6), (7, 15))]
    assert all(chunk.startswith(header.split(b" X")[0]) for chunk in chunks)
    assert b"".join(chunk.partition(b"\n")[2] for chunk in chunks) == whole


@pytest.mark.vpy("unique-core")
def test_vs_jetpack_calls_through_its_core() -> None:
    tools = pytest.importorskip("vstools", reason="vs-jetpack is not installed")
    clip = clip_of(moving()).resize.Bicubic(format=vs.YUV420P8, matrix_s="709")
    expected = [digest(frame) for frame in vs.core.rife.RIFE(clip, multi=2).frames(close=True)]
    for core in (tools.core, tools.core.lazy):
        made = core.rife.RIFE(clip, multi=2)
        assert [digest(frame) for frame in made.frames(close=True)] == expected


@pytest.mark.vpy("unique-core")
@pytest.mark.parametrize(("planes_in", "form", "folder"), [(7, 2, "rife_v2"), (11, 1, "rife")])
@pytest.mark.parametrize("plugin", ["ort", "ov"])
def test_vs_mlrts_script(
    plugin: str, planes_in: int, form: int, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call of docs/models.md, with another backend, on our file with the picture step."""
    if not hasattr(vs.core, plugin):
        pytest.skip(f"vapoursynth-mlrt-{plugin} is not installed")
    mlrt = pytest.importorskip("vsmlrt", reason="vs-mlrt's script is not installed")
    monkeypatch.setattr(mlrt, "models_path", str(tmp_path))
    step = Form("onnx", planes_in, picture_step="sharp")
    export_network(load_network("4.26", None), "4.26", step, tmp_path / folder / "rife_v4.26.onnx")
    clip = clip_of([texture(128, 64, 3.0 * n, 1.0 * n) for n in range(3)])
    backend = mlrt.Backend.ORT_CPU() if plugin == "ort" else mlrt.Backend.OV_CPU()
    made = mlrt.RIFE(clip, multi=3, model=mlrt.RIFEModel.v4_26, backend=backend, _implementation=form)
    ours = vs.core.rife.RIFE(clip, multi=3, precision="fp32", device="cpu", sc=0)
    assert (made.num_frames, made.fps) == (ours.num_frames, ours.fps)
    for n in range(7):
        assert psnr(np.stack(planes(made.get_frame(n))), np.stack(planes(ours.get_frame(n))), 1) > 60
