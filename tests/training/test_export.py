"""What a run leaves is a model for the filter."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
import vapoursynth as vs
from support import moving_clip

from vsrife.cli import main
from vsrife.networks import CATALOG, PaperConfig, make
from vsrife.weights import load_network
from vsrife.weights.convert import write_weights
from vsrife.weights.loading import Weights

if TYPE_CHECKING:
    from pathlib import Path

    from vsrife.networks import AnyConfig

OWN: list[AnyConfig] = [
    replace(CATALOG["4.26"], widths=(16, 16, 8), scales=(8, 4, 2)),
    PaperConfig(True, widths=(12, 8), scales=(4, 2), refines=False),
    PaperConfig(widths=(12, 8, 8)),
]


def written(config: AnyConfig, folder: Path) -> tuple[Path, torch.nn.Module]:
    torch.manual_seed(3)
    network = make(config).eval()
    path = folder / "own.safetensors"
    write_weights(Weights(network.state_dict(), "custom", config), path, {"trained-with": "a test"})
    return path, network


@pytest.mark.parametrize("config", OWN, ids=["4.x", "paper-m", "paper"])
def test_networks_of_no_table_are_loaded_by_what_their_file_says(config: AnyConfig, tmp_path: Path) -> None:
    path, network = written(config, tmp_path)
    loaded = load_network(None, path)
    assert loaded.config == config
    for key, value in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value.half().float())


@pytest.mark.vpy("unique-core")
@pytest.mark.parametrize("config", OWN, ids=["4.x", "paper-m", "paper"])
def test_the_filter_makes_the_network_s_picture(config: AnyConfig, tmp_path: Path) -> None:
    path, _ = written(config, tmp_path)
    clip = moving_clip(96, 64, 3)
    made = vs.core.rife.RIFE(
        clip, model_path=str(path), device="cpu", precision="fp32", picture="published", sc=0
    ).get_frame(1)
    network = load_network(None, path)
    first, last = (torch.from_numpy(np.stack([np.asarray(clip.get_frame(n)[p]) for p in range(3)])) for n in (0, 1))
    with torch.no_grad():
        wanted = network(first[None], last[None], 0.5)[0]
    assert np.abs(np.stack([np.asarray(made[p]) for p in range(3)]) - wanted.numpy()).max() < 2e-4


def test_the_command_line_knows_and_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VSRIFE_MODELS", str(tmp_path / "kept"))
    path, _ = written(OWN[0], tmp_path)
    assert main(["models", "info", str(path)]) == 0
    assert '"widths": [16, 16, 8]' in capsys.readouterr().out
    assert main(["models", "import", str(path), "--name", "mine"]) == 0
    assert load_network("mine", None).config == OWN[0]
    assert main(["models"]) == 0
    assert "mine" in capsys.readouterr().out


def test_a_file_whose_tensors_are_not_as_it_says_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    state = make(OWN[0]).state_dict()
    path = tmp_path / "other.safetensors"
    write_weights(Weights(state, "custom", OWN[1]), path)
    assert main(["models", "info", str(path)]) == 1
    assert "are not those of the described network" in capsys.readouterr().err
