"""Made-up scenes against the geometry they are made by."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from vsrife.networks import backward_warp
from vsrife.training.scenes import TEXELS, Layer, Scene, random_scene, random_texture


def checks(size: int = 64) -> torch.Tensor:
    """A smooth texture of two waves."""
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    turn = 2 * math.pi / size
    return torch.stack(
        [0.5 + 0.4 * torch.sin(turn * x), 0.5 + 0.4 * torch.cos(turn * y), torch.full((size, size), 0.5)]
    )


def test_a_layer_is_its_texture_moved() -> None:
    layer = Layer(checks(), velocity=(3.0, -2.0), centre=(5.0, 7.0))
    scene = Scene(40, 30, (layer,))
    y, x = np.mgrid[0:30, 0:40]
    for time in (0.0, 0.5, 1.0):
        own_x, own_y = x - (5 + 3 * time), y - (7 - 2 * time)
        turn = 2 * np.pi * TEXELS / 64
        picture = scene.picture(time).numpy()
        assert np.abs(picture[0] - (0.5 + 0.4 * np.sin(turn * own_x))).max() < 2e-3
        assert np.abs(picture[1] - (0.5 + 0.4 * np.cos(turn * own_y))).max() < 2e-3
    assert torch.allclose(scene.flow(0.5, 1.0)[0], torch.full((30, 40), 1.5), atol=1e-4)
    assert torch.allclose(scene.flow(0.5, 1.0)[1], torch.full((30, 40), -1.0), atol=1e-4)


def test_flow_is_that_of_the_turning_zooming_accelerating_layer() -> None:
    layer = Layer(
        checks(), centre=(20.0, 10.0), velocity=(4.0, 6.0), acceleration=(2.0, -8.0), angle=0.3, spin=0.5, zoom=0.2
    )
    scene = Scene(50, 40, (layer,))
    place = np.array([31.0, 22.0])

    def matrix(time: float) -> np.ndarray:
        turn = 0.3 + 0.5 * time
        return math.exp(0.2 * time) * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])

    def middle(time: float) -> np.ndarray:
        return np.array([20 + 4 * time + time**2, 10 + 6 * time - 4 * time**2])

    own = np.linalg.solve(matrix(0.25), place - middle(0.25))
    there = matrix(1.0) @ own + middle(1.0)
    found = scene.flow(0.25, 1.0)[:, 22, 31].numpy()
    assert found == pytest.approx(there - place, abs=1e-3)


def test_near_layers_hide_far_ones() -> None:
    far, near = torch.full((3, 8, 8), 0.2), torch.full((3, 8, 8), 0.9)
    disc = Layer(near, radius=6.0, centre=(10.0, 12.0), velocity=(16.0, 0.0))
    scene = Scene(40, 24, (Layer(far), disc))
    for time in (0.0, 0.5, 1.0):
        picture = scene.picture(time)
        y, x = np.mgrid[0:24, 0:40]
        inside = np.hypot(x - (10 + 16 * time), y - 12)
        assert np.allclose(picture[0][inside < 5].numpy(), 0.9, atol=1e-4)
        assert np.allclose(picture[0][inside > 7].numpy(), 0.2, atol=1e-4)
        covered = float(((picture[0] - 0.2) / 0.7).sum())
        assert covered == pytest.approx(math.pi * 36, rel=0.01)  # the edge is a pixel wide and smooth


@pytest.mark.parametrize("seed", range(6))
def test_what_is_seen_at_both_times_is_where_the_flow_says(seed: int) -> None:
    scene = random_scene(np.random.default_rng(seed), 96, 80, reach=20)
    first, middle = scene.picture(0.0), scene.picture(0.5)
    warped = backward_warp(first[None], scene.flow(0.5, 0.0)[None])[0]
    error = (warped - middle).abs().mean(0)
    still = (first - middle).abs().mean(0)
    # bilinear lookups, and what was hidden, are what is left
    assert float(error.median()) < 0.35 * float(still.median()) + 0.01


def test_scenes_go_as_far_as_they_are_told_and_are_made_by_the_seed() -> None:
    far = [random_scene(np.random.default_rng(n), 64, 64, reach=200) for n in range(12)]
    lengths = [math.hypot(*layer.velocity) for scene in far for layer in scene.layers]
    assert max(lengths) > 100
    assert max(lengths) <= 200
    again = random_scene(np.random.default_rng(3), 64, 64, reach=200)
    assert torch.equal(again.picture(0.3), far[3].picture(0.3))
    assert not torch.equal(far[2].picture(0.3), far[3].picture(0.3))


def test_a_texture_has_no_seam() -> None:
    texture = random_texture(np.random.default_rng(0), 64)
    inside = (texture[:, 1:] - texture[:, :-1]).abs().mean()
    seam = (texture[:, 0] - texture[:, -1]).abs().mean()
    assert float(seam) < 2 * float(inside)
    assert 0 <= float(texture.min()) < float(texture.max()) <= 1


def test_a_steeper_slope_is_smoother_and_rest_says_how_many_are_slow() -> None:
    rough, smooth = (
        torch.stack([random_texture(np.random.default_rng(n), 64, slope=(power, power)) for n in range(6)])
        for power in (0.6, 2.0)
    )
    assert float(smooth.diff(dim=-1).abs().mean()) < 0.6 * float(rough.diff(dim=-1).abs().mean())
    for rest in (1, 3):
        scenes = [random_scene(np.random.default_rng(n), 64, 64, reach=10, rest=rest) for n in range(40)]
        lengths = [math.hypot(*layer.velocity) for scene in scenes for layer in scene.layers]
        assert np.mean(lengths) == pytest.approx(10 / (rest + 1), rel=0.15)  # the mean of u^rest is 1 / (rest + 1)
