"""The picture steps that training learns through are the filter's, and have gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support import texture

from vsrife.engine import HostFrame, Interpolator, Options, PictureFormat, RenderMode, Task, Timestep, shared_engine
from vsrife.engine.picture import Colour
from vsrife.errors import RifeError
from vsrife.networks import Estimate
from vsrife.training.data import Triplet
from vsrife.training.module import interpolate_batch
from vsrife.training.options import TrainOptions
from vsrife.training.picture_step import PICTURE_STEPS, make_picture
from vsrife.weights import load_network

HEIGHT, WIDTH = 64, 128


def pair_of(shift: float, time: float) -> Triplet:
    places = ((k * shift, 0.4 * k * shift) for k in (0, time, 1))
    first, truth, last = (torch.from_numpy(texture(WIDTH, HEIGHT, *at, seed=3)).float()[None] for at in places)
    return Triplet(first, last, truth, torch.tensor([time]))


@pytest.mark.parametrize("step", PICTURE_STEPS)
@pytest.mark.parametrize("time", [0.5, 0.2])
def test_the_picture_is_the_filters(step: str, time: float) -> None:
    pairs = [pair_of(shift, time) for shift in (3.0, 14.0)]
    batch = Triplet(*(torch.cat(column) for column in zip(*pairs, strict=True)))
    network = load_network("nano", None)
    with torch.no_grad():
        made = interpolate_batch(network, batch, step=step)
    form = PictureFormat("rgb", 32, True, 0, 0, WIDTH, HEIGHT)
    engine = shared_engine("nano", None, torch.device("cpu"), torch.float32)
    for n in range(2):
        frames = [
            HostFrame(k, list(picture[n].numpy()), Colour()) for k, picture in enumerate((batch.img0, batch.img1))
        ]
        out = [np.empty((HEIGHT, WIDTH), np.float32) for _ in range(3)]
        task = Task(*frames, Timestep(time), form, RenderMode.INTERPOLATE)
        Interpolator(engine, form, Options(picture=step)).render(task, out)
        assert np.abs(np.stack(out).clip(0, 1) - made[n].numpy()).max() < 2e-3


def test_gradients_are_those_of_finite_differences() -> None:
    batch = pair_of(2.0, 0.5)
    generator = torch.Generator().manual_seed(4)
    base = torch.tensor([-1.0, -0.4, 1.0, 0.4, 0.2]).view(1, 5, 1, 1).expand(1, 5, HEIGHT, WIDTH)
    smooth = torch.nn.functional.interpolate(
        torch.randn(1, 5, 4, 8, generator=generator), (HEIGHT, WIDTH), mode="bicubic"
    )
    values = (base + 0.2 * smooth).requires_grad_()

    def loss(at: torch.Tensor) -> torch.Tensor:
        return (make_picture("sharp", Estimate(at[:, :4], at[:, 4:]), batch) - batch.truth).square().mean()

    loss(values).backward()
    assert values.grad is not None
    for channel in range(5):
        direction = torch.zeros_like(values)
        direction[:, channel] = 1.0
        slope = float((values.grad * direction).sum())
        with torch.no_grad():
            difference = float(loss(values + 2e-3 * direction) - loss(values - 2e-3 * direction)) / 4e-3
        assert slope == pytest.approx(difference, rel=0.1, abs=1e-7)


def test_pictures_at_rest_have_finite_gradients() -> None:
    batch = pair_of(0.0, 0.5)
    values = torch.zeros(1, 5, HEIGHT, WIDTH, requires_grad=True)
    make_picture("sharp", Estimate(values[:, :4], values[:, 4:]), batch).square().mean().backward()
    assert values.grad is not None
    assert values.grad.isfinite().all()


def test_a_residual_is_added() -> None:
    batch = pair_of(2.0, 0.5)
    estimate = Estimate(torch.zeros(1, 4, HEIGHT, WIDTH), torch.zeros(1, 1, HEIGHT, WIDTH))
    plain = make_picture("sharp", estimate, batch)
    more = make_picture("sharp", estimate._replace(residual=torch.full_like(plain, 0.1)), batch)
    assert torch.equal(more, (plain + 0.1).clamp(0, 1))


def test_weights_learn_through_the_filters_step_and_nothing_through_the_published_one() -> None:
    assert TrainOptions(model="paper-m").step == "published"
    assert TrainOptions(init="4.26").step == "sharp"
    assert TrainOptions(init="4.26", picture_step="published").step == "published"
    older = TrainOptions(init="4.26").to_json().replace(' "picture_step": null,\n', "")
    assert "picture_step" not in older
    assert TrainOptions.from_json(older).step == "published"
    with pytest.raises(RifeError, match="picture_step must be one of published, sharp, got soft"):
        TrainOptions(model="4.26", picture_step="soft")
