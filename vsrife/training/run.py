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
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch.utils.data import default_collate
from tqdm import tqdm

from vsrife.errors import ArgumentError, RifeError
from vsrife.evaluation.metrics import mean_psnr, psnr, rounded
from vsrife.networks import CONFIGS, IFNet, IFNetConfig, PaperConfig, make
from vsrife.networks.paper import PaperIFNet
from vsrife.training.augment import Triplet
from vsrife.training.data import FootageTriplets, SceneTriplets, Triplets, TripletSet
from vsrife.training.distributed import Team, team
from vsrife.training.graft import graft
from vsrife.training.loop import Step, train
from vsrife.training.options import SCENES, TrainOptions
from vsrife.training.report import Curve, card, save_sheet
from vsrife.training.trainee import Losses, Trainee, awaken, floats, made
from vsrife.weights import load_network, resolve
from vsrife.weights.convert import write_weights
from vsrife.weights.loading import Weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from vsrife.networks import AnyConfig

__all__ = ["Start", "run_training", "start"]

CHECKPOINT, MODEL, CARD, OPTIONS = "checkpoint.safetensors", "model.safetensors", "model.md", "options.json"
SCENES_AN_EPOCH = 2000
SCENE_BORDER = 32
"""Pixels that a scene's pictures are larger than a crop."""
MOST_MEASURED = 48
"""Triplets a validation looks at."""
DRAWN = 4
"""Of these, on a sheet."""
OPEN = (
    "steps",
    "minutes",
    "workers",
    "device",
    "log_every",
    "validate_every",
    "save_every",
    "tensorboard",
    "cache",
    "keep",
)
"""Options that may be others when a run is gone on with."""


class Start(NamedTuple):
    """Where training starts.

    Args:
        network: of the paper or of the 4.x line.
        config: what it is published as; while it is trained it does not look again at twice the scale.
        pretrained: whether it has learnt already.
    """

    network: IFNet | PaperIFNet
    config: AnyConfig
    pretrained: bool


def run_training(options: TrainOptions, out: Path, *, resume: bool = False) -> float:
    """Train, and leave the model, its card, curves, pictures and a checkpoint in a folder.

    Args:
        options: of the run.
        out: the folder.
        resume: go on with the run that is in it; only some options may differ, see `OPEN`.

    Returns:
        The last validation's PSNR.

    Raises:
        RifeError: an option or some footage cannot be used, or the folder holds a run and is not to be gone on with.
    """
    with team(options.device) as ours:
        if resume:
            options = _gone_on_with(out, options)
        elif (out / CHECKPOINT).exists() or (out / OPTIONS).exists():
            raise RifeError(f"out must be a new folder, got {out}, which holds a run; --resume goes on with it")
        return _Run(options, out, ours).train()


def start(options: TrainOptions) -> Start:
    """The network that training starts from.

    Raises:
        RifeError: there is no such model, or it is of a kind that is not trained here.
    """
    if (options.init is None) == (options.model is None):
        got = f"{options.model} and {options.init}" if options.init else "neither"
        raise RifeError(f"model or init must be given, one of them, got {got}")
    torch.manual_seed(options.seed)
    if options.init is None:
        config = _reshaped(_named(options.model or ""), options)
        network = _trainable(config)
        awaken(network)
        return Start(network, config, False)
    path = Path(options.init).expanduser()
    known = load_network(None, path) if path.exists() else load_network(options.init, None)
    config = _reshaped(known.config, options)
    network = _trainable(config)
    graft(network, known.state_dict())
    return Start(network, config, True)


def _named(name: str) -> AnyConfig:
    name = resolve(name).name
    if name not in CONFIGS:
        raise ArgumentError("model", name, "a network's name")
    return CONFIGS[name]


def _reshaped(config: AnyConfig, options: TrainOptions) -> AnyConfig:
    """A config with the options' blocks and parts."""
    widths, scales = options.widths or config.widths, options.scales or config.scales
    if len(widths) != len(scales):
        raise ArgumentError("widths", len(widths), f"as many as scales, {len(scales)}")
    config = replace(config, widths=widths, scales=scales)
    if options.head is not None:
        if not isinstance(config, IFNetConfig) or config.head is None:
            raise RifeError("head must be of a network that has one, which the 4.x line has from 4.7 on")
        config = replace(config, head=replace(config.head, hidden=options.head))
    if isinstance(config, PaperConfig) and not options.refine:
        config = replace(config, refines=False)
    return config


def _trainable(config: AnyConfig) -> IFNet | PaperIFNet:
    if isinstance(config, IFNetConfig):
        return make(replace(config, doubles=False))
    network = make(config)
    if not isinstance(network, PaperIFNet) or network.config.fine or network.config.turned:
        raise RifeError("the network must be the paper's IFNet or IFNet_m or of the 4.x line")
    return network


