"""The command line: what it offers, and what becomes of errors."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from typing import TYPE_CHECKING

from vsrife.cli import benchmark, compare, doctor, evaluate, interpolate, models, train
from vsrife.errors import RifeError, first_line, named, shown
from vsrife.files import reason

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

FAILED, MISUSED, INTERRUPTED, CUT_OFF = 1, 2, 130, 141
NAME = "vsrife"
UNWRITABLE = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO, errno.EBADF)
"""Errors of files that were opened already, as standard output is."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: of the command line, without the program's name; None for this process's own.

    Returns:
        The exit status: 0 or the command's own, 1 after an error (one line on stderr), 2 without a
        command, 130 when interrupted, 141 when nobody reads what it prints.
    """
    parser = argparse.ArgumentParser(prog=NAME, description="RIFE frame interpolation for VapourSynth.")
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command")
    interpolate.add_to(commands)
    models.add_to(commands)
    doctor.add_to(commands)
    benchmark.add_to(commands)
    evaluate.add_to(commands)
    compare.add_to(commands)
    train.add_to(commands)
    options = parser.parse_args(arguments)
    if options.version:
        options.command, options.run = NAME, _print_version
    elif options.command is None:
        parser.print_help(sys.stderr)
        return MISUSED
    try:
        with named(options.command):
            status = int(options.run(options) or 0)
        sys.stdout.flush()
        return status
    except RifeError as error:
        print(error, file=sys.stderr)
        return FAILED
    except BrokenPipeError:  # the reader of the output has closed it
        _forget_output()
        return CUT_OFF
    except (OSError, UnicodeError) as error:
        print(f"{options.command}: {_described(error)}", file=sys.stderr)
        _forget_output()
        return FAILED
    except KeyboardInterrupt as error:
        print(f"{options.command}: {str(error) or 'stopped'}", file=sys.stderr)
        return INTERRUPTED


def _print_version(_: argparse.Namespace) -> None:
    import vsrife

    print(NAME, vsrife.__version__)


def _described(error: OSError | UnicodeError) -> str:
    """An error of the system in one line, with the file that it is about, if it names one."""
    if isinstance(error, UnicodeError):
        return f"a name or a text must be valid UTF-8 ({first_line(error)})"
    if error.filename is None:
        what = "the output cannot be written" if error.errno in UNWRITABLE else "cannot go on"
        return f"{what} ({reason(error)})"
    return f"{shown(error.filename, 200)} cannot be used ({reason(error)})"


def _forget_output() -> None:
    """Discard output that could not be written, about which Python would complain once more when it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
