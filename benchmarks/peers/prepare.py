"""Makes what the runs read: `prepare.py JOB CLIP-OR-EMPTY`, in a process of its own.

Source frames as raw files, decoded and scaled once; the published form's first made frame in fp32, which all are held
against; the network as ONNX for vs-mlrt; the weights under the names vsrife 5.7.0 and ccvfi read.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import vapoursynth as vs

from peers.job import Job, array, held
from vsrife.cli.benchmark import moving_planes
from vsrife.errors import RifeError
from vsrife.weights import load_network
from vsrife.weights.export import Form, export_network

if TYPE_CHECKING:
    from vsrife.networks import IFNet

core = vs.core
FIRST = 600
"""Of the development clip: a shot of a moving bird, no cut in the frames after it."""
STEP = 2
"""Every other frame of its 60 a second."""


def source(job: Job, path: str) -> vs.VideoNode:
    """YUV420P8 frames of the size wanted."""
    if not path:
        lumas = [planes[0] for planes in moving_planes(job.width, job.height, job.pairs + 1)]
        colours = held([[luma, 255 - luma, luma // 2 + 64] for luma in lumas], vs.RGB24)
        return colours.resize.Bicubic(format=vs.YUV420P8, matrix=vs.MATRIX_BT709)
    clip = core.bs.VideoSource(path, cachemode=0)[FIRST : FIRST + STEP * (job.pairs + 1) : STEP]
    return clip.resize.Bicubic(job.width, job.height, format=vs.YUV420P8, matrix_in=1, matrix=vs.MATRIX_BT709)


def write_clip(job: Job, path: str) -> None:
    """Both raw files, the RGB one made of the other."""
    with open(job.file("clip", "yuv"), "wb") as yuv:
        for frame in source(job, path).frames(close=True):
            for plane in range(3):
                yuv.write(np.asarray(frame[plane]).tobytes())
    with open(job.file("clip", "rgb"), "wb") as rgb:
        for frame in held(job.planes(), vs.YUV420P8).resize.Bicubic(format=vs.RGBS).frames(close=True):
            rgb.write(array(frame).clip(0, 1).tobytes())


def write_reference(job: Job, network: IFNet) -> None:
    """The first made frame, as RGB and by zimg as 4:2:0."""
    (left, time), *_ = job.times()
    pictures = torch.from_numpy(job.pictures()[left : left + 2])
    with torch.inference_mode():
        made = network(pictures[:1], pictures[1:], float(time))[0].numpy()
    made.astype(np.float32).tofile(job.reference("rgb"))
    yuv = held([list(made)], vs.RGBS).resize.Bicubic(format=vs.YUV420P8, matrix=vs.MATRIX_BT709).get_frame(0)
    with open(job.reference("yuv"), "wb") as file:
        for plane in range(3):
            file.write(np.asarray(yuv[plane]).tobytes())


def write_networks(job: Job, network: IFNet) -> None:
    """Those that are not there yet."""
    folder = Path(job.folder) / "vsrife57" / "vsrife" / "models"
    folder.mkdir(parents=True, exist_ok=True)
    pickle = folder / "flownet_v4.26.pkl"
    if not pickle.exists() or not pickle.stat().st_size:
        torch.save({f"module.{key}": value for key, value in network.state_dict().items()}, pickle)
    size = job.width, job.height
    forms = {"published": Form("onnx", size=size)}
    if torch.cuda.is_available():
        forms["published-fp16"] = Form("onnx", half=True, size=size)
    for name, form in forms.items():
        onnx = job.file(name, "onnx")
        if not onnx.exists():
            try:
                export_network(network, "4.26", form, onnx)
            except RifeError as error:
                print(f"no ONNX, vs-mlrt will be missing: {error}", file=sys.stderr)


def main() -> None:
    """The command."""
    job = Job.read(sys.argv[1])
    network = load_network("4.26", None)
    if not job.file("clip", "rgb").exists():
        write_clip(job, sys.argv[2])
    write_reference(job, network)
    write_networks(job, network)


if __name__ == "__main__":
    main()
