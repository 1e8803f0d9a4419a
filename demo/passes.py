"""The demo's passes: doubling by vspipe and ffmpeg, and interpolating frames that were dropped."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import imageio_ffmpeg
import numpy as np
import torch
import vapoursynth as vs
from tqdm import tqdm

from vsrife.errors import RifeError, first_line
from vsrife.evaluation.metrics import mean_figure, mean_psnr, psnr, sharpness, ssim
from vsrife.evaluation.sheet import Cell, Row, draw_sheet
from vsrife.files import atomic_write
from vsrife.film.tags import Tags
from vsrife.footage import open_footage
from vsrife.footage.frames import with_matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from vsrife.footage import Footage

SCRIPT = Path(__file__).with_name("double.vpy")
MOST = 150
"""Frames that are measured of a long clip, spread over it evenly."""
ROWS, ZOOM = 3, 4


class Score(NamedTuple):
    """A frame that was dropped, and the PSNR in dB, SSIM and sharpness of its blend and of its interpolation."""

    frame: int
    blend: tuple[float, float, float]
    interpolated: tuple[float, float, float]


def double(footage: Footage, out: Path) -> tuple[Path, str]:
    """Render `double.vpy` by vspipe into ffmpeg; returns the file and the speed.

    Raises:
        RifeError: one of the two fails.
    """
    assert footage.path
    mp4 = footage.path.suffix.lower() in (".mp4", ".m4v", ".mov")  # whose sound MP4 can hold
    target = out / f"{footage.path.stem}-2x{'.mp4' if mp4 else '.mkv'}"
    vspipe = str(Path(vs.__file__).with_name("vspipe.exe" if sys.platform == "win32" else "vspipe"))
    render = [vspipe, "-p", "-c", "y4m", "-a", f"clip={footage.path}", str(SCRIPT), "-"]
    encode = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-i", "-", "-i", str(footage.path),
              "-map", "0:v", "-map", "1:a?", "-c:v", "libx264", "-crf", "16", *_tags(footage), "-c:a", "copy",
              "-movflags", "+faststart"]  # fmt: skip
    environment = dict(os.environ, PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if (configuration := Path(sys.prefix) / "config").is_dir():  # by which vspipe finds this Python
        environment["XDG_CONFIG_HOME"] = str(configuration)
    with atomic_write(target) as partial, tempfile.TemporaryFile("w+") as errors:
        started = loaded = time.perf_counter()
        source = subprocess.Popen(render, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert source.stdout
        assert source.stderr
        encoder = subprocess.Popen([*encode, str(partial)], stdin=source.stdout, stderr=errors)
        source.stdout.close()  # the encoder has it; if that stops, vspipe must notice
        try:
            begun, messages = 0, []
            with tqdm(desc="Doubling", total=2 * footage.length, disable=None, leave=False) as progress:
                for line in source.stderr:
                    if not (match := re.match(r"Frame: (\d+)/", line)):
                        messages.append(line)
                        continue
                    progress.update(int(match[1]) - progress.n)
                    if begun < 2:
                        loaded, begun = time.perf_counter(), int(match[1])
            failed = encoder.wait(), source.wait()
        finally:
            for process in (source, encoder):
                process.kill()
                process.wait()
        seconds = time.perf_counter() - loaded
        errors.seek(0)
        if failed[0] and (message := errors.read().strip()):  # first, as vspipe fails with the encoder
            raise RifeError(f"ffmpeg failed: {message.splitlines()[0]}")
        if any(failed):
            named = [line.partition("Python exception: ")[2] for line in messages if "Python exception: " in line]
            raise RifeError(f"vspipe failed: {(named or messages[-1:] or ['no reason given'])[0].strip()}")
    speed = (2 * footage.length - begun) / max(seconds, 1e-3)
    return target, f"{speed:.1f} output frames a second, after {loaded - started:.1f} s until the first"


def check_doubled(path: Path, footage: Footage) -> str:
    """Open the doubled clip and compare its length and rate with the source's.

    Raises:
        RifeError: it cannot be opened, or one of them is wrong.
    """
    clip, source = open_footage(path).clip, footage.clip
    if clip.num_frames != 2 * source.num_frames or abs(clip.fps / (2 * source.fps) - 1) > Fraction(1, 1000):
        raise RifeError(
            f"{path} must have {2 * source.num_frames} frames at {float(2 * source.fps):.5g} fps, "
            f"got {clip.num_frames} at {float(clip.fps):.5g} fps"
        )
    return f"{clip.num_frames} frames at {float(clip.fps):.5g} fps"


def rebuild(footage: Footage) -> list[Score]:
    """Drop every other frame, interpolate it again and compare it with the original, unless at a scene change.

    Raises:
        RifeError: a frame fails.
    """
    nodes = _nodes(footage)
    dropped = range(1, footage.length - 1, 2)
    chosen = [dropped[i * len(dropped) // MOST] for i in range(MOST)] if len(dropped) > MOST else list(dropped)
    if not chosen:
        return []
    scores = []
    try:
        clips = [vs.core.std.Splice([node[n] for n in chosen]).frames(close=True) for node in nodes]
        frames = tqdm(zip(*clips, strict=True), "Rebuilding", len(chosen), disable=None, leave=False)
        for n, (interpolated, blend, truth) in zip(chosen, frames, strict=True):
            if interpolated.props["RifeMade"]:
                true = _rgb(truth)
                blended, made = (
                    tuple(float(metric(_rgb(frame), true)) for metric in (psnr, ssim, sharpness))
                    for frame in (blend, interpolated)
                )
                scores.append(Score(n, blended, made))
    except vs.Error as error:
        raise RifeError(f"{footage.name} cannot be rebuilt: {first_line(error)}") from error
    return scores


def table(scores: Sequence[Score]) -> str:
    """The mean figures as a table, and the difference."""
    lines = [f"Every other frame dropped and interpolated again, {len(scores)} compared with the true ones:", ""]
    lines.append(f"{'':8}{'PSNR':>10}{'SSIM':>10}{'sharpness':>12}")
    means = [_means([score.blend for score in scores]), _means([score.interpolated for score in scores])]
    for name, (decibels, similarity, sharp) in zip(("blend", "RIFE"), means, strict=True):
        lines.append(f"{name:8}{decibels:>7.2f} dB{similarity:>10.4f}{sharp:>12.2f}")
    gain = means[1][0] - means[0][0]
    return "\n".join([*lines, "", f"RIFE is {abs(gain):.2f} dB {'above' if gain >= 0 else 'below'} the blend."])


def save_sheet(out: Path, footage: Footage, scores: Sequence[Score]) -> Path:
    """Draw the frames with the largest motion, those whose blend is furthest from the truth; returns the PNG."""
    apart, picked = footage.length // (2 * ROWS), list[Score]()
    for score in sorted(scores, key=lambda each: each.blend[0]):
        if len(picked) < ROWS and all(abs(score.frame - other.frame) >= apart for other in picked):
            picked.append(score)
    (blend, made), count = (_means([getattr(s, name) for s in scores]) for name in Score._fields[1:]), len(scores)
    subtitle = f"{footage.name}, {count} frames, mean PSNR: RIFE {made[0]:.2f} dB, blend {blend[0]:.2f} dB"
    path = out / f"{Path(footage.name).stem}-2x.png"
    rows = [_row(_nodes(footage), score) for score in sorted(picked)]
    with atomic_write(path) as partial:
        draw_sheet(partial, "Every other frame dropped, and interpolated by RIFE", [subtitle], rows, cell=460)
    return path


def _nodes(footage: Footage) -> list[vs.VideoNode]:
    """The clip with every other frame interpolated, and blended, and as it is; all as RGB by one matrix."""
    clip = with_matrix(footage.clip)
    kept = clip[::2]
    made = vs.core.rife.RIFE(kept, multi=2)
    blend = vs.core.std.Interleave([kept, vs.core.std.Merge(kept, kept[1:] + kept[-1])])
    return [node.resize.Bicubic(format=vs.RGB24) for node in (made, blend, clip)]


def _row(nodes: Sequence[vs.VideoNode], score: Score) -> Row:
    n = score.frame
    made, blend, before, after, truth = (
        _rgb(node.get_frame(k)) for node, k in zip((*nodes[:2], *[nodes[2]] * 3), (n, n, n - 1, n + 1, n), strict=True)
    )
    cells = (
        Cell(f"Frame {n - 1}, kept", before),
        Cell(f"Frame {n + 1}, kept", after),
        Cell(f"Plain blend, {score.blend[0]:.1f} dB", blend),
        Cell(f"Interpolated by RIFE, {score.interpolated[0]:.1f} dB", made, accent=True),
        Cell("The truth", truth),
    )
    height, width = (max(side // ZOOM, 1) for side in truth.shape[1:])  # of the part where the blend differs most
    difference = (blend.float() - truth.float()).abs().sum(0)[None, None]
    means = torch.nn.functional.avg_pool2d(difference, (height, width), 1)[0, 0]
    top, left = divmod(int(means.argmax()), means.shape[1])
    return Row(f"Frame {n}", "", cells, (left, top, left + width, top + height))


def _rgb(frame: vs.VideoFrame) -> Tensor:
    """uint8, 3×H×W."""
    return torch.from_numpy(np.stack([np.asarray(frame[plane]) for plane in range(3)]))


def _means(figures: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    """Mean PSNR, SSIM and sharpness."""
    decibels, similarities, ratios = zip(*figures, strict=True)
    return mean_psnr(decibels), mean_figure(similarities), mean_figure(ratios)


def _tags(footage: Footage) -> list[str]:
    """The colours and the pixels' shape as options of ffmpeg: Y4M carries none of them."""
    tags = Tags.of(footage.clip.get_frame(0).props)
    names = {"range": {None: 0, False: 1, True: 2}[tags.full], "color_primaries": tags.primaries,
             "color_trc": tags.transfer, "colorspace": tags.matrix}  # fmt: skip
    parameters = ":".join(f"{name}={2 if value is None else value}" for name, value in names.items())
    location = 0 if tags.chroma is None else tags.chroma + 1
    return ["-vf", f"setparams={parameters},setsar={tags.aspect}", "-chroma_sample_location:v", str(location)]
