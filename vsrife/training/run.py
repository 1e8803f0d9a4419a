"""A training run from its options to a model file: `vsrife train`."""

from __future__ import annotations

import re
import sys
import time
from copy import deepcopy
from dataclasses import replace
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.utils.data import default_collate
from tqdm import tqdm

from vsrife.errors import ArgumentError, RifeError
from vsrife.evaluation.metrics import mean_psnr, psnr, rounded
from vsrife.files import atomic_write
from vsrife.networks import CONFIGS, IFNet
from vsrife.networks.paper import PaperIFNet
from vsrife.training.data import FootageTriplets, SceneTriplets, Triplet, Triplets, TripletSet
from vsrife.training.distributed import Team, join_team
from vsrife.training.kinds import FILM, KINDS
from vsrife.training.loop import Step, train
from vsrife.training.module import Losses, TrainingModule, interpolate_batch, to_floats
from vsrife.training.options import SCENES, TrainOptions
from vsrife.training.report import Curve, card, save_sheet
from vsrife.training.start import freeze, load_model, start
from vsrife.weights.convert import write_weights
from vsrife.weights.loading import Weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from vsrife.footage import WindowSet

__all__ = ["run_training"]

CHECKPOINT, MODEL, CARD, OPTIONS = "checkpoint.safetensors", "model.safetensors", "model.md", "options.json"
SCENES_AN_EPOCH = 2000
SCENE_BORDER = 32
"""Pixels by which a scene's pictures are larger than a crop."""
MOST_VALIDATED = 48
"""Triplets of a validation, at most."""
DRAWN = 4
"""Validation triplets on a sheet of pictures."""
CHANGEABLE = (
    "steps", "minutes", "workers", "device", "log_every", "validate_every", "save_every", "tensorboard", "cache",
    "keep",
)  # fmt: skip
"""Options that may change when a run is resumed."""


def run_training(options: TrainOptions, out: Path, *, resume: bool = False) -> float:
    """Train, and leave the model, its card, curves, pictures and a checkpoint in a folder.

    Args:
        options: of the run.
        out: the folder.
        resume: resume the run in the folder; only the options in `CHANGEABLE` may differ.

    Returns:
        The PSNR of the last validation, in dB.

    Raises:
        RifeError: an option or some footage cannot be used, or the folder holds a run that is not to be resumed.
    """
    with join_team(options.device) as team:
        if resume:
            options = _resumed(out, options)
        elif (out / CHECKPOINT).exists() or (out / OPTIONS).exists():
            raise RifeError(f"out must be a new folder, got {out}, which holds a run; --resume continues it")
        return _Run(options, out, team).train()


