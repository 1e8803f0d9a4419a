"""The paper's claims at a size that fits any machine: `python benchmarks/ablations.py FILM … [--steps N] [--seeds N]`.

Every arm is a small network, trained with the same budget on the same synthetic scenes and films with several seeds and
measured on other scenes, whose truth is known at every time, and on the ends of the films, which none was trained on.
Prints Markdown: mean PSNR in dB and the spread over the seeds (standard deviation), and writes all of it as JSON, from
which an interrupted run goes on. A plain blend and the published 4.26 stand beside them.

The scenes are smoother than those of `vsrife train` and fewer things in them are at rest: so small a network finds
motion in them within minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from vsrife.training.data import Triplets
    from vsrife.training.loop import Step
    from vsrife.training.options import TrainOptions
    from vsrife.training.scenes import Scene

WIDTHS = (48, 32, 24)
SCALES = (4, 2, 1)
SHARED = {"batch": 8, "crop": 64, "learning_rate": 1e-3, "ema": 0.99, "workers": 0}
BLEND, WHOLE, PUBLISHED = "plain blend", "IFNet, three blocks, distillation", "published 4.26"
ARMS: dict[str, dict[str, Any]] = {
    BLEND: {},
    WHOLE: {"model": "paper"},
    "without distillation": {"model": "paper", "distillation": 0.0},
    "with RefineNet": {"model": "paper", "refine": True},
    "two blocks": {"model": "paper", "widths": WIDTHS[:2], "scales": SCALES[:2]},
    "one block": {"model": "paper", "widths": WIDTHS[:1], "scales": SCALES[:1]},
    "IFNet_m": {"model": "paper-m"},
    "IFNet_m without distillation": {"model": "paper-m", "distillation": 0.0},
    "motion at ½ scaled to t, without distillation": {"model": "paper-m", "distillation": 0.0, "flow": "scaled"},
    PUBLISHED: {},
}
PARTS = 8
TIMES = tuple(k / PARTS for k in range(1, PARTS))
SCENES, SCENES_MEASURED = 2000, 32
SIDE, SIDE_MEASURED = 96, 160
REACH, REST, SLOPE = 8, 1, (1.4, 2.2)
TEXTURES = 64
FILMS_OFTEN = 3
"""Windows of film drawn for each scene drawn."""
SET = "scenes.npy"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("films", nargs="+", help="training uses the first half of each, measurement the second")
    parser.add_argument("--steps", type=int, default=3500)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--at-once", type=int, default=len(os.sched_getaffinity(0)), help="arms, a thread each")
    parser.add_argument("--json", type=Path, default=Path("ablations.json"))
    parser.add_argument("--arm", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.arm:
        print(json.dumps(measure(options.arm, options.films, options.steps, options.seeds)))
        return
    record = load_record(options.json, options.steps)
    jobs = [
        (arm, seed)
        for seed in range(options.seeds)
        for arm, own in ARMS.items()
        if str(seed) not in record[arm] and (own or not seed)
    ]
    with tempfile.TemporaryDirectory() as folder:
        if jobs:
            write_scenes(Path(folder) / SET, options.at_once)
        failed = []
        with ThreadPoolExecutor(options.at_once) as pool:
            asked = {pool.submit(run_arm, arm, seed, options, folder): (arm, seed) for arm, seed in jobs}
            for future in as_completed(asked):
                arm, seed = asked[future]
                try:
                    record[arm][str(seed)] = future.result()
                except RuntimeError as error:
                    failed.append(f"{arm}, seed {seed}: {error}")
                text = json.dumps({"steps": options.steps, "arms": record}, indent=1)
                options.json.write_text(text + "\n", encoding="utf-8")
    if failed:
        raise SystemExit("\n".join(failed))
    print(table(record))
    print()
    print(by_time(record))


def load_record(path: Path, steps: int) -> dict[str, dict[str, Any]]:
    """The results that an interrupted run of as many steps has written: arm → seed → result."""
    empty: dict[str, dict[str, Any]] = {arm: {} for arm in ARMS}
    if not path.exists():
        return empty
    written = json.loads(path.read_text(encoding="utf-8"))
    if written["steps"] != steps:
        raise SystemExit(f"{path} is of {written['steps']} steps, not of {steps}")
    arms: dict[str, dict[str, Any]] = written["arms"]
    return empty | arms


def run_arm(arm: str, seed: int, options: argparse.Namespace, folder: str) -> dict[str, Any]:
    """Train and measure an arm in a process of its own on one thread."""
    asked = ["--arm", arm, "--seeds", str(seed), "--steps", str(options.steps)]
    command = [sys.executable, __file__, *options.films, *asked]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "ABLATION_CACHE": folder}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    print(f"{arm}, seed {seed}: {done.stdout.strip()}", file=sys.stderr, flush=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def scene(number: int, side: int, use: int) -> Scene:
    """A scene to train on (use 0) or to measure on (1)."""
    import torch

    from vsrife.training.scenes import random_scene

    def texture(rng: np.random.Generator) -> Tensor:
        return textures(use)[int(rng.integers(TEXTURES))][torch.from_numpy(rng.permutation(3))]

    rng = np.random.default_rng((use, number))
    return random_scene(rng, side, side, reach=REACH, rest=REST, texture=texture)


@cache
def textures(use: int) -> list[Tensor]:
    """Textures that the scenes of a use share, in each with other colours."""
    from vsrife.training.scenes import random_texture

    return [random_texture(np.random.default_rng((2, use, n)), slope=SLOPE) for n in range(TEXTURES)]


def write_scenes(path: Path, processes: int) -> None:
    """Write all scenes to train on at times 0, ⅛ … 1: uint8, N×9×H×W×3."""
    shape = (SCENES, PARTS + 1, SIDE, SIDE, 3)
    pictures = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
    with ProcessPoolExecutor(processes) as pool:
        for number, rendered in enumerate(pool.map(render, range(SCENES), chunksize=50)):
            pictures[number] = rendered
    pictures.flush()


def render(number: int) -> NDArray[np.uint8]:
    """Render a scene to train on: uint8, 9×H×W×3."""
    import torch

    torch.set_num_threads(1)
    drawn = scene(number, SIDE, 0)
    pictures = torch.stack([drawn.picture(k / PARTS) for k in range(PARTS + 1)])
    return (pictures * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


@dataclass(frozen=True, eq=False)
class Rendered:
    """Scenes from a file, see `vsrife.training.data.Triplets`."""

    pictures: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.pictures)

    def draw(
        self, index: int, rng: np.random.Generator, *, any_time: bool
    ) -> tuple[Sequence[NDArray[np.uint8]], float]:
        middle = int(rng.integers(1, PARTS)) if any_time else PARTS // 2
        return [self.pictures[index, k] for k in (0, middle, PARTS)], middle / PARTS


def train_network(options: TrainOptions, films: Sequence[str], folder: Path) -> nn.Module:
    """Train a network; returns it with its mean weights after all steps."""
    from vsrife.footage import WindowOptions, window_set
    from vsrife.training.data import FootageTriplets, TripletSet
    from vsrife.training.distributed import join_team
    from vsrife.training.loop import train
    from vsrife.training.module import TrainingModule
    from vsrife.training.start import start

    network, config, _ = start(options)
    footage = [window_set(Path(film), "train", WindowOptions(span=(0, 0.5)), folder) for film in films]
    sources: list[Triplets] = [
        Rendered(np.load(folder / SET, mmap_mode="r")),
        *map(FootageTriplets, footage * FILMS_OFTEN),
    ]
    any_time = config.any_time or options.flow == "scaled"
    triplets = TripletSet(sources, options.crop, options.seed, any_time=any_time)
    last: list[nn.Module] = []

    def after(step: Step, mean: nn.Module) -> bool:
        if step.number == options.steps:
            last.append(deepcopy(mean))
        return False

    with join_team("cpu") as team, tempfile.TemporaryDirectory() as own:
        train(
            TrainingModule(network, options), triplets, options, options.steps or 0, team, Path(own) / "checkpoint",
            before=lambda _done, _network: None, after=after,
        )  # fmt: skip
    return last[0].eval()


def measure(arm: str, films: Sequence[str], steps: int, seed: int) -> dict[str, Any]:
    """Train an arm and measure it; PSNR on scenes by time, and on the ends of the films half-way."""
    import torch

    from vsrife.evaluation.metrics import mean_psnr, psnr, rounded
    from vsrife.footage import WindowOptions, window_set
    from vsrife.training.data import FootageTriplets, Triplet, TripletSet
    from vsrife.training.module import interpolate_batch, to_floats
    from vsrife.training.options import TrainOptions
    from vsrife.weights import load_network

    folder = Path(os.environ["ABLATION_CACHE"])
    wanted: dict[str, Any] = {"widths": WIDTHS, "scales": SCALES, "refine": False, **SHARED, **ARMS[arm]}
    options = TrainOptions(steps=steps, seed=seed, **wanted)
    network: Any = None
    if arm != BLEND:
        network = load_network("4.26", None).eval() if arm == PUBLISHED else train_network(options, films, folder)

    def at(img0: Tensor, img1: Tensor, t: float) -> Tensor:
        if network is None:
            return img0.lerp(img1, t)
        if options.flow == "scaled":
            return interpolate_batch(network, Triplet(img0, img1, img0, torch.tensor([t])), "scaled")
        result: Tensor = network(img0, img1, t)
        return result

    result: dict[str, Any] = {}
    with torch.no_grad():
        scores: dict[float, list[float]] = {t: [] for t in TIMES}
        for number in range(SCENES_MEASURED):
            drawn = scene(number, SIDE_MEASURED, 1)
            img0, img1 = drawn.picture(0)[None], drawn.picture(1)[None]
            for t in TIMES:
                scores[t].append(float(psnr(rounded(at(img0, img1, t))[0], rounded(drawn.picture(t)))))
        result["scenes"] = {str(t): mean_psnr(values) for t, values in scores.items()}
        film_scores = []
        for film in films:
            windows = window_set(Path(film), "test", WindowOptions(limit=24, span=(0.5, 1.0), seed=9), folder)
            triplets = TripletSet([FootageTriplets(windows)], 256, any_time=False, augments=False)
            values = []
            for n in range(len(triplets)):
                img0, img1, truth, _ = to_floats(Triplet(*(x[None] for x in triplets[0, n])), torch.device("cpu"))
                values.append(float(psnr(rounded(at(img0, img1, 0.5))[0], rounded(truth)[0])))
            film_scores.append(mean_psnr(values))
        result["films"] = statistics.mean(film_scores)
    return result


def table(record: dict[str, dict[str, Any]]) -> str:
    """A record as Markdown; the last column is the difference to the whole IFNet with the same seed."""
    lines = ["| | scenes, t = ½ | film ends, t = ½ | scenes, t = ⅛ … ⅞ | above IFNet, ½ |", "|---" * 5 + "|"]
    whole = record.get(WHOLE, {})
    for arm, by_seed in record.items():
        results = list(by_seed.values())
        above = [by_seed[seed]["scenes"]["0.5"] - whole[seed]["scenes"]["0.5"] for seed in by_seed if seed in whole]
        cells = [
            mean_and_spread([r["scenes"]["0.5"] for r in results]),
            mean_and_spread([r["films"] for r in results]),
            mean_and_spread([statistics.mean(r["scenes"].values()) for r in results]),
            mean_and_spread(above, "+") if above and ARMS.get(arm) and arm != WHOLE else "",
        ]
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return "\n".join(lines)


def by_time(record: dict[str, dict[str, Any]]) -> str:
    """The scenes' means for each time, as Markdown."""
    lines = ["| scenes | " + " | ".join(f"t = {k}/{PARTS}" for k in range(1, PARTS)) + " |", "|---" * PARTS + "|"]
    for arm, by_seed in record.items():
        means = [statistics.mean(r["scenes"][str(t)] for r in by_seed.values()) for t in TIMES]
        lines.append(f"| {arm} | {' | '.join(f'{mean:.2f}' for mean in means)} |")
    return "\n".join(lines)


def mean_and_spread(values: Sequence[float], sign: str = "") -> str:
    """Mean and, of several values, standard deviation, as text."""
    mean = f"{statistics.mean(values):{sign}.2f}"
    return f"{mean} ± {statistics.stdev(values):.2f}" if len(values) > 1 else mean


if __name__ == "__main__":
    main()
