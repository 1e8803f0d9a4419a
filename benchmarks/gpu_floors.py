"""What a frame takes on a card at least, on paper: `python benchmarks/gpu_floors.py` prints tables of the docs.

Nothing here is measured. Bytes and multiplications are counted from the networks' configurations, kernels on simulated
CUDA tensors; the peaks are those of the makers' data sheets. `--json` writes every stage for every card.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from cost import block_multiplications, head_multiplications

from vsrife.motion.packing import Packing
from vsrife.networks import CATALOG, DEFAULT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vsrife.networks import IFNetConfig

PEAKS = {
    "H200": (4.8, 989.0),
    "H100 PCIe": (2.0, 756.0),
    "H100 NVL": (3.9, 835.0),
    "H100": (3.35, 989.0),
    "A100-PCIE-40GB": (1.555, 312.0),
    "A100-SXM4-40GB": (1.555, 312.0),
    "A100": (2.0, 312.0),
    "RTX 4090": (1.008, 165.2),
    "RTX 3060": (0.36, 25.5),
}
"""Part of a card's name → TB/s of its memory, TFLOP/s of dense fp16 with fp32 sums, from the makers' data sheets."""


@dataclass(frozen=True)
class Stage:
    """What a stage of one frame moves and multiplies at least: every tensor once, from memory or to it."""

    name: str
    bytes: float
    macs: float = 0

    def milliseconds(self, peaks: tuple[float, float]) -> float:
        """The larger of the times that memory and arithmetic take."""
        return max(self.bytes / peaks[0] / 1e9, 2 * self.macs / peaks[1] / 1e9)


def map_bytes(config: IFNetConfig, index: int, height: int, width: int, value: int) -> float:
    """Of the map that a block leaves."""
    last = index == len(config.widths) - 1
    channels = 8 if last else Packing(config.features, config.hidden_channels).map_channels
    return channels * height * width / config.map_scale(config.scales[index]) ** 2 * value


def input_bytes(config: IFNetConfig, index: int, height: int, width: int, value: int, encoded: int) -> float:
    """Bytes that a block's input moves: itself, the pixels read of both encoded pictures, the maps before it."""
    packing, scale = Packing(config.features, config.hidden_channels), config.scales[index]
    area = height * width / scale**2
    pictures = min(scale**2, 4) * 2 * packing.encoded_channels * area * encoded
    maps = sum(map_bytes(config, k, height, width, value) for k in range(index))
    return packing.input_channels * area * value + pictures + maps