class _Run:
    """The state of a run in one of its processes."""

    def __init__(self, options: TrainOptions, out: Path, team: Team) -> None:
        self.options, self.out, self.team = options, out, team
        network, self.config, pretrained = start(options)
        self.crop = options.crop + -options.crop % self.config.alignment(1)
        guide = load_model(options.guide).to(team.device) if options.guide else None
        self.first = {key: value.clone() for key, value in network.state_dict().items()} if options.keep else {}
        freeze(network, options.freeze)
        self.module = TrainingModule(network, options, pretrained=pretrained, guide=guide).to(team.device)
        if team.is_main:
            out.mkdir(parents=True, exist_ok=True)
            sources = self._sources()
        team.wait()
        if not team.is_main:
            sources = self._sources()
        any_time = self.config.any_time or options.flow == "scaled"
        self.triplets = TripletSet(sources[0], self.crop, options.seed, any_time=any_time)
        if not len(self.triplets):
            raise RifeError("data must hold moving pictures, got nothing that moves")
        self.validation = TripletSet(sources[1], self.crop, options.seed, any_time=any_time, augments=False)
        epoch = -(-len(self.triplets) // options.batch)
        self.steps = options.steps or options.epochs * epoch
        if options.batch % team.size:
            raise ArgumentError("batch", options.batch, f"a multiple of the {team.size} processes")
        self.psnr: list[tuple[int, float]] = []
        self.ends = time.monotonic() + 60 * options.minutes if options.minutes else None

    def train(self) -> float:
        """Train; returns the PSNR of the last validation."""
        options, out = self.options, self.out
        if self.team.is_main:
            with atomic_write(out / OPTIONS) as partial:
                partial.write_text(options.to_json() + "\n", encoding="utf-8")
        self._print(
            f"{sum(p.numel() for p in self.module.network.parameters()):,} parameters, {len(self.triplets)} triplets, "
            f"{len(self.validation)} for validation, {self.steps} steps of {options.batch}, {self.team.size} "
            f"process(es) on {self.team.device}, {options.precision}"
        )
        train(
            self.module, self.triplets, options, self.steps, self.team, out / CHECKPOINT,
            before=self._before, after=self._after,
        )  # fmt: skip
        if self.team.is_main:
            for open_ in (self.log, self.scores, self.bar):
                open_.close()
        last = self.psnr[-1][1] if self.psnr else float("nan")
        if self.psnr:
            self._print(f"validation PSNR {self.psnr[0][1]:.3f} dB before, {last:.3f} dB after; {out / MODEL}")
        return last

    def _before(self, done: int, network: nn.Module) -> None:
        if self.team.is_main:
            board = self.options.tensorboard
            names = (*Losses._fields, "loss", "norm", "rate", "seconds", "waiting")
            self.log = Curve(self.out / "log.csv", names, done, board=board)
            kept = done - 1 if done == self.steps else done  # a finished run is validated again, in the same row
            self.scores = Curve(self.out / "validation.csv", ("psnr",), kept, board=board)
            self.psnr = [(int(step), float(value)) for step, value in self.scores.rows]
            self.bar = tqdm(total=self.steps, initial=done, unit="step", disable=None, dynamic_ncols=True)
        if done in (0, self.steps):
            self._validate(done, network)
        self.team.wait()

    def _after(self, step: Step, network: nn.Module) -> bool:
        options, number = self.options, step.number
        late = torch.tensor(float(self.ends is not None and time.monotonic() > self.ends), device=self.team.device)
        leave = bool(self.team.mean(late) > 0)
        if self.team.is_main:
            self.bar.update()
            if number % options.log_every == 0 or number == self.steps or leave:
                values = (*step.losses.values(), step.loss, step.norm, step.rate, step.seconds, step.waiting)
                self.log.add(number, values)
                self.bar.set_postfix(loss=f"{step.loss:.4f}", psnr=f"{self.psnr[-1][1]:.2f}" if self.psnr else "–")
        if number % options.validate_every == 0 or number == self.steps or leave:
            self._validate(number, network)
            self.team.wait()
        return leave

    @torch.no_grad()
    def _validate(self, number: int, network: nn.Module) -> None:
        """Measure the PSNR of the mean weights, draw a sheet of pictures, and write the model."""
        if not self.team.is_main:
            return
        options = self.options
        if options.ema == 0:
            network = self.module.network
        assert isinstance(network, IFNet | PaperIFNet)
        if self.first:  # the share of the first weights (Wortsman et al., CVPR 2022)
            network = deepcopy(network)
            for key, value in network.state_dict().items():
                value.lerp_(self.first[key].to(value), options.keep)
        places = list(range(0, len(self.validation), -(-len(self.validation) // MOST_VALIDATED) or 1))
        values = []
        for place in places:
            batch = self._validation_batch([place])
            picture = interpolate_batch(network, batch, options.flow, options.step)
            values.append(float(psnr(rounded(picture), rounded(batch.truth))))
        if values:
            self.psnr.append((number, mean_psnr(values)))
            self.scores.add(number, self.psnr[-1][1:])
            pictures = self._validation_batch(places[:: -(-len(places) // DRAWN)])
            save_sheet(self.out / f"pictures-{number:06d}.png", network, pictures, options.flow, options.step)
        self._export(network)

    def _validation_batch(self, places: list[int]) -> Triplet:
        batch = Triplet(*default_collate([self.validation[0, place] for place in places]))
        return to_floats(batch, self.team.device)

    def _export(self, network: nn.Module) -> None:
        config = self.config
        name = next((name for name, other in CONFIGS.items() if other == config), "custom")
        state = {key: value.detach().cpu() for key, value in network.state_dict().items()}
        write_weights(Weights(state, name, config), self.out / MODEL, {"trained-with": f"vsrife {version('vsrife')}"})
        facts = {
            "network": name if name != "custom" else f"`{config}`",
            "parameters": f"{sum(value.numel() for value in state.values()):,}",
            "initial weights": self.options.init or "random",
            "trained on": ", ".join(Path(source).name for source in self.options.data),
            "vsrife, PyTorch": f"{version('vsrife')}, {torch.__version__}",
            "date": date.today().isoformat(),
        }
        with atomic_write(self.out / CARD) as partial:
            partial.write_text(card(self.options, facts, self.psnr), encoding="utf-8")

    def _sources(self) -> tuple[list[Triplets], list[Triplets]]:
        """The sources of training and of validation."""
        options = self.options
        first, last = options.span
        border = last - options.hold_out * (last - first)
        validation, span = (options.validation, (0.0, 1.0)) if options.validation else (options.data, (border, last))
        return self._of(options.data, "train", (first, border)), self._of(validation, "test", span)

    def _of(self, data: tuple[str, ...], split: str, span: tuple[float, float]) -> list[Triplets]:
        """Sources in the order of `data`; scenes of the kind `FILM` are covered with its films."""
        films = {text: self._footage(text, split, span) for text in data if not _is_scenes(text)}
        windows = tuple(source.windows for found in films.values() for source in found)
        sources: list[Triplets] = []
        for text in data:
            sources += films[text] if text in films else self._scenes(text, split, windows)
        return sources

    def _scenes(self, text: str, split: str, films: tuple[WindowSet, ...]) -> list[SceneTriplets]:
        seed = 2 * self.options.seed
        count, reach, kind = _parse_scenes(text)
        if split == "test":
            count, seed = MOST_VALIDATED, seed + 1
        if kind == FILM and not films:
            if split == "test":
                return []
            raise ArgumentError("data", text, f"{SCENES} of another kind than {FILM}, or beside a film")
        return [SceneTriplets(count, self.crop + SCENE_BORDER, reach, seed, kind, films)]

    def _footage(self, text: str, split: str, span: tuple[float, float]) -> list[FootageTriplets]:
        options = self.options
        from vsrife.footage import WindowOptions, window_set

        if span[0] >= span[1]:
            return []
        side = max(self.crop, 256)
        limit = options.windows if split == "train" else MOST_VALIDATED
        places = options.places if split == "train" else 1
        wanted = WindowOptions(
            width=max(side, 448), height=side, limit=limit, places=places, seed=options.seed, span=span
        )
        folder = Path(options.cache).expanduser() if options.cache else self.out / "footage"
        path = Path(text).expanduser()
        try:
            windows = window_set(path, split, wanted, folder, self._progress(path.name))
        except RifeError:
            if split == "train" or options.validation:
                raise
            return []  # a short film's end may have no three frames that move
        return [FootageTriplets(windows)]

    def _progress(self, name: str) -> Callable[[int, int], None]:
        bar = tqdm(desc=f"reading {name}", unit="frame", disable=None if self.team.is_main else True, leave=False)

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return show

    def _print(self, text: str) -> None:
        if self.team.is_main:
            print(f"train: {text}", file=sys.stderr)


def _is_scenes(text: str) -> bool:
    return text.split(":")[0] == SCENES


def _parse_scenes(text: str) -> tuple[int, float, str]:
    """Scenes in an epoch, the longest motion in them in pixels, and their kind."""
    match = re.fullmatch(rf"{SCENES}(?::([1-9]\d*))?(?::([1-9]\d*))?(?::({'|'.join((*KINDS, FILM))}))?", text)
    if not match:
        raise ArgumentError(
            "data", text, f"{SCENES}[:NUMBER][:PIXELS][:KIND], the kind one of {', '.join((*KINDS, FILM))}"
        )
    count, reach, kind = match.groups()
    return int(count or SCENES_AN_EPOCH), float(reach or SceneTriplets.reach), kind or SceneTriplets.kind


def _resumed(out: Path, options: TrainOptions) -> TrainOptions:
    """The options of the run in a folder, with the changeable ones that are given now."""
    path = out / OPTIONS
    if not path.is_file():
        raise RifeError(f"out must be a run's folder to resume, got {out}, which has no {OPTIONS}")
    earlier = TrainOptions.from_json(path.read_text(encoding="utf-8"))
    given = {name: value for name, value in vars(options).items() if value != getattr(TrainOptions(), name)}
    for name, value in given.items():
        if name not in CHANGEABLE and value != getattr(earlier, name):
            raise ArgumentError(
                name, value, str(getattr(earlier, name)), verb="stay", note=" for a run that is resumed"
            )
    return replace(earlier, **{name: value for name, value in given.items() if name in CHANGEABLE})
