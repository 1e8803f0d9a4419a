"""ST-LPIPS, a learned perceptual distance (Ghildyal and Liu, ECCV 2022), with the weights that its package brings.

LPIPS itself takes a backbone that is downloaded where it is first used; here backbone and calibration lie in the wheel
`stlpips-pytorch`, of which nothing but the file of weights is used. Its figures are not those of LPIPS, though near 0
likewise means alike.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from vsrife.errors import ArgumentError, RifeError

__all__ = ["has_st_lpips", "st_lpips"]

PACKAGE, WEIGHTS = "stlpips_pytorch", "weights/vST0.0/alex_shift_tolerant.pth"
SMALLEST = 21
"""Pixels of a side that leave the innermost layers something."""
CONVOLUTIONS = (("slice1.0", 2), ("slice2.5", 2), ("slice3.9", 1), ("slice4.11", 1), ("slice5.13", 1))
"""AlexNet's, by their names in the file, with their padding."""
BLUR = (1 / 4, 2 / 4, 1 / 4)


def has_st_lpips() -> bool:
    """Whether the weights are installed."""
    return _file() is not None


@torch.inference_mode()
def st_lpips(made: Tensor, truth: Tensor) -> Tensor:
    """Distance of two pictures as people see it, 0 where equal.

    Args:
        made: N×3×H×W or 3×H×W, 0..255.
        truth: pictures of the same shape.

    Returns:
        N figures or one, fp64 where the device has that.

    Raises:
        RifeError: pictures of two shapes or too small ones, or `stlpips-pytorch` is not installed.
    """
    if made.shape != truth.shape or made.ndim not in (3, 4) or made.shape[-3] != 3:
        shapes = " and ".join("×".join(map(str, picture.shape)) for picture in (made, truth))
        raise ArgumentError("made", shapes, "a 3×H×W or N×3×H×W picture like truth")
    if min(made.shape[-2:]) < SMALLEST:
        size = "×".join(map(str, made.shape[-2:]))
        raise ArgumentError("pictures", size, f"at least {SMALLEST}×{SMALLEST} for ST-LPIPS")
    state = _weights(made.device)
    total = torch.zeros((), device=made.device)
    pairs = zip(_features(made, state), _features(truth, state), strict=True)
    for layer, (one, other) in enumerate(pairs):
        difference = (F.normalize(one, eps=1e-10) - F.normalize(other, eps=1e-10)).square()
        total = total + F.conv2d(difference, state[f"lin{layer}.model.1.weight"]).mean((1, 2, 3))
    figures = total if made.device.type == "mps" else total.double()
    return figures if made.ndim == 4 else figures[0]


def _features(picture: Tensor, state: dict[str, Tensor]) -> list[Tensor]:
    """What each of the five layers makes of a picture: N×C×h×w."""
    x = picture.reshape(-1, *picture.shape[-3:]).float() / 127.5 - 1
    x = (x - state["scaling_layer.shift"]) / state["scaling_layer.scale"]
    features = []
    for layer, (name, padding) in enumerate(CONVOLUTIONS):
        if layer in (1, 2):
            x = _halved(F.max_pool2d(x, 3, 1))
        x = F.conv2d(x, state[f"net.{name}.weight"], state[f"net.{name}.bias"], padding=padding)
        x = (_halved(x) if layer == 0 else x).relu()
        features.append(x)
    return features


def _halved(x: Tensor) -> Tensor:
    """Blurred, and every other sample taken, of a picture continued by two mirrored rows and columns."""
    row = x.new_tensor(BLUR)
    kernel = (row[:, None] * row).expand(x.shape[1], 1, 3, 3)
    return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), kernel, stride=2, groups=x.shape[1])


def _file() -> Path | None:
    spec = find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(folder) / WEIGHTS).is_file():
            return Path(folder) / WEIGHTS
    return None


@cache
def _weights(device: torch.device) -> dict[str, Tensor]:
    file = _file()
    if file is None:
        raise RifeError("ST-LPIPS needs its weights; pip install stlpips-pytorch")
    state: dict[str, Tensor] = torch.load(file, map_location=device, weights_only=True)
    return state