def floors(config: IFNetConfig, height: int, width: int, *, value: int = 2, encoded: int = 2) -> list[Stage]:
    """The stages of one interpolated frame of 8-bit 4:2:0 whose left source frame is cached.

    Args:
        config: the network's.
        height: of the picture, aligned.
        width: of the same.
        value: bytes of what convolutions read and write.
        encoded: bytes of an encoded picture's values.
    """
    packing, area = Packing(config.features, config.hidden_channels), height * width
    stages = [Stage("rgb", 13.5 * area)]
    if config.head:
        hidden, layers = config.head.hidden, config.head.layers
        values = 3 * area + (2 * (layers - 1) * hidden + 4 * config.features) * area / 4
        stages.append(Stage("head", values * value, head_multiplications(config, height, width)))
    stages.append(Stage("encode", (12 + config.features * value + packing.encoded_channels * encoded) * area))
    for index, (wide, scale) in enumerate(zip(config.widths, config.scales, strict=True)):
        rows, columns = height / scale, width / scale
        stages.append(Stage(f"input {index}", input_bytes(config, index, height, width, value, encoded)))
        small = rows * columns / 16
        values = rows * columns * packing.input_channels + 2 * rows * columns / 4 * (wide // 2) + 18 * small * wide
        weights = 8 * wide * 9 * wide / config.groups
        moved = (values + weights) * value + map_bytes(config, index, height, width, value)
        stages.append(Stage(f"block {index}", moved, block_multiplications(config, index, rows, columns)))
    maps = sum(map_bytes(config, k, height, width, value) for k in range(len(config.widths)))
    stages.append(Stage("luma and thumbnail", (12 + 4 + 12) * area))
    # by cell: its flow 16; both ends 68, two steps of refinement 72 each, what follows from them 64
    stages.append(Stage("correction", (16 + 68 + 2 * 72 + 64) * area / 4))
    return [*stages, Stage("warped luma", (3 + 8) * area + maps), Stage("warped chroma", 1.5 * area)]


def peaks_of(name: str) -> tuple[float, float]:
    """See `PEAKS`; (0, 0) becomes not a number for a card that is not there."""
    return next((peaks for part, peaks in PEAKS.items() if part in name), (float("nan"), float("nan")))


def described(stages: Sequence[Stage], peaks: tuple[float, float]) -> dict[str, Any]:
    """The floors as they are written."""
    return {
        "gmacs": round(sum(s.macs for s in stages) / 1e9, 3),
        "megabytes": round(sum(s.bytes for s in stages) / 1e6, 1),
        "ms_at_peak": rounded(sum(s.milliseconds(peaks) for s in stages)),
        "stages": {
            s.name: {
                "mb": round(s.bytes / 1e6, 2),
                "gmacs": round(s.macs / 1e9, 3),
                "ms": rounded(s.milliseconds(peaks)),
            }
            for s in stages
        },
    }


def rounded(value: float) -> float | None:
    """For JSON, which knows no infinities."""
    return round(value, 4) if np.isfinite(value) else None


# Tables ---------------------------------------------------------------------------------------------------------------

CARDS = ("H100", "RTX 4090", "RTX 3060")
SIZES = ((1920, 1080), (3840, 2160))
SHARE = 0.6
"""A guess: of the peaks, what kernels reach."""
START = 0.002
"""A guess: milliseconds for a kernel's start and end in a graph."""
PUBLISHED = {"4.6": 427, "4.22": 344, "4.26": 410, "4.26.heavy": 279}
"""Frames a second, source frames included, of HolyWu's vsrife with TensorRT 10.9: RTX 4090, RGBH, 1920x1080, twice the
rate."""
THEIR_CARD = "RTX 4090"


def stages_of(model: str, width: int, height: int) -> list[Stage]:
    """`floors` of a network in fp16 for a picture of any size."""
    align = CATALOG[model].alignment(1)
    return floors(CATALOG[model], height + -height % align, width + -width % align)


def expected(stages: Sequence[Stage], peaks: tuple[float, float], kernels: int) -> float:
    """Milliseconds of a frame by the two guesses."""
    return sum(stage.milliseconds(peaks) for stage in stages) / SHARE + kernels * START


def table(kernels: int) -> str:
    """Floors and expectations of the default network at each size, with so many kernels a frame."""
    lines = [f"| | {' | '.join(CARDS)} |", "|---" * (len(CARDS) + 1) + "|"]
    for width, height in SIZES:
        stages = stages_of(DEFAULT, width, height)
        moved, macs = sum(s.bytes for s in stages) / 1e9, sum(s.macs for s in stages) / 1e9
        lines.append(f"| **{width}×{height}** |" + " |" * len(CARDS))
        rows = {
            f"memory, {moved:.2f} GB": lambda peaks, moved=moved: moved / peaks[0],
            f"arithmetic, {macs:.1f} G multiplications in fp16 with fp32 sums": lambda peaks, macs=macs: (
                2 * macs / peaks[1]
            ),
            "floor: of each stage the larger of both": lambda peaks, stages=stages: sum(
                s.milliseconds(peaks) for s in stages
            ),
            f"{kernels} kernels' starts and ends at {1000 * START:g} µs (a guess)": lambda _: kernels * START,
            f"expected at {SHARE:.0%} of the peaks (a guess)".replace("%", " %"): (
                lambda peaks, stages=stages: expected(stages, peaks, kernels)
            ),
        }
        lines += [
            f"| {name} | {' | '.join(f'{row(PEAKS[card]):.2f} ms' for card in CARDS)} |" for name, row in rows.items()
        ]
    return "\n".join(lines)


def against_published(kernels: Mapping[str, int]) -> str:
    """The networks on the card that figures are published for, with so many kernels a frame of each."""
    lines = ["| 1920×1080 | kernels | floor | expected | TensorRT, published |", "|---|---|---|---|---|"]
    for model, rate in PUBLISHED.items():
        stages, peaks = stages_of(model, 1920, 1080), PEAKS[THEIR_CARD]
        floor = sum(stage.milliseconds(peaks) for stage in stages)
        guess = expected(stages, peaks, kernels[model])
        lines.append(f"| {model} | {kernels[model]} | {floor:.2f} ms | {guess:.1f} ms | {2000 / rate:.1f} ms |")
    return "\n".join(lines)


def counted(model: str) -> int:
    """Kernels that an interpolated frame of a doubled clip asks of a card, its detector included."""
    sys.path.append(str(Path(__file__).parents[1] / "tests"))
    import torch
    from fake_card import CARD, FakeCard
    from support import random_network

    from vsrife.engine import Colour, Engine, HostFrame, Interpolator, Options, PictureFormat, Task, Timestep

    form, network = PictureFormat("yuv", 8, False, 1, 1, 1920, 1080), random_network(model)
    with FakeCard() as card:
        engine = Engine(network, CARD, torch.float16)
        engine.fault = ""  # nothing is proven without values
        interpolator = Interpolator(engine, form, Options())
        for number in range(2):
            card.reset()
            ends = [
                HostFrame(n, [np.zeros(form.shape(k), np.uint8) for k in range(3)], Colour())
                for n in (number, number + 1)
            ]
            task = Task(*ends, Timestep(0.5, motion_at=0.5), form)
            interpolator.render_unless_cut(task, [np.empty(form.shape(k), np.uint8) for k in range(3)], math.inf)
        return sum(card.launches.values())


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="every stage of the default network at 1920x1080")
    if parser.parse_args().json:
        stages = stages_of(DEFAULT, 1920, 1080)
        print(json.dumps({name: described(stages, peaks) for name, peaks in PEAKS.items()}, indent=1))
        return
    kernels = {model: counted(model) for model in PUBLISHED}
    print(table(kernels[DEFAULT]))
    print()
    print(against_published(kernels))


if __name__ == "__main__":
    main()
