"""Metrics against scikit-image, SciPy and plain formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import correlate
from skimage.color import rgb2yuv
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from vsrife.errors import RifeError
from vsrife.evaluation import metrics


def pair(seed: int, height: int = 37, width: int = 52, noise: float = 9) -> tuple[torch.Tensor, torch.Tensor]:
    """A smooth random picture and a noisy copy, 3×H×W uint8."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.uniform(0, 255, (1, 3, 6, 8)))
    truth = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")[0]
    made = truth + torch.from_numpy(rng.normal(0, noise, truth.shape))
    first, second = (x.round().clamp(0, 255).to(torch.uint8) for x in (made, truth))
    return first, second


def arrays(*pictures: torch.Tensor) -> list[np.ndarray]:
    """H×W×3."""
    return [picture.permute(1, 2, 0).numpy() for picture in pictures]


def slow_ssim_paper(made: np.ndarray, truth: np.ndarray) -> float:
    """From the definition: a dense 11×11×11 window over a volume of edge values repeated."""
    line = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = line[:, None, None] * line[:, None] * line
    window /= window.sum()

    def mean(volume: np.ndarray) -> np.ndarray:
        return correlate(volume, window, mode="nearest")

    a, b = made.astype(np.float64), truth.astype(np.float64)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    numerator = (2 * mean(a) * mean(b) + c1) * (2 * (mean(a * b) - mean(a) * mean(b)) + c2)
    spread = mean(a * a) - mean(a) ** 2 + mean(b * b) - mean(b) ** 2
    return float((numerator / ((mean(a) ** 2 + mean(b) ** 2 + c1) * (spread + c2))).mean())


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(11, 40), st.integers(11, 40), st.sampled_from([0.6, 9.0, 80.0]))
def test_metrics_are_those_of_other_implementations(seed: int, height: int, width: int, noise: float) -> None:
    made, truth = pair(seed, height, width, noise)
    a, b = arrays(made, truth)
    error = a.astype(np.float64) - b
    if error.any():
        assert metrics.psnr(made, truth) == pytest.approx(peak_signal_noise_ratio(b, a), abs=1e-9)
        y = 255 * (rgb2yuv(a) - rgb2yuv(b))[..., 0]
        assert metrics.psnr_luma(made, truth) == pytest.approx(10 * np.log10(255**2 / np.mean(y**2)), abs=1e-6)
    expected = structural_similarity(
        b, a, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    assert metrics.ssim(made, truth) == pytest.approx(expected, abs=1e-6)
    assert metrics.ssim_paper(made, truth) == pytest.approx(slow_ssim_paper(a, b), abs=1e-9)
    assert metrics.interpolation_error(made, truth) == pytest.approx(np.sqrt(np.mean(error**2)), abs=1e-9)
    assert metrics.absolute_error(made, truth) == pytest.approx(np.mean(np.abs(error)), abs=1e-9)


def test_sharpness_is_gradient_energy_over_the_truths() -> None:
    made, truth = pair(3)
    a, b = (x.astype(np.float64) for x in arrays(made, truth))
    energy = [sum((np.diff(x, axis=axis) ** 2).sum() for axis in (0, 1)) for x in (a, b)]
    assert metrics.sharpness(made, truth) == pytest.approx(energy[0] / energy[1], rel=1e-9)
    steepness = []
    for x in (a, b):
        y = x @ [0.299, 0.587, 0.114]
        steepness.append(np.hypot(np.diff(y, axis=1)[:-1], np.diff(y, axis=0)[:, :-1]).mean())
    assert metrics.sharpness_luma(made, truth) == pytest.approx(steepness[0] / steepness[1], rel=1e-9)


@pytest.mark.parametrize("name", metrics.METRICS)
def test_a_batch_is_its_pictures_in_any_dtype(name: str) -> None:
    metric = metrics.METRICS[name]
    pairs = [pair(seed) for seed in range(3)]
    made, truth = (torch.stack(pictures) for pictures in zip(*pairs, strict=True))
    alone = torch.stack([metric(*each) for each in pairs])
    assert alone.shape == (3,)
    torch.testing.assert_close(metric(made, truth), alone, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(metric(made.float(), truth), alone, rtol=1e-12, atol=1e-12)


def test_equal_pictures() -> None:
    _, picture = pair(1)
    figures = {name: metric(picture, picture).item() for name, metric in metrics.METRICS.items()}
    assert figures == {
        "psnr": math.inf, "psnr_luma": math.inf, "ssim": 1, "ssim_paper": 1,
        "ie": 0, "ie_paper": 0, "sharpness": 1, "sharpness_luma": 1,
    }  # fmt: skip


def test_no_detail_is_no_sharpness() -> None:
    flat = torch.full((3, 20, 20), 7, dtype=torch.uint8)
    made, _ = pair(2, 20, 20)
    assert math.isnan(metrics.sharpness(made, flat))
    assert math.isnan(metrics.sharpness_luma(made, flat))
    assert metrics.ssim(flat, flat) == pytest.approx(1, abs=1e-9)


def test_rounding_is_to_the_nearest_and_halves_to_even() -> None:
    values = torch.tensor([-0.1, 0.5 / 255, 1.5 / 255, 0.25, 1.2], dtype=torch.float64)
    assert metrics.rounded(values).tolist() == [0, 0, 2, 64, 255]
    picture = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(1))
    assert np.array_equal(metrics.rounded(picture).numpy(), np.round(picture.numpy() * 255).astype(np.uint8))


def test_means() -> None:
    assert metrics.mean_psnr([30, math.inf]) == 65
    assert metrics.mean_psnr([130.0]) == 100
    assert metrics.mean_figure([1, math.nan, 3]) == 2
    assert math.isnan(metrics.mean_figure([]))


@pytest.mark.parametrize(
    ("made", "truth", "message"),
    [
        ((3, 20, 20), (3, 20, 21), "like truth, got 3×20×20 and 3×20×21"),
        ((20, 20), (20, 20), "got 20×20 and 20×20"),
        ((1, 20, 20), (1, 20, 20), "got 1×20×20 and 1×20×20"),
        ((3, 10, 20), (3, 10, 20), "pictures must be at least 11×11, got 3×10×20"),
    ],
)
def test_what_cannot_be_compared_is_one_line(made: tuple[int, ...], truth: tuple[int, ...], message: str) -> None:
    with pytest.raises(RifeError) as raised:
        metrics.ssim(torch.zeros(made), torch.zeros(truth))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is here")
@pytest.mark.parametrize("name", metrics.METRICS)
def test_on_a_card(name: str) -> None:
    made, truth = pair(5)
    there = metrics.METRICS[name](made.cuda(), truth.cuda())
    assert there.item() == pytest.approx(metrics.METRICS[name](made, truth).item(), rel=1e-9)
