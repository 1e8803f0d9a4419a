"""The published form and its folded copy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support import psnr, texture
from tolerances import RESAMPLED, SUMMED

from vsrife.networks import CATALOG, CONFIGS, IFNet, backward_warp, make
from vsrife.networks.fold import folded
from vsrife.weights import load_network


def test_warp_reads_where_the_flow_points() -> None:
    picture = torch.arange(20, dtype=torch.float32).view(1, 1, 4, 5)
    flow = torch.zeros(1, 2, 4, 5)
    flow[:, 0], flow[:, 1] = 1.5, -1
    expected = [[max(y - 1, 0) * 5 + min(x + 1.5, 4) for x in range(5)] for y in range(4)]
    assert torch.allclose(backward_warp(picture, flow)[0, 0], torch.tensor(expected), atol=SUMMED)


def test_a_moving_texture_is_found() -> None:
    first, last = (torch.from_numpy(texture(160, 120, 10 * t, 4 * t))[None] for t in (0, 1))
    with torch.inference_mode():
        made = load_network("4.26", None)(first, last, 0.3)[0].numpy()
    inside = np.s_[:, 16:-16, 16:-16]
    truth = texture(160, 120, 3, 1.2)
    assert psnr(made[inside], truth[inside], 1) > 36


def test_a_map_of_times_is_each_time_in_its_place() -> None:
    network = load_network("4.26", None)
    first, last = (torch.from_numpy(texture(256, 128, 6 * t, 0))[None] for t in (0, 1))
    times = torch.full((1, 1, 128, 256), 0.2)
    times[..., 128:] = 0.8
    with torch.inference_mode():
        mixed, early, late = (network(first, last, t)[0] for t in (times, 0.2, 0.8))
    for side, own, other in ((np.s_[..., :64], early, late), (np.s_[..., -64:], late, early)):
        assert float((mixed - own)[side].abs().mean()) < float((mixed - other)[side].abs().mean()) / 4


def test_any_size_is_padded_and_cropped() -> None:
    network = load_network("4.26", None)
    pictures = torch.rand(2, 1, 3, 70, 90, generator=torch.Generator().manual_seed(0))
    padded = torch.nn.functional.pad(pictures.flatten(0, 1), (0, 38, 0, 58), mode="replicate").unflatten(0, (2, 1))
    with torch.inference_mode():
        small, large = network(*pictures), network(*padded)
    assert small.shape == (1, 3, 70, 90)
    assert torch.equal(small, large[..., :70, :90])


@pytest.mark.parametrize("name", ["4.6", "4.14.lite", "4.26"])
def test_folding_keeps_the_function(name: str) -> None:
    torch.manual_seed(3)
    network = make(CONFIGS[name]).eval().requires_grad_(False)
    for key, parameter in network.named_parameters():
        if key.endswith("beta"):
            torch.nn.init.uniform_(parameter, 0.3, 1.5)
    x = torch.rand(1, CATALOG[name].inputs(1), 32, 32)
    with torch.inference_mode():
        expected, got = network.blocks[1](x), folded(network).blocks[1](x)
    assert torch.allclose(got, expected, rtol=RESAMPLED, atol=SUMMED * float(expected.abs().max()))
    assert not any(key.endswith("beta") for key in folded(network).state_dict())


def test_heads() -> None:
    picture = torch.full((1, 3, 64, 64), 1.5)
    torch.manual_seed(0)
    named = IFNet(CATALOG["4.26"])
    assert torch.equal(named.features(picture), named.features(picture.clamp(0, 1)))
    assert named.features(picture).shape == (1, 4, 64, 64)
    plain = IFNet(CATALOG["4.7"])
    assert not torch.equal(plain.features(picture), plain.features(picture.clamp(0, 1)))
    assert IFNet(CATALOG["4.6"]).features(picture).shape == (1, 0, 64, 64)