class _Run:
    """What a run has, in one of its processes."""

    def __init__(self, options: TrainOptions, out: Path, ours: Team) -> None:
        self.options, self.out, self.team = options, out, ours
        self.start = start(options)
        network = self.start.network
        align = self.start.config.alignment(1)
        self.crop = options.crop + -options.crop % align
        self.any_time = self.start.config.any_time or options.flow == "scaled"
        guide = None
        if options.guide:
            path = Path(options.guide).expanduser()
            guide = load_network(None, path) if path.exists() else load_network(options.guide, None)
            guide = guide.to(ours.device)
        self.first = {key: value.clone() for key, value in network.state_dict().items()} if options.keep else {}
        _freeze(network, options.freeze)
        self.trainee = Trainee(network, options, pretrained=self.start.pretrained, guide=guide).to(ours.device)
        if ours.leads:
            out.mkdir(parents=True, exist_ok=True)
            sources = self._sources()
        ours.wait()
        if not ours.leads:
            sources = self._sources()
        learnt, measured = sources
        self.triplets = TripletSet(learnt, self.crop, options.seed, any_time=self.any_time)
        if not len(self.triplets):
            raise RifeError("data must hold moving pictures, got nothing that moves")
        self.measured = TripletSet(measured, self.crop, options.seed, any_time=self.any_time, augments=False)
        epoch = -(-len(self.triplets) // options.batch)
        self.steps = options.steps or options.epochs * epoch
        if options.batch % ours.size:
            raise ArgumentError("batch", options.batch, f"a multiple of the {ours.size} processes")
        self.curve: list[tuple[int, float]] = []
        self.ends = time.monotonic() + 60 * options.minutes if options.minutes else None

    def train(self) -> float:
        """The run; returns the last validation's PSNR."""
        options, out = self.options, self.out
        if self.team.leads:
            (out / OPTIONS).write_text(options.to_json() + "\n", encoding="utf-8")
        self._say(
            f"{sum(p.numel() for p in self.trainee.network.parameters()):,} parameters, {len(self.triplets)} triplets, "
            f"{len(self.measured)} to measure on, {self.steps} steps of {options.batch}, {self.team.size} process(es) "
            f"on {self.team.device}, {options.precision}"
        )
        train(
            self.trainee, self.triplets, options, self.steps, self.team, out / CHECKPOINT,
            before=self._before, after=self._after,
        )  # fmt: skip
        if self.team.leads and hasattr(self, "log"):
            self.log.close()
            self.scores.close()
            self.bar.close()
        last = self.curve[-1][1] if self.curve else float("nan")
        if self.curve:
            self._say(f"validation PSNR {self.curve[0][1]:.3f} dB before, {last:.3f} dB after; {out / MODEL}")
        return last

    def _before(self, done: int, network: nn.Module) -> None:
        if self.team.leads:
            names = (*Losses._fields, "loss", "norm", "rate", "seconds", "waiting")
            self.log = Curve(self.out / "log.csv", names, done, board=self.options.tensorboard)
            kept = done - 1 if done == self.steps else done  # a run that is over is measured once more, in place
            self.scores = Curve(self.out / "validation.csv", ("psnr",), kept, board=self.options.tensorboard)
            self.curve = _read_curve(self.out / "validation.csv")
            self.bar = tqdm(total=self.steps, initial=done, unit="step", disable=None, dynamic_ncols=True)
        if done in (0, self.steps):
            self._measure(done, network)
        self.team.wait()

    def _after(self, step: Step, network: nn.Module) -> bool:
        options, number = self.options, step.number
        late = torch.tensor(float(self.ends is not None and time.monotonic() > self.ends), device=self.team.device)
        leave = bool(self.team.mean(late) > 0)
        if self.team.leads:
            self.bar.update()
            if number % options.log_every == 0 or number == self.steps or leave:
                values = (*step.losses.values(), step.loss, step.norm, step.rate, step.seconds, step.waiting)
                self.log.add(number, values)
                self.bar.set_postfix(loss=f"{step.loss:.4f}", psnr=f"{self.curve[-1][1]:.2f}" if self.curve else "–")
        if number % options.validate_every == 0 or number == self.steps or leave:
            self._measure(number, network)
            self.team.wait()
        return leave

    @torch.no_grad()
    def _measure(self, number: int, network: nn.Module) -> None:
        """Validation PSNR of the mean weights, a sheet of pictures, and the model as it is now."""
        if not self.team.leads:
            return
        if self.options.ema == 0:
            network = self.trainee.network
        assert isinstance(network, IFNet | PaperIFNet)
        network = self._mixed(network)
        chosen = range(0, len(self.measured), -(-len(self.measured) // MOST_MEASURED) or 1)
        values = []
        for place in chosen:
            batch = floats(_batch([self.measured[0, place]]), self.team.device)
            values.append(float(psnr(rounded(made(network, batch, self.options.flow)), rounded(batch.truth))))
        if values:
            self.curve.append((number, mean_psnr(values)))
            self.scores.add(number, self.curve[-1][1:])
            rows = [self.measured[0, place] for place in list(chosen)[:: -(-len(chosen) // DRAWN)]]
            pictures = floats(_batch(rows), self.team.device)
            save_sheet(self.out / f"pictures-{number:06d}.png", network, pictures, self.options.flow)
        self._export(network)

    def _mixed(self, network: IFNet | PaperIFNet) -> IFNet | PaperIFNet:
        """The network with the share of its first weights that it keeps (Wortsman et al., CVPR 2022)."""
        if not self.first:
            return network
        mixed = deepcopy(network)
        for key, value in mixed.state_dict().items():
            value.lerp_(self.first[key].to(value), self.options.keep)
        return mixed

    def _export(self, network: nn.Module) -> None:
        config = self.start.config
        name = next((name for name, other in CONFIGS.items() if other == config), "custom")
        state = {key: value.detach().cpu() for key, value in network.state_dict().items()}
        write_weights(Weights(state, name, config), self.out / MODEL, {"trained-with": f"vsrife {version('vsrife')}"})
        facts = {
            "network": name if name != "custom" else f"`{config}`",
            "parameters": f"{sum(value.numel() for value in state.values()):,}",
            "made from": self.options.init or "random weights",
            "learnt from": ", ".join(Path(source).name for source in self.options.data),
            "vsrife, PyTorch": f"{version('vsrife')}, {torch.__version__}",
            "date": date.today().isoformat(),
        }
        partial = self.out / f"{CARD}.part"
        partial.write_text(card(self.options, facts, self.curve), encoding="utf-8")
        partial.replace(self.out / CARD)

    def _sources(self) -> tuple[list[Triplets], list[Triplets]]:
        """What is learnt from and what is measured on."""
        options = self.options
        first, last = options.span
        border = last - options.hold_out * (last - first)
        learnt = [source for text in options.data for source in self._source(text, "train", (first, border))]
        if options.validation:
            measured = [source for text in options.validation for source in self._source(text, "test", (0.0, 1.0))]
        else:
            measured = [source for text in options.data for source in self._source(text, "test", (border, last))]
        return learnt, measured

    def _source(self, text: str, split: str, span: tuple[float, float]) -> list[Triplets]:
        options = self.options
        if text.split(":")[0] == SCENES:
            count, reach = _scenes(text)
            size = self.crop + SCENE_BORDER
            # what is measured on are other scenes
            return [
                SceneTriplets(
                    count if split == "train" else MOST_MEASURED,
                    size,
                    reach,
                    seed=2 * options.seed + (split == "test"),
                )
            ]
        from vsrife.footage import WindowOptions, window_set

        if span[0] >= span[1]:
            return []
        side = max(self.crop, 256)
        limit = options.windows if split == "train" else MOST_MEASURED
        wanted = WindowOptions(width=max(side, 448), height=side, limit=limit, seed=options.seed, span=span)
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
        bar = tqdm(desc=f"reading {name}", unit="frame", disable=None if self.team.leads else True, leave=False)

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return show

    def _say(self, text: str) -> None:
        if self.team.leads:
            print(f"train: {text}", file=sys.stderr)


def _batch(rows: list[Triplet]) -> Triplet:
    batch = default_collate(rows)
    return Triplet(*batch)


def _freeze(network: nn.Module, parts: tuple[str, ...]) -> None:
    for part in parts:
        found = [p for name, p in network.named_parameters() if name.startswith(part)]
        if not found:
            raise RifeError(f"freeze must begin the names of some parameters, got {part}")
        for parameter in found:
            parameter.requires_grad_(False)


def _scenes(text: str) -> tuple[int, float]:
    """How many in an epoch, and how far things go in them."""
    found = re.fullmatch(rf"{SCENES}(?::([1-9]\d*))?(?::([1-9]\d*))?", text)
    if not found:
        raise ArgumentError("data", text, f"{SCENES}, {SCENES}:NUMBER or {SCENES}:NUMBER:PIXELS")
    count, reach = found.groups()
    return int(count or SCENES_AN_EPOCH), float(reach or SceneTriplets.reach)


def _gone_on_with(out: Path, options: TrainOptions) -> TrainOptions:
    """The options of the run in a folder, with those of the new ones that may differ and do."""
    path = out / OPTIONS
    if not path.is_file():
        raise RifeError(f"out must be a run's folder to resume, got {out}, which has no {OPTIONS}")
    known = TrainOptions.from_json(path.read_text(encoding="utf-8"))
    asked = {name: value for name, value in vars(options).items() if value != getattr(TrainOptions(), name)}
    for name, value in asked.items():
        if name not in OPEN and value != getattr(known, name):
            raise RifeError(f"{name} must stay {getattr(known, name)} when a run is resumed, got {value}")
    return replace(known, **{name: value for name, value in asked.items() if name in OPEN})


def _read_curve(path: Path) -> list[tuple[int, float]]:
    rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    return [(int(step), float(value)) for step, value in rows]
