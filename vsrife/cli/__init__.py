"""The command `vsrife`. Importing this imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """See `vsrife.cli.command.main`; Ctrl-C is heard while that is still being imported."""
    try:
        from vsrife.cli.command import main as run
    except KeyboardInterrupt:
        return 130
    return run(arguments)
