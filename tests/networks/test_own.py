"""Our own networks: what their cards say of them, on made-up scenes and on footage they have not learnt from."""

from __future__ import annotations

import hashlib
import re

import numpy as np
import pytest
import torch
from PIL import Image
from support import data, psnr

from vsrife.networks import DEFAULT, OWN
from vsrife.training.scenes import random_scene
from vsrife.weights import load_network, manifest, models_folder


@pytest.mark.parametrize("name", OWN)
def test_it_comes_with_the_package_and_its_card(name: str) -> None:
    entry = manifest()[name]
    content = (models_folder() / entry.file).read_bytes()
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (entry.sha256, entry.size)
    card = (models_folder() / f"{name}.md").read_text(encoding="utf-8")
    assert f"`{entry.sha256}` ({entry.size:,} bytes)" in card
    network = load_network(name, None)
    assert network.config == OWN[name]
    assert f"{sum(p.numel() for p in network.parameters()):,}" in card
    assert re.search(r"\n    vsrife train --init ", card)


def test_ours_find_motion() -> None:
    """On scenes that are known at every time, hard ones, as the cards say."""
    networks = {name: load_network(name, None) for name in (*OWN, DEFAULT)}
    found: dict[str, list[float]] = {"blend": [], **{name: [] for name in networks}}
    for seed in range(8):
        scene = random_scene(np.random.default_rng((7, seed)), 320, 192, reach=8)
        first, truth, last = (scene.picture(time)[None] for time in (0.0, 0.25, 1.0))
        found["blend"].append(psnr(first.lerp(last, 0.25).numpy(), truth.numpy(), 1))
        for name, network in networks.items():
            with torch.inference_mode():
                found[name].append(psnr(network(first, last, 0.25).numpy(), truth.numpy(), 1))
    blend, nano, default, tuned = (float(np.mean(found[name])) for name in ("blend", "nano", DEFAULT, "tuned"))
    assert blend + 0.5 < nano < default < tuned


def test_ours_against_the_default_on_middlebury() -> None:
    """Half-way frames of the set's second half, which none of them has learnt from."""
    networks = {name: load_network(name, None) for name in (*OWN, DEFAULT)}
    found: dict[str, list[float]] = {name: [] for name in networks}
    for triplet in sorted(path for path in data("sets/middlebury_other").iterdir() if path.is_dir())[6:]:
        first, truth, last = (
            torch.from_numpy(np.asarray(Image.open(triplet / f"{frame}.png").convert("RGB")).astype(np.float32) / 255)
            for frame in ("frame10", "frame10i11", "frame11")
        )
        ends = (first.permute(2, 0, 1)[None], last.permute(2, 0, 1)[None])
        for name, network in networks.items():
            with torch.inference_mode():
                made = (network(*ends)[0].permute(1, 2, 0) * 255).round().numpy()
            found[name].append(psnr(made, (truth * 255).numpy(), 255))
    nano, tuned, default = (float(np.mean(found[name])) for name in ("nano", "tuned", DEFAULT))
    assert len(found["nano"]) == 6
    assert nano > default - 0.5
    assert tuned > default + 0.3
