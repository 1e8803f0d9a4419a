"""Small runs by the command, as a user starts them."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SMALL = ("--data", "scenes:40", "--model", "paper-m", "--widths", "12", "8", "8", "--no-refine", "--crop", "32",
         "--batch", "4", "--workers", "0", "--log-every", "1", "--device", "cpu")  # fmt: skip
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


def command(out: Path, *arguments: str, processes: int = 1) -> list[str]:
    """What a user types."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    return [
        sys.executable,
        *(torchrun if processes > 1 else []),
        "-m",
        "vsrife",
        "train",
        "--out",
        str(out),
        *arguments,
    ]


def trained(out: Path, *arguments: str, processes: int = 1) -> subprocess.CompletedProcess[str]:
    """A run that ends."""
    return subprocess.run(
        command(out, *arguments, processes=processes), capture_output=True, text=True, env=ENVIRONMENT, timeout=240
    )


def losses(out: Path) -> dict[int, tuple[str, ...]]:
    """Step → its losses and the gradient's norm, as they were written."""
    with (out / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {int(row["step"]): tuple(row[key] for key in ("picture", "teacher", "distillation", "norm")) for row in rows}
