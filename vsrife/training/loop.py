"""The training loop."""

from __future__ import annotations

import math
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import clip_grad_norm_
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from vsrife.errors import RifeError
from vsrife.training.augment import Triplet
from vsrife.training.checkpoint import restore, save
from vsrife.training.data import Batches
from vsrife.training.trainee import Losses, floats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from torch import Tensor, nn

    from vsrife.training.data import TripletSet
    from vsrife.training.distributed import Team
    from vsrife.training.options import TrainOptions
    from vsrife.training.trainee import Trainee

__all__ = ["Step", "rate_at", "train"]

MOST_SKIPPED = 10
"""Steps in a row without a finite gradient after which a run is given up."""
EMA_START = 10
"""The mean weights follow faster at first: step n keeps (1 + n) / (`EMA_START` + n) of them, at most `ema`."""


@dataclass(frozen=True)
class Step:
    """One step that is done.

    Args:
        number: steps done, this one included.
        losses: each one's name and mean over the batch.
        norm: of the gradient before it was clipped.
        rate: the learning rate.
        seconds: it took, data included.
        waiting: of these, for data.
    """

    number: int
    losses: dict[str, float]
    norm: float
    rate: float
    seconds: float
    waiting: float

    @property
    def loss(self) -> float:
        """The total."""
        return sum(self.losses.values())


def train(
    trainee: Trainee,
    triplets: TripletSet,
    options: TrainOptions,
    steps: int,
    team: Team,
    checkpoint: Path,
    *,
    before: Callable[[int, nn.Module], None],
    after: Callable[[Step, nn.Module], bool],
) -> None:
    """Train until `steps` are done, from where the checkpoint stands.

    Args:
        trainee: on the team's device.
        triplets: what is learnt from.
        options: of the run.
        steps: in all, those before the checkpoint included.
        team: of processes.
        checkpoint: the file it is written to every `save_every` steps and at the end, and read from if it is there.
        before: is told the steps done and given the network with its mean weights, once, before the first step.
        after: is told of every step and given the network likewise, on all processes alike; if it returns True, the
            run is saved and left.

    Raises:
        RifeError: gradients stay without end or number, or the checkpoint is of another run.
    """
    parameters = [p for p in trainee.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=1.0, weight_decay=options.weight_decay)
    mean = AveragedModel(trainee.network, avg_fn=lambda old, new, n: torch.lerp(old, new, 1 - _kept(options.ema, n)))
    scaler = torch.amp.GradScaler(team.device.type, enabled=options.precision == "fp16")
    modules: dict[str, nn.Module] = {"trainee": trainee, "mean": mean}
    averaged: nn.Module = mean.module
    done = restore(checkpoint, modules, optimiser, scaler) if checkpoint.exists() else 0
    before(done, averaged)
    wrapped = team.wrap(trainee)
    skipped = 0
    began = time.perf_counter()
    for number, batch in enumerate(_batches(triplets, options, steps, done, team), done + 1):
        waiting = time.perf_counter() - began
        rate = rate_at(number - 1, steps, options)
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad(set_to_none=True)
        losses = _backward(wrapped, floats(batch, team.device), options, scaler)
        scaler.unscale_(optimiser)
        norm = float(clip_grad_norm_(parameters, options.clip or math.inf))
        if math.isfinite(norm) or scaler.is_enabled():  # the scaler leaves such a step out by itself
            scaler.step(optimiser)
        scaler.update()
        skipped = 0 if math.isfinite(norm) else skipped + 1
        if skipped == MOST_SKIPPED:
            raise RifeError(
                f"the gradient was no finite number {MOST_SKIPPED} times on end, up to step {number}; "
                f"a lower learning_rate or bf16 may help. The last checkpoint is left as it was"
            )
        mean.update_parameters(trainee.network)
        told = dict(zip(Losses._fields, team.mean(losses).tolist(), strict=True))
        now = time.perf_counter()
        leave = after(Step(number, told, norm, rate, now - began, waiting), averaged)
        if leave or number == steps or number % options.save_every == 0:
            if team.leads:
                save(checkpoint, number, modules, optimiser, scaler)
            team.wait()
        if leave:
            return
        began = time.perf_counter()


def rate_at(step: int, steps: int, options: TrainOptions) -> float:
    """The learning rate of a step, counted from 0: a straight rise, then the half of a cosine."""
    highest = options.learning_rate
    if highest is None:
        highest = 1e-5 if options.init else 3e-4
    warmup = min(2000, steps // 10) if options.warmup is None else options.warmup
    if step < warmup:
        return highest * (step + 1) / warmup
    share = (step - warmup) / max(steps - warmup, 1)
    return highest * (options.last_rate + (1 - options.last_rate) * (1 + math.cos(math.pi * share)) / 2)


def _backward(wrapped: nn.Module, batch: Triplet, options: TrainOptions, scaler: torch.amp.GradScaler) -> Tensor:
    """Adds a batch's gradients up, part by part; returns the mean losses."""
    device = batch.img0.device.type
    dtype = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[options.precision]
    parts = [Triplet(*part) for part in zip(*(x.chunk(options.accumulate) for x in batch), strict=True)]
    losses = []
    for number, part in enumerate(parts, 1):
        # gradients are averaged once, after the last part
        apart = number < len(parts)
        with wrapped.no_sync() if apart and isinstance(wrapped, DistributedDataParallel) else nullcontext():
            with torch.autocast(device, dtype, enabled=dtype is not None):
                found: Losses = wrapped(part)
            torch.autograd.backward(scaler.scale(found.total / len(parts)))
        losses.append(torch.stack(found).detach())
    return torch.stack(losses).mean(0)


def _batches(triplets: TripletSet, options: TrainOptions, steps: int, done: int, team: Team) -> Iterator[Triplet]:
    """The steps to come, cut by worker processes."""
    places = Batches(len(triplets), options.batch, steps, done, team.rank, team.size, options.seed)
    return iter(
        DataLoader(
            triplets,
            batch_sampler=places,
            num_workers=options.workers,
            multiprocessing_context="spawn" if options.workers else None,
            pin_memory=team.device.type == "cuda",
        )
    )


def _kept(most: float, averaged: Tensor | int) -> float:
    return min(most, (1 + int(averaged)) / (EMA_START + int(averaged)))
