"""The paper's claims at a size that fits any machine: `python benchmarks/ablations.py FILM … [--steps N] [--seeds N]`.

Every arm is a small network trained with the same budget on the same made-up scenes and films, with several seeds, and
measured on other scenes, whose truth is known at every time, and on the ends of the films, which none has learnt from.
Prints Markdown: mean PSNR in dB and the spread over the seeds (standard deviation), and writes all of it as JSON, from
which an interrupted run goes on. A plain blend stands in the table's first row.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTHS = (48, 32, 24)
SCALES = (4, 2, 1)
SHARED = {"batch": 8, "crop": 64, "learning_rate": 1e-3, "ema": 0.99, "workers": 0, "hold_out": 0.5}
ARMS: dict[str, dict[str, Any] | None] = {
    "plain blend": None,
    "IFNet, three blocks, distillation": {"model": "paper"},
    "without distillation": {"model": "paper", "distillation": 0.0},
    "with RefineNet": {"model": "paper", "refine": True},
    "two blocks": {"model": "paper", "widths": WIDTHS[:2], "scales": SCALES[:2]},
    "one block": {"model": "paper", "widths": WIDTHS[:1], "scales": SCALES[:1]},
    "IFNet_m": {"model": "paper-m"},
    "IFNet_m without distillation": {"model": "paper-m", "distillation": 0.0},
    "motion at ½ scaled to t, without distillation": {"model": "paper-m", "distillation": 0.0, "flow": "scaled"},
}
TIMES = tuple(k / 8 for k in range(1, 8))
REACH = 8  # more is not learnt at this size
SCENES = f"scenes:160:{REACH}"  # about as many as there are windows of film
SCENES_MEASURED = 32


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("films", nargs="+", help="each one's first half is learnt from, its second measured on")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--at-once", type=int, default=len(os.sched_getaffinity(0)), help="arms, a thread each")
    parser.add_argument("--json", type=Path, default=Path("ablations.json"))
    parser.add_argument("--arm", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.arm:
        print(json.dumps(measured(options.arm, options.films, options.steps, options.seeds)))
        return
    record = known(options.json, options.steps)
    jobs = [(arm, seed) for seed in range(options.seeds) for arm in ARMS if str(seed) not in record[arm]]
    with tempfile.TemporaryDirectory() as cache, ThreadPoolExecutor(options.at_once) as pool:
        asked = {pool.submit(alone, arm, seed, options, cache): (arm, seed) for arm, seed in jobs}
        failed = []
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


def known(path: Path, steps: int) -> dict[str, dict[str, Any]]:
    """What an interrupted run of as many steps has written: arm → seed → result."""
    nothing: dict[str, dict[str, Any]] = {arm: {} for arm in ARMS}
    if not path.exists():
        return nothing
    written = json.loads(path.read_text(encoding="utf-8"))
    if written["steps"] != steps:
        raise SystemExit(f"{path} is of {written['steps']} steps, not of {steps}")
    return nothing | written["arms"]


def alone(arm: str, seed: int, options: argparse.Namespace, cache: str) -> dict[str, Any]:
    """What an arm reaches, trained in a process of its own on one thread."""
    asked = ["--arm", arm, "--seeds", str(seed), "--steps", str(options.steps)]
    command = [sys.executable, __file__, *options.films, *asked]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "ABLATION_CACHE": cache}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    print(f"{arm}, seed {seed}: {done.stdout.strip()}", file=sys.stderr, flush=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def measured(arm: str, films: Sequence[str], steps: int, seed: int) -> dict[str, Any]:
    """Train an arm and measure it; PSNR on scenes by time, and on the ends of the films half-way."""

    import numpy as np
    import torch

    from vsrife.evaluation.metrics import mean_psnr, psnr, rounded
    from vsrife.footage import WindowOptions, window_set
    from vsrife.training.augment import Triplet
    from vsrife.training.data import FootageTriplets, TripletSet
    from vsrife.training.options import TrainOptions
    from vsrife.training.run import run_training
    from vsrife.training.scenes import random_scene
    from vsrife.training.trainee import floats, made
    from vsrife.weights import load_network

    own = ARMS[arm]
    wanted = {"widths": WIDTHS, "scales": SCALES, "refine": False, **SHARED, **(own or {})}
    cache = os.environ["ABLATION_CACHE"]
    options = TrainOptions(data=(SCENES, *films), steps=steps, seed=seed, cache=cache, validate_every=steps, **wanted)
    if own is not None:
        with tempfile.TemporaryDirectory() as folder:
            run_training(options, Path(folder) / "run")
            network = load_network(None, Path(folder) / "run" / "model.safetensors")

    def at(img0: torch.Tensor, img1: torch.Tensor, t: float) -> torch.Tensor:
        if own is None:
            return img0.lerp(img1, t)
        if options.flow == "scaled":
            return made(network, Triplet(img0, img1, img0, torch.tensor([t])), "scaled")
        return network(img0, img1, t)

    result: dict[str, Any] = {}
    with torch.no_grad():
        scores: dict[float, list[float]] = {t: [] for t in TIMES}
        for number in range(SCENES_MEASURED):
            scene = random_scene(np.random.default_rng((1, number)), 160, 160, reach=REACH)
            img0, img1 = scene.picture(0)[None], scene.picture(1)[None]
            for t in TIMES:
                scores[t].append(float(psnr(rounded(at(img0, img1, t))[0], rounded(scene.picture(t)))))
        result["scenes"] = {str(t): mean_psnr(values) for t, values in scores.items()}
        film_scores = []
        for film in films:
            windows = window_set(Path(film), "test", WindowOptions(limit=24, span=(0.5, 1.0), seed=9), Path(cache))
            triplets = TripletSet([FootageTriplets(windows)], 256, any_time=False, augments=False)
            values = []
            for n in range(len(triplets)):
                img0, img1, truth, _ = floats(Triplet(*(x[None] for x in triplets[0, n])), torch.device("cpu"))
                values.append(float(psnr(rounded(at(img0, img1, 0.5))[0], rounded(truth)[0])))
            film_scores.append(mean_psnr(values))
        result["films"] = statistics.mean(film_scores)
    return result


def table(record: dict[str, dict[str, Any]]) -> str:
    """A record as Markdown."""
    lines = ["| | scenes, t = ½ | film ends, t = ½ | scenes, t = ⅛ … ⅞ |", "|---|---|---|---|"]
    for arm, by_seed in record.items():
        results = list(by_seed.values())
        cells = [
            told([r["scenes"]["0.5"] for r in results]),
            told([r["films"] for r in results]),
            told([statistics.mean(r["scenes"].values()) for r in results]),
        ]
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return "\n".join(lines)


def told(values: Sequence[float]) -> str:
    """Mean and, of several, standard deviation."""
    mean = f"{statistics.mean(values):.2f}"
    return f"{mean} ± {statistics.stdev(values):.2f}" if len(values) > 1 else mean


if __name__ == "__main__":
    main()
