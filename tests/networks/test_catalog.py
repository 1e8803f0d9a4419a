"""The table of networks against published counts and rules."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from cost import block_multiplications, head_multiplications

from vsrife.networks import CATALOG, DEFAULT, LEGACY, OWN, IFNet, IFNetConfig

MILLIONS = {
    "4.0": 5.16, "4.2": 5.16, "4.5": 5.28, "4.6": 5.31, "4.7": 5.33, "4.10": 5.36, "4.12.lite": 2.63, "4.13": 5.36,
    "4.14.lite": 2.97, "4.15.lite": 2.62, "4.20": 15.38, "4.21": 9.32, "4.22.lite": 4.87, "4.25": 5.67,
    "4.25.heavy": 21.66, "4.25.lite": 5.62, "4.26.heavy": 5.72,
}  # fmt: skip


def parameters(config: IFNetConfig) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in IFNet(config).parameters())


def test_thirty_six_names_of_seventeen_networks() -> None:
    assert len(CATALOG) == 36
    assert len(set(CATALOG.values())) == len(MILLIONS) == 17


@pytest.mark.parametrize(("name", "millions"), MILLIONS.items())
def test_parameter_counts(name: str, millions: float) -> None:
    assert parameters(CATALOG[name]) / 1e6 == pytest.approx(millions, abs=0.011)


def counted(config: IFNetConfig, height: int, width: int) -> int:
    """Of the convolutions for one interpolated picture, each end's head counted once in two."""
    total = 0

    def count(module: torch.nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        nonlocal total
        area = inputs[0] if isinstance(module, torch.nn.ConvTranspose2d) else output
        weight = module.weight
        assert isinstance(weight, torch.Tensor)
        total += area.shape[0] * area.shape[2] * area.shape[3] * weight.numel()

    with torch.device("meta"):
        network = IFNet(config)
        pictures = torch.zeros(2, 1, 3, height, width)
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            module.register_forward_hook(count)
    network.features(pictures[0])
    once = total
    total = 0
    network.estimate(*pictures)
    return total - once


def test_nano_is_at_most_a_quarter_of_the_default() -> None:
    default, nano = (counted(config, 1088, 1920) for config in (CATALOG[DEFAULT], OWN["nano"]))
    assert default / 1e9 == pytest.approx(43.25, abs=0.005)
    assert nano <= default / 4
    assert not OWN.keys() & (CATALOG.keys() | LEGACY.keys())


@pytest.mark.parametrize("name", MILLIONS)
def test_the_benchmarks_arithmetic_counts_what_the_layers_do(name: str) -> None:
    config = replace(CATALOG[name], doubles=False)
    blocks = (
        block_multiplications(config, index, 256 / scale, 384 / scale) for index, scale in enumerate(config.scales)
    )
    assert sum(blocks) + head_multiplications(config, 256, 384) == counted(config, 256, 384)


def test_exact_counts_of_published_files() -> None:
    assert parameters(CATALOG["4.26"]) == 5_664_776
    assert parameters(CATALOG["4.0"]) == 5_160_980


@pytest.mark.parametrize(
    ("name", "scale", "alignment"),
    [
        ("4.6", 1, 32),
        ("4.6", 0.5, 64),
        ("4.6", 2, 32),
        ("4.26", 1, 64),
        ("4.26", 0.25, 256),
        ("4.25.lite", 1, 128),
        ("4.0", 1, 64),
    ],
)
def test_alignment_is_derived(name: str, scale: float, alignment: int) -> None:
    assert CATALOG[name].alignment(scale) == alignment


def test_inputs_are_derived() -> None:
    assert [CATALOG["4.0"].inputs(i) for i in (0, 1)] == [7, 12]
    assert [CATALOG["4.26"].inputs(i) for i in (0, 4)] == [15, 28]
    assert [CATALOG["4.26.heavy"].inputs(i) for i in (0, 1)] == [39, 52]


def test_widths_and_scales_must_match() -> None:
    with pytest.raises(ValueError, match="3 widths for 4 scales"):
        replace(CATALOG["4.6"], widths=(1, 2, 3))
