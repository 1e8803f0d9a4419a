"""Losses against plain formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve1d

from vsrife.networks import Estimate, Stages
from vsrife.training.losses import (
    distillation_loss,
    endpoint_error,
    laplacian_loss,
    log10_mse,
    missing_detail,
)

BINOMIAL = np.array([1, 4, 6, 4, 1]) / 16


def blurred(picture: np.ndarray) -> np.ndarray:
    for axis in (-1, -2):
        picture = convolve1d(picture, BINOMIAL, axis, mode="mirror")
    return picture


def pyramid(picture: np.ndarray, levels: int) -> list[np.ndarray]:
    """Burt and Adelson's, with what is left below."""
    bands = []
    for _ in range(levels):
        smaller = blurred(picture)[..., ::2, ::2]
        spread = np.zeros_like(picture)
        spread[..., ::2, ::2] = smaller
        bands.append(picture - 4 * blurred(spread))
        picture = smaller
    return [*bands, picture]


@pytest.mark.parametrize("levels", [1, 3, 5])
def test_laplacian_loss_is_the_l1_of_two_pyramids(levels: int) -> None:
    rng = np.random.default_rng(levels)
    made, truth = rng.random((2, 2, 3, 64, 96))
    wanted = sum(np.abs(a - b).mean() for a, b in zip(pyramid(made, levels), pyramid(truth, levels), strict=True))
    loss = laplacian_loss(torch.from_numpy(made).float(), torch.from_numpy(truth).float(), levels)
    assert float(loss) == pytest.approx(wanted, rel=1e-5)
    assert float(laplacian_loss(torch.from_numpy(truth), torch.from_numpy(truth))) == 0


def test_laplacian_loss_sees_a_change_of_the_mean_colour() -> None:
    truth = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    assert float(laplacian_loss(truth + 0.1, truth)) == pytest.approx(0.1, rel=1e-4)


def constant(value: float, mask: float) -> Estimate:
    return Estimate(torch.full((1, 4, 8, 8), value), torch.full((1, 1, 8, 8), mask))


def test_distillation_teaches_only_where_the_teacher_is_better() -> None:
    # a ramp of 0.02 a pixel: a flow that is wrong by d pixels makes a picture that is wrong by 0.02·d
    ramp = (0.02 * torch.arange(8.0)).expand(1, 3, 8, 8).contiguous()
    truth = ramp
    student, better, worse = constant(3.0, 9.0), constant(0.0, 9.0), constant(5.0, 9.0)
    student.flow.requires_grad_(True)
    better.flow.requires_grad_(True)
    stages = Stages((student, student), better)
    # 4 components differ by 3; the last column, where the border is repeated, is right by itself
    loss = distillation_loss(stages, ramp, ramp, truth)
    assert float(loss.detach()) == pytest.approx(2 * 6 * 7 / 8, rel=1e-5)
    loss.backward()
    assert student.flow.grad is not None
    assert student.flow.grad[..., :-1].abs().min() > 0
    assert better.flow.grad is None
    assert float(distillation_loss(Stages((student,), worse), ramp, ramp, truth)) == 0
    assert float(distillation_loss(Stages((student,), None), ramp, ramp, truth)) == 0
    # better by less than 0.01
    near = constant(0.4, 9.0)
    assert float(distillation_loss(Stages((near,), better), ramp, ramp, truth)) == 0


def test_endpoint_error_counts_each_end_by_what_is_seen_of_it() -> None:
    flow = torch.tensor([3.0, 4.0, 0.0, 0.0]).view(1, 4, 1, 1).expand(1, 4, 2, 2)
    wanted = torch.tensor([0.0, 0.0, 0.0, 2.0]).view(1, 4, 1, 1).expand(1, 4, 2, 2)
    weight = torch.tensor([[0.0, 1.0], [0.25, 0.5]]).view(1, 1, 2, 2)
    assert float(endpoint_error(flow, wanted, weight)) == pytest.approx((2 + 5 + 2.75 + 3.5) / 4, rel=1e-5)


def test_log10_mse_is_psnr() -> None:
    made = torch.zeros(3, 3, 4, 4)
    truth = torch.tensor([0.1, 0.01, 0.0]).view(3, 1, 1, 1).expand_as(made)
    assert float(log10_mse(made, truth)) == pytest.approx(-(2 + 4 + 6) / 3)  # 20, 40 and at most 60 dB


def test_missing_detail() -> None:
    sharp = torch.rand((2, 3, 16, 16), generator=torch.Generator().manual_seed(0))
    soft = sharp.mean((2, 3), keepdim=True) + 0.5 * (sharp - sharp.mean((2, 3), keepdim=True))
    assert float(missing_detail(soft, sharp)) == pytest.approx(0.75, abs=1e-6)  # half the gradients, a quarter of it
    assert float(missing_detail(sharp, soft)) == 0
    board = (torch.arange(32)[:, None] + torch.arange(32)) % 2 * 0.5
    flat = torch.full((1, 3, 32, 32), 0.5)
    ramp = flat + torch.linspace(-0.2, 0.2, 32)
    # neither a checkerboard nor more than enough elsewhere makes up for what a patch lacks
    assert float(missing_detail(flat + board, ramp)) > 0.9
    half = torch.where(torch.arange(32) < 16, ramp, flat)
    more = torch.where(torch.arange(32) < 16, 0.5 + 3 * (ramp - 0.5), flat)
    assert float(missing_detail(more, ramp)) == pytest.approx(float(missing_detail(half, ramp)), abs=0.05)
    assert 0.4 < float(missing_detail(half, ramp)) < 0.6
