"""ncnn on the CPU, with its Winograd and its packed layouts, as its library picks them: PyPI's `ncnn`.

The network is 4.26 in the form that the ncnn plugin publishes, byte for byte (`vsrife models export --to ncnn`). Its
layer `rife.Warp` is not part of ncnn; here PyTorch warps, on as many threads. The plugin itself needs Vulkan, so that
there is no filter to run as a script.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from peers.job import Job


def network(job: Job) -> Iterator[Callable[[], NDArray[np.float32]]]:
    """One pair at a time on all cores."""
    import ncnn

    net, layers = ncnn.Net(), []
    net.opt.num_threads = torch.get_num_threads()
    net.register_custom_layer("rife.Warp", lambda: layers.append(warp_layer(ncnn)) or layers[-1], lambda layer: None)
    folder = _folder(job)
    if net.load_param(str(folder / "flownet.param")) or net.load_model(str(folder / "flownet.bin")):
        raise RuntimeError(f"ncnn does not load {folder}")
    width, height = job.padded
    margins = ((0, 0), (0, 0), (0, height - job.height), (0, width - job.width))
    pictures = np.pad(job.pictures(), margins, mode="edge")
    for left, time in job.times():
        times = np.full((1, height, width), float(time), np.float32)
        inputs = (pictures[left], pictures[left + 1], times)  # which ncnn does not copy
        extractor = net.create_extractor()
        for index, value in enumerate(inputs):
            extractor.input(f"in{index}", ncnn.Mat(value))
        status, out = extractor.extract("out0")
        if status:
            raise RuntimeError(f"ncnn ended with {status}")
        made = np.array(out)[:, : job.height, : job.width]
        yield lambda made=made: made


def missing(job: Job) -> str | None:
    """The package, or the network's files."""
    if find_spec("ncnn") is None:
        return "ncnn is not installed"
    return None if (_folder(job) / "flownet.bin").is_file() else "no network for it"


def known() -> dict[str, str]:
    """Packages tell it."""
    return {}


def _folder(job: Job) -> Path:
    return Path(job.folder) / "ncnn"


def warp_layer(ncnn: Any) -> Any:
    """A layer of ncnn that warps a picture along a flow in pixels."""
    from vsrife.networks import backward_warp

    class Warp(ncnn.Layer):
        def __init__(self) -> None:
            ncnn.Layer.__init__(self)
            self.one_blob_only = False

        def forward(self, bottoms: list[Any], tops: list[Any], option: Any) -> int:
            picture, flow = (torch.from_numpy(np.array(bottom))[None] for bottom in bottoms)
            warped = np.ascontiguousarray(backward_warp(picture, flow)[0].numpy())
            tops[0].clone_from(ncnn.Mat(warped), option.blob_allocator)
            return 0

    return Warp()
