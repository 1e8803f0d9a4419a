"""The command `vsrife`. Importing this imports no torch."""

from vsrife.cli.main import main

__all__ = ["main"]
