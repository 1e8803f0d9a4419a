"""The command `vsrife`. Importing this imports no torch."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """See `vsrife.cli.command.main`; Ctrl-C is heard while that is still being imported."""
    _open_standard_streams()
    try:
        from vsrife.cli.command import main as run
    except KeyboardInterrupt:
        return 130
    return run(arguments)


def _open_standard_streams() -> None:
    """Open standard streams that are closed (`2>&-`) on the null device, or later files would get their numbers."""
    number = os.open(os.devnull, os.O_RDWR)
    while number <= 2:
        number = os.open(os.devnull, os.O_RDWR)
    os.close(number)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - as long as the process
