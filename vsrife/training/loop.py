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
from vsrife.training.checkpoint import restore, save
from vsrife.training.data import Batches, Triplet
from vsrife.training.module import Losses, to_floats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from torch import Tensor, nn

    from vsrife.training.data import TripletSet
    from vsrife.training.distributed import Team
    from vsrife.training.module import TrainingModule
    from vsrife.training.options import TrainOptions

__all__ = ["Step", "rate_at", "train"]

MOST_SKIPPED = 10
"""Successive steps without a finite gradient after which a run is abandoned."""
EMA_START = 10
"""The mean weights follow faster at first: step n keeps the share (1 + n) / (`EMA_START` + n), at most `ema`."""


@dataclass(frozen=True)
class Step:
    """The record of a step.

    Args:
        number: steps done, this one included.
        losses: name → mean over the batch.
        norm: of the gradient before clipping.
        rate: the learning rate.
        seconds: duration, data included.
        waiting: seconds of it spent waiting for data.
    """

    number: int
    losses: dict[str, float]
    norm: float
    rate: float
    seconds: float
    waiting: float

    @property
    def loss(self) -> float:
        return sum(self.losses.values())


def train(
    module: TrainingModule,
    triplets: TripletSet,
    options: TrainOptions,
    steps: int,
    team: Team,
    checkpoint: Path,
    *,
    before: Callable[[int, nn.Module], None],
    after: Callable[[Step, nn.Module], bool],
) -> None:
    """Train until `steps` are done, from the checkpoint's state if there is one.

    Args:
        module: on the team's device.
        triplets: the training set.
        options: of the run.
        steps: total number of steps, those before the checkpoint included.
        team: of processes.
        checkpoint: the file, written every `save_every` steps and at the end.
        before: called once, before the first step, with the number of steps done and the network of mean weights.
        after: called after every step with its record and the network of mean weights, on all processes alike; if it
            returns True, the state is saved and the run ends.

    Raises:
        RifeError: gradients are not finite time after time, or the checkpoint is of another run.
    """
    parameters = [p for p in module.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=1.0, weight_decay=options.weight_decay)
    mean = AveragedModel(module.network, avg_fn=lambda old, new, n: torch.lerp(old, new, 1 - _kept(options.ema, n)))
    scaler = torch.amp.GradScaler(team.device.type, enabled=options.precision == "fp16")
    modules: dict[str, nn.Module] = {"trainee": module, "mean": mean}  # names in checkpoints
    averaged: nn.Module = mean.module
    done = restore(checkpoint, modules, optimiser, scaler) if checkpoint.exists() else 0
    before(done, averaged)
    wrapped = team.wrap(module)
    skipped = 0
    began = time.perf_counter()
    for number, batch in enumerate(_batches(triplets, options, steps, done, team), done + 1):
        waiting = time.perf_counter() - began
        rate = rate_at(number - 1, steps, options)
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad(set_to_none=True)
        losses = _backward(wrapped, to_floats(batch, team.device), options, scaler)
        scaler.unscale_(optimiser)
        norm = float(clip_grad_norm_(parameters, options.clip or math.inf))
        if math.isfinite(norm) or scaler.is_enabled():  # the scaler skips such a step by itself
            scaler.step(optimiser)
        scaler.update()
        skipped = 0 if math.isfinite(norm) else skipped + 1
        if skipped == MOST_SKIPPED:
            raise RifeError(
                f"the gradient was not finite {MOST_SKIPPED} times in a row, up to step {number}; "
                f"a lower learning_rate or bf16 may help. The last checkpoint is unchanged"
            )
        mean.update_parameters(module.network)
        named = dict(zip(Losses._fields, team.mean(losses).tolist(), strict=True))
        leave = after(Step(number, named, norm, rate, time.perf_counter() - began, waiting), averaged)
        if leave or number == steps or number % options.save_every == 0:
            if team.is_main:
                save(checkpoint, number, modules, optimiser, scaler)
            team.wait()
        if leave:
            return
        began = time.perf_counter()


def rate_at(step: int, steps: int, options: TrainOptions) -> float:
    """The learning rate of a step, counted from 0: linear warmup, then half a cosine."""
    highest = options.learning_rate
    if highest is None:
        highest = 1e-5 if options.init else 3e-4
    warmup = min(2000, steps // 10) if options.warmup is None else options.warmup
    if step < warmup:
        return highest * (step + 1) / warmup
    share = (step - warmup) / max(steps - warmup, 1)
    return highest * (options.last_rate + (1 - options.last_rate) * (1 + math.cos(math.pi * share)) / 2)


def _backward(wrapped: nn.Module, batch: Triplet, options: TrainOptions, scaler: torch.amp.GradScaler) -> Tensor:
    """Accumulate a batch's gradients part by part; returns the mean losses."""
    device = batch.img0.device.type
    dtype = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[options.precision]
    parts = [Triplet(*part) for part in zip(*(x.chunk(options.accumulate) for x in batch), strict=True)]
    losses = []
    for number, part in enumerate(parts, 1):
        # gradients are averaged once, after the last part
        more = number < len(parts)
        with wrapped.no_sync() if more and isinstance(wrapped, DistributedDataParallel) else nullcontext():
            with torch.autocast(device, dtype, enabled=dtype is not None):
                loss: Losses = wrapped(part)
            torch.autograd.backward(scaler.scale(loss.total / len(parts)))
        losses.append(torch.stack(loss).detach())
    return torch.stack(losses).mean(0)


def _batches(triplets: TripletSet, options: TrainOptions, steps: int, done: int, team: Team) -> Iterator[Triplet]:
    """The batches of the remaining steps, prepared by worker processes."""
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
