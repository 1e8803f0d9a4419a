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
        "films, .vpy scripts, folders of pictures or Vimeo90K folders to learn from; "
        f'"{SCENES}" stands for made-up scenes, "{SCENES}:N:P" for N of them in an epoch, '
        "in which things go P pixels at most, and a kind after that: drawings, text, bars, repeats, faint, grain, "
        "letterbox or captions",
    )
    validation: tuple[str, ...] = option((), "what to measure on; without it, the end of each film, see --hold-out")
    hold_out: float = option(
        0.1, "share of each film, from its end, that is measured on and not learnt", least=0, most=0.9
    )
    span: tuple[float, ...] = option((0.0, 1.0), "the part of each film that is used, as two shares of its length")
    cache: str | None = option(None, "folder for what is cut out of films; in the run's own if not given")
    windows: int = option(1000, "runs of frames cut out of each film", least=1)

    model: str | None = option(None, "network to start from nothing: a name of `vsrife models`, paper, paper-m, …")
    init: str | None = option(None, "weights to start from instead: a model's name or a file")
    widths: tuple[int, ...] = option((), "body channels of the blocks, where not the network's own", least=2)
    head: int | None = option(None, "channels of the head's half-size layers, where not the network's own", least=2)
    scales: tuple[int, ...] = option((), "what the blocks shrink by, where not the network's own", least=1)
    refine: bool = option(True, "with RefineNet, for the networks that have one")
    flow: str = option("direct", "direct, or scaled: motion found at ½ and scaled to t", choices=("direct", "scaled"))

    minutes: float | None = option(None, "leave after so long, to be gone on with by --resume", least=0)
    steps: int | None = option(None, "steps in all; without it, as many as --epochs take", least=1)
    epochs: int = option(300, "times the set is gone through", least=1)
    batch: int = option(64, "triplets in a step, of all processes together", least=1)
    accumulate: int = option(1, "parts a step's triplets are worked off in, for little memory", least=1)
    crop: int = option(224, "side of the pictures in pixels; rounded up to what the network needs", least=32)
    learning_rate: float | None = option(None, "at its highest; 3e-4 from nothing, 1e-5 from weights", least=0)
    last_rate: float = option(0.01, "share of it that is left at the end of the cosine", least=0, most=1)
    warmup: int | None = option(None, "steps until it is reached; 2000, but a tenth of the run at most", least=0)
    weight_decay: float = option(1e-4, "AdamW's", least=0)
    clip: float = option(1.0, "largest norm of the gradient", least=0)
    ema: float = option(
        0.999, "share of the mean weights kept at each step; 0 uses the last weights", least=0, most=0.99999
    )
    levels: int = option(5, "bands of the Laplacian pyramid", least=1, most=8)
    picture: float = option(
        1.0, "weight of the interpolated picture's distance to the truth; 0 learns from a guide alone", least=0
    )
    picture_step: str | None = option(
        None, "what makes the picture of flow and mask: sharp, as in the filter, which is the default from weights, or "
        "published, the default from nothing", choices=("published", "sharp"),
    )  # fmt: skip
    psnr: float = option(
        0.0, "weight of each picture's PSNR in bels, which counts a share of little error as one of much", least=0
    )
    distillation: float = option(0.01, "weight of the privileged teacher's flow; 0 does without it", least=0)

    guide: str | None = option(None, "a model whose motion is a target too: a name or a file")
    guide_passes: int = option(8, "looks whose mean motion that is: 1, 2, 4 or 8", choices=(1, 2, 4, 8))
    guide_flow: float = option(0.01, "weight of the distance in pixels to the guide's flow", least=0)
    guide_mask: float = option(0.1, "weight of the difference to the guide's own mask", least=0)
    guide_features: float = option(
        0.0, "weight of the mean square difference to the guide's head features, each as large as it varies", least=0
    )
    sharpness: float = option(
        0.0,
        "weight of detail that the guide's picture (without a guide, the truth) has and the made one lacks",
        least=0,
    )
    keep: float = option(
        0.0, "share of the weights it started from in what is measured and written, which keeps more of their detail",
        least=0, most=1,
    )  # fmt: skip
    freeze: tuple[str, ...] = option((), "parts that are not trained, by the beginning of their names: block0 encode …")

    device: str = option("auto", "cpu, cuda, mps or xpu; auto is CUDA where there is a card", choices=DEVICES)
    precision: str = option("fp32", "of the convolutions: fp32, bf16 or fp16", choices=PRECISIONS)
    workers: int = option(1, "processes that read and cut pictures, for each training process", least=0)
    seed: int = option(0, "of everything drawn", least=0)
    log_every: int = option(10, "steps between two lines of the log", least=1)
    validate_every: int = option(1000, "steps between two measurements and sheets of pictures", least=1)
    save_every: int = option(500, "steps between two checkpoints", least=1)
    tensorboard: bool = option(False, "write TensorBoard's files, too")

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
