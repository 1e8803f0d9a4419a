"""Networks on every kind of synthetic scene, by both picture steps: where a network is weak, and what training gives.

python benchmarks/kinds.py --model 4.26 tuned nano mine/model.safetensors
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import default_collate

from vsrife.evaluation.metrics import mean_psnr, psnr, rounded
from vsrife.networks import IFNet
from vsrife.training.data import SceneTriplets, Triplet, TripletSet
from vsrife.training.kinds import KINDS
from vsrife.training.module import interpolate_batch, to_floats
from vsrife.training.picture_step import PICTURE_STEPS
from vsrife.weights import load_network

SEED = 2027
"""Scenes that no run of training draws by its default seed."""
SIDE = 192


def measure(network: IFNet, kind: str, step: str, options: argparse.Namespace) -> float:
    """The mean PSNR in dB of a network's frames of one kind, at any time."""
    scenes = TripletSet(
        [SceneTriplets(options.scenes, SIDE + 32, options.reach, SEED, kind)], SIDE, SEED, any_time=True, augments=False
    )
    scores = []
    for number in range(len(scenes)):
        batch = to_floats(Triplet(*default_collate([scenes[0, number]])), torch.device("cpu"))
        scores.append(float(psnr(rounded(interpolate_batch(network, batch, step=step)), rounded(batch.truth))))
    return mean_psnr(scores)


@torch.inference_mode()
def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", default=["4.26", "tuned", "nano"], help="names or weights files")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--scenes", type=int, default=24, help="of each kind")
    parser.add_argument("--reach", type=float, default=24, help="longest motion in pixels")
    options = parser.parse_args()
    print(f"| | {' | '.join(options.kinds)} | mean |\n|{'---|' * (len(options.kinds) + 2)}")
    for name in options.model:
        path = Path(name) if Path(name).is_file() else None
        network = load_network(None if path else name, path)
        assert isinstance(network, IFNet)
        for step in PICTURE_STEPS:
            row = [measure(network, kind, step, options) for kind in options.kinds]
            cells = " | ".join(f"{value:.2f}" for value in (*row, np.mean(row)))
            print(f"| {path.parent.name if path else name}, `{step}` | {cells} |", flush=True)


if __name__ == "__main__":
    main()
