"""Networks with every trait of the 4.x line that an exported graph depends on: small, random, and moving."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import vapoursynth as vs
from support import planes, psnr, texture

from vsrife.networks import CATALOG, OWN, HeadConfig, IFNetConfig, make

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from vsrife.networks import IFNet

_NARROW = {
    replace(config, widths=tuple(8 + 4 * index for index in range(len(config.widths)))): name
    for name, config in reversed({**CATALOG, **OWN}.items())
    if not config.doubles
}
CONFIGS: dict[str, IFNetConfig] = {name: config for config, name in _NARROW.items()}
"""First name of every architecture without adaptive scale, but for widths → the same, narrow."""
CONFIGS["prelu"] = IFNetConfig((8, 6), (2, 1), body="prelu", outputs=5, shuffle=False, accumulates_mask=True)
CONFIGS["one block"] = IFNetConfig((8,), (4,), head=HeadConfig(4, 4))


def moving(config: Any) -> IFNet:
    """A network with random weights that finds motion of several pixels."""
    torch.manual_seed(3)
    network = make(config)
    with torch.no_grad():
        for name, value in network.named_parameters():
            value.add_(torch.randn(value.shape) * 0.05)
            if "lastconv" in name:
                value.mul_(2)
    return network.eval().requires_grad_(False)


def pair(width: int, height: int) -> tuple[Tensor, Tensor, Tensor]:
    """Two pictures of moving texture, 1×3×H×W, and a map of times, 1×1×H×W."""
    first, last = (torch.from_numpy(texture(width, height, 3.0 * n, 1.5 * n))[None] for n in range(2))
    return first, last, torch.linspace(0.2, 0.8, width).expand(1, 1, height, width).contiguous()


def filtered(clip: vs.VideoNode, parts: int, **options: Any) -> NDArray[np.float32]:
    """What the filter itself makes of the first two frames of a clip at 1/`parts` of the way, 3×H×W."""
    made = vs.core.rife.RIFE(clip, multi=parts, precision="fp32", device="cpu", sc=0, **options).get_frame(1)
    return np.stack(planes(made))


def decibels(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """PSNR of pictures in 0..1."""
    return psnr(a, b, 1)
