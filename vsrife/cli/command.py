"""The command line: what it offers, and what becomes of errors."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from vsrife.cli import benchmark, compare, doctor, evaluate, interpolate, models, train
from vsrife.errors import RifeError, named

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

INTERRUPTED, CUT_OFF = 130, 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: of the command line, without the program's name; None for this process's own.

    Returns:
        The exit status: 0 or the command's own, 1 after an error (one line on stderr), 130 when
        interrupted, 141 when nobody reads what it prints.
    """
    parser = argparse.ArgumentParser(prog="vsrife", description="RIFE frame interpolation for VapourSynth.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    interpolate.add_to(commands)
    models.add_to(commands)
    doctor.add_to(commands)
    benchmark.add_to(commands)
    evaluate.add_to(commands)
    compare.add_to(commands)
    train.add_to(commands)
    options = parser.parse_args(arguments)
    try:
        with named(options.command):
            return int(options.run(options) or 0)
    except RifeError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # who read what it prints has seen enough; Python would complain once more when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CUT_OFF
    except KeyboardInterrupt as error:
        print(f"{options.command}: {str(error) or 'stopped'}", file=sys.stderr)
        return INTERRUPTED
