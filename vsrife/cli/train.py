"""`vsrife train`: networks from scratch, or fine-tuned on one's own footage."""

from __future__ import annotations

import argparse
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_type_hints

from vsrife.training.options import TrainOptions

__all__ = ["add_to"]


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command, an argument for each field of `TrainOptions`."""
    parser = commands.add_parser(
        "train",
        help="train a network, or fine-tune one on your own footage",
        description="Trains the paper's networks and those of the 4.x line, from scratch (--model) or from weights "
        "(--init), and writes model.safetensors with its card, curves and pictures to a folder. On several GPUs: "
        "torchrun --nproc-per-node N -m vsrife train …",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="continue the run in the folder")
    kinds = get_type_hints(TrainOptions)
    for item in fields(TrainOptions):
        flag, help_ = f"--{item.name.replace('_', '-')}", item.metadata["help"]
        default = item.default if item.default is not MISSING else None
        if default not in (None, ()):
            shown = " ".join(map(str, default)) if isinstance(default, tuple) else default
            help_ += f" (default: {shown})"
        if isinstance(default, bool):
            parser.add_argument(
                flag, action=argparse.BooleanOptionalAction, default=default, help=item.metadata["help"]
            )
            continue
        kind = next(k for k in (int, float, str) if k.__name__ in str(kinds[item.name]))
        parser.add_argument(
            flag,
            type=kind,
            default=default,
            nargs="+" if str(kinds[item.name]).startswith("tuple") else None,
            metavar={int: "N", float: "X", str: "NAME"}[kind],
            help=help_.replace("%", "%%"),
        )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Train.

    Raises:
        RifeError: an option or some footage cannot be used.
    """
    given: dict[str, Any] = {item.name: getattr(options, item.name) for item in fields(TrainOptions)}
    tuples: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    wanted = TrainOptions(**tuples)

    from vsrife.training.run import run_training

    run_training(wanted, options.out.expanduser(), resume=options.resume)
