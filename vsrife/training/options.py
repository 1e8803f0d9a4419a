"""The options of a training run. Imports no torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from vsrife.errors import ArgumentError, RifeError, first_line

__all__ = ["SCENES", "TrainOptions"]

SCENES = "scenes"
"""The name of the synthetic scenes in place of a path of footage."""
DEVICES = ("auto", "cpu", "cuda", "mps", "xpu")
PRECISIONS = ("fp32", "bf16", "fp16")


def option(default: Any, text: str, **more: Any) -> Any:
    """A field with its help; `least` and `most` bound a number, `choices` names what a text may be."""
    return field(default=default, metadata={"help": text, **more})


@dataclass(frozen=True)
class TrainOptions:
    """Everything a run depends on. The defaults are the paper's (section 4.1), where it gives them."""

    data: tuple[str, ...] = option(
        (),
        "training data: films, .vpy scripts, folders of pictures or Vimeo90K folders; "
        f'"{SCENES}[:N][:P][:KIND]" means synthetic scenes, N per epoch with motions of at most P pixels, of one kind: '
        "noise (the default), drawings, text, bars, repeats, faint, grain, letterbox, captions or "
        "film (pictures of the films that are given as well)",
    )
    validation: tuple[str, ...] = option((), "validation data; by default the end of each film, see --hold-out")
    hold_out: float = option(
        0.1, "share of each film, from its end, kept for validation and not trained on", least=0, most=0.9
    )
    span: tuple[float, ...] = option(
        (0.0, 1.0), "the part of each film that is used: start and end as shares of its length"
    )
    cache: str | None = option(None, "folder for the windows cut out of films; by default in the run's own folder")
    windows: int = option(1000, "largest number of windows cut out of each film", least=1)
    places: int = option(
        1, "windows cut out of the same frames of a short film, each at a place and a size of its own", least=1, most=64
    )

    model: str | None = option(
        None, "network to train from scratch: a name that `vsrife models` lists, paper, paper-m, …"
    )
    init: str | None = option(None, "weights to fine-tune instead: a model's name or a file")
    widths: tuple[int, ...] = option((), "body channels of each block, instead of the network's own", least=2)
    head: int | None = option(None, "channels of the head's half-size layers, instead of the network's own", least=2)
    scales: tuple[int, ...] = option((), "downscaling factor of each block, instead of the network's own", least=1)
    refine: bool = option(True, "use RefineNet, for the networks that have one")
    flow: str = option(
        "direct",
        "direct estimates the flow at t; scaled estimates it at ½ and scales it to t",
        choices=("direct", "scaled"),
    )

    minutes: float | None = option(None, "stop after this time; --resume continues the run", least=0)
    steps: int | None = option(None, "number of steps; by default as many as --epochs need", least=1)
    epochs: int = option(300, "passes over the training data", least=1)
    batch: int = option(64, "triplets per step, over all processes", least=1)
    accumulate: int = option(1, "number of parts that a batch is split into, to save memory", least=1)
    crop: int = option(224, "side of the crops in pixels, rounded up to what the network needs", least=32)
    learning_rate: float | None = option(
        None, "peak learning rate; by default 3e-4 from scratch and 1e-5 with --init", least=0
    )
    last_rate: float = option(0.01, "final learning rate of the cosine decay, as a share of the peak", least=0, most=1)
    warmup: int | None = option(None, "warm-up steps; by default 2000, at most a tenth of the run", least=0)
    weight_decay: float = option(1e-4, "weight decay of AdamW", least=0)
    clip: float = option(1.0, "norm that gradients are clipped to", least=0)
    ema: float = option(
        0.999, "decay of the moving average of the weights; 0 uses the last weights", least=0, most=0.99999
    )
    levels: int = option(5, "bands of the Laplacian pyramid", least=1, most=8)
    picture: float = option(1.0, "weight of the picture loss; 0 trains with a guide alone", least=0)
    picture_step: str | None = option(
        None, "picture step that turns flow and mask into the picture: sharp, the filter's, is the default with "
        "--init, and published is the default from scratch", choices=("published", "sharp"),
    )  # fmt: skip
    psnr: float = option(
        0.0, "weight of each picture's PSNR in bels, by which easy pictures count as much as hard ones", least=0
    )
    distillation: float = option(
        0.01, "weight of the distillation from the privileged teacher; 0 trains without a teacher", least=0
    )

    guide: str | None = option(None, "a model whose flow and mask are targets as well: a name or a file")
    guide_passes: int = option(8, "number of estimates whose mean is the guide: 1, 2, 4 or 8", choices=(1, 2, 4, 8))
    guide_flow: float = option(0.01, "weight of the distance to the guide's flow, in pixels", least=0)
    guide_mask: float = option(0.1, "weight of the difference from the guide's mask", least=0)
    guide_features: float = option(
        0.0, "weight of the mean squared difference from the guide's head features, in units of their variance", least=0
    )
    sharpness: float = option(
        0.0,
        "weight of the detail that the guide's picture (or without a guide the true one) has and the output lacks",
        least=0,
    )
    keep: float = option(
        0.0, "share of the initial weights in the validated and written average, which keeps more of their detail",
        least=0, most=1,
    )  # fmt: skip
    freeze: tuple[str, ...] = option((), "parts that are not trained, by the prefix of their names: block0 encode …")

    device: str = option("auto", "cpu, cuda, mps or xpu; auto takes CUDA where there is a GPU", choices=DEVICES)
    precision: str = option("fp32", "precision of the convolutions: fp32, bf16 or fp16", choices=PRECISIONS)
    workers: int = option(1, "data loading processes per training process", least=0)
    seed: int = option(0, "seed of all random draws", least=0)
    log_every: int = option(10, "steps between two lines of the log", least=1)
    validate_every: int = option(1000, "steps between two validations, each with a sheet of pictures", least=1)
    save_every: int = option(500, "steps between two checkpoints", least=1)
    tensorboard: bool = option(False, "also write files for TensorBoard")

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            for one in value if isinstance(value, tuple) else (value,):
                _check(item.name, one, **item.metadata)
        if len(self.span) != 2 or not 0 <= self.span[0] < self.span[1] <= 1:
            span = " ".join(map(str, self.span))
            raise ArgumentError("span", span, "two shares of a film, the first below the second, 0 to 1")
        if self.keep and self.init is None and self.model is not None:  # neither is given to resume a run
            raise RifeError(f"keep needs init, trained weights, got {self.keep:g}")
        if self.batch % self.accumulate:
            raise ArgumentError("accumulate", self.accumulate, f"a divisor of the batch, {self.batch}")

    @property
    def step(self) -> str:
        """The picture step that the run learns through."""
        return self.picture_step or ("published" if self.init is None else "sharp")

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> TrainOptions:
        """Read the options that `to_json` wrote.

        Raises:
            RifeError: the text holds no options.
        """
        try:
            content: dict[str, Any] = json.loads(text)
            content.setdefault("picture_step", "published")  # runs that began before there was a choice
            options: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in content.items()}
            return cls(**options)
        except (ValueError, TypeError, AttributeError) as error:
            raise RifeError(f"the run's options cannot be read: {first_line(error)}") from error


def _check(
    name: str,
    value: Any,
    *,
    help: str,
    choices: tuple[Any, ...] = (),
    least: float | None = None,
    most: float | None = None,
) -> None:
    if choices and value is not None and value not in choices:
        raise ArgumentError(name, value, f"one of {', '.join(map(str, choices))}")
    if value is None or isinstance(value, str | bool):
        return
    if (least is not None and not value >= least) or (most is not None and not value <= most):
        raise ArgumentError(name, value, f"{least:g} or more" if most is None else f"{least:g} to {most:g}")
