"""How near an interpolated picture comes to the true one, on 8-bit RGB, on any device.

Every function takes N×3×H×W or 3×H×W pictures, uint8 or floats of 0..255, and gives N figures or one, in fp64 (fp32 on
devices that have no other). Pictures that do not fit together raise `RifeError`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from vsrife.errors import ArgumentError, RifeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Metric = Callable[[Tensor, Tensor], Tensor]

__all__ = [
    "CAP",
    "METRICS",
    "absolute_error",
    "interpolation_error",
    "luma",
    "mean_figure",
    "mean_psnr",
    "psnr",
    "psnr_luma",
    "rounded",
    "sharpness",
    "sharpness_luma",
    "ssim",
    "ssim_paper",
]

PEAK = 255.0
CAP = 100.0
"""dB that a picture counts for at most in a mean: an equal one is infinitely near, and would be the mean of all."""
SIGMA, RADIUS = 1.5, 5
"""Of SSIM's Gaussian window, which is 11 samples wide."""
C1, C2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
LUMA = (0.299, 0.587, 0.114)
"""Y of scikit-image's `rgb2yuv`, which the published HD scripts measure on."""


def rounded(picture: Tensor) -> Tensor:
    """A picture of 0..1 as 8-bit values, uint8: to the nearest, halves to the even one, as the published scripts do."""
    return (picture * PEAK).round().clamp(0, PEAK).to(torch.uint8)


def psnr(made: Tensor, truth: Tensor) -> Tensor:
    """Peak signal to noise over all pixels and channels, in dB for a peak of 255; infinite where the two are equal."""
    made, truth = _exact(made, truth)
    return _decibels((made - truth).square().mean((-3, -2, -1)))


def psnr_luma(made: Tensor, truth: Tensor) -> Tensor:
    """The same of luma, not rounded: what RIFE's scripts measure on HD."""
    made, truth = _exact(made, truth)
    return _decibels((luma(made) - luma(truth)).square().mean((-2, -1)))


def mean_psnr(values: Iterable[float]) -> float:
    """Mean of pictures' PSNR, none counting for more than `CAP`; no number where there are none."""
    return mean_figure(min(value, CAP) for value in values)


def mean_figure(values: Iterable[float]) -> float:
    """Mean of what is a number; no number where nothing is."""
    numbers = [value for value in values if not math.isnan(value)]
    return math.fsum(numbers) / len(numbers) if numbers else math.nan


def ssim(made: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity (Wang et al. 2004), the mean of each channel's, 1 where equal.

    Gaussian window of 11×11, sigma 1.5, population covariance, only where the window lies within the picture: the
    same number as scikit-image's with `gaussian_weights=True, sigma=1.5, use_sample_covariance=False`.
    """
    made, truth = _exact(made, truth, smallest=2 * RADIUS + 1)
    return _similarity(made, truth, _windowed)


def ssim_paper(made: Tensor, truth: Tensor) -> Tensor:
    """What RIFE's scripts call `ssim_matlab`, by which Vimeo90K, UCF101 and ATD-12K are reported.

    The picture is a volume of depth three: the window is an 11×11×11 Gaussian, sigma 1.5, and the volume's outermost
    values are repeated in all three directions, so that every pixel counts.
    """
    made, truth = _exact(made, truth, smallest=2 * RADIUS + 1)
    return _similarity(made, truth, _through_channels)


def interpolation_error(made: Tensor, truth: Tensor) -> Tensor:
    """IE as Middlebury's evaluation defines it (Baker et al. 2011): root of the mean square difference, 0 to 255."""
    made, truth = _exact(made, truth)
    return (made - truth).square().mean((-3, -2, -1)).sqrt()


def absolute_error(made: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute difference, 0 to 255: what RIFE's script for Middlebury, and the paper's table, call IE."""
    made, truth = _exact(made, truth)
    return (made - truth).abs().mean((-3, -2, -1))


def sharpness(made: Tensor, truth: Tensor) -> Tensor:
    """Gradient energy over the truth's: squared differences of neighbouring samples, summed over RGB.

    Below 1 is blurred, above it sharper or noisier than the truth; no number where that has no detail.
    """
    made, truth = _exact(made, truth)
    energies = []
    for picture in (made, truth):
        across, down = (picture.diff(dim=dim).square().sum((-3, -2, -1)) for dim in (-1, -2))
        energies.append(across + down)
    return _share(*energies)


def sharpness_luma(made: Tensor, truth: Tensor) -> Tensor:
    """Mean |gradient| of luma over the truth's: as `sharpness`, less ruled by the strongest edges."""
    made, truth = _exact(made, truth)
    across, down = (slice(None, -1), slice(1, None)), (slice(1, None), slice(None, -1))
    means = []
    for picture in (luma(made), luma(truth)):
        here = picture[..., :-1, :-1]
        steps = [picture[..., rows, columns] - here for rows, columns in (across, down)]
        means.append(torch.hypot(*steps).mean((-2, -1)))
    return _share(*means)


METRICS: dict[str, Metric] = {
    "psnr": psnr,
    "psnr_luma": psnr_luma,
    "ssim": ssim,
    "ssim_paper": ssim_paper,
    "ie": interpolation_error,
    "ie_paper": absolute_error,
    "sharpness": sharpness,
    "sharpness_luma": sharpness_luma,
}
"""By the names they are asked for."""


def luma(picture: Tensor) -> Tensor:
    """…×3×H×W RGB → …×H×W, BT.601 weights."""
    weights = picture.new_tensor(LUMA)[:, None, None]
    return (picture * weights).sum(-3)


def _exact(made: Tensor, truth: Tensor, smallest: int = 2) -> tuple[Tensor, Tensor]:
    """Both in the most exact dtype of the device, if they can be compared."""
    if made.shape != truth.shape or made.ndim not in (3, 4) or made.shape[-3] != 3:
        raise RifeError(f"made must be a 3×H×W or N×3×H×W picture like truth, got {_size(made)} and {_size(truth)}")
    if min(made.shape[-2:]) < smallest:
        raise ArgumentError("pictures", _size(made), f"at least {smallest}×{smallest}")
    dtype = torch.float32 if made.device.type == "mps" else torch.float64
    return made.to(dtype), truth.to(made.device, dtype)


def _size(picture: Tensor) -> str:
    return "×".join(map(str, picture.shape)) or "one number"


def _decibels(error: Tensor) -> Tensor:
    return 10 * (PEAK**2 / error).log10()


def _share(made: Tensor, truth: Tensor) -> Tensor:
    return torch.where(truth > 0, made / truth, torch.nan)


def _similarity(made: Tensor, truth: Tensor, window: Callable[[Tensor], Tensor]) -> Tensor:
    mean0, mean1 = window(made), window(truth)
    variance0 = window(made.square()) - mean0.square()
    variance1 = window(truth.square()) - mean1.square()
    covariance = window(made * truth) - mean0 * mean1
    alike = (2 * mean0 * mean1 + C1) * (2 * covariance + C2)
    most = (mean0.square() + mean1.square() + C1) * (variance0 + variance1 + C2)
    return (alike / most).mean((-3, -2, -1))


def _gaussian() -> list[float]:
    weights = [math.exp(-(k**2) / (2 * SIGMA**2)) for k in range(-RADIUS, RADIUS + 1)]
    total = sum(weights)
    return [weight / total for weight in weights]


def _windowed(picture: Tensor) -> Tensor:
    """Gaussian means where the window lies within: …×(H−10)×(W−10). By slices: convolutions in fp64 are slow."""
    weights = _gaussian()
    for dim in (-1, -2):
        length = picture.shape[dim] - 2 * RADIUS
        total = picture.narrow(dim, 0, length) * weights[0]
        for start, weight in enumerate(weights[1:], 1):
            total.add_(picture.narrow(dim, start, length), alpha=weight)
        picture = total
    return picture


def _through_channels(picture: Tensor) -> Tensor:
    """Gaussian means over a volume whose outermost values are repeated: …×3×H×W."""
    mixing = picture.new_zeros(3, 3)
    for channel in range(3):
        for offset, weight in enumerate(_gaussian(), -RADIUS):
            mixing[channel, min(max(channel + offset, 0), 2)] += weight
    mixed = torch.einsum("kc,...chw->...khw", mixing, picture)
    whole = mixed if mixed.ndim == 4 else mixed[None]
    return _windowed(F.pad(whole, (RADIUS,) * 4, mode="replicate")).reshape(picture.shape)
