"""Doubles a clip's frame rate with RIFE, then drops every other frame of it, makes them again and measures both."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from files import DemoError

if TYPE_CHECKING:
    from types import FrameType

stopped = False


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", nargs="?", type=Path, help="a video; without it a street scene is fetched")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for what is made (default: %(default)s)")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        from passes import run  # here because it takes a second, in which the demo can already be stopped

        run(arguments.clip, arguments.out)
    except (DemoError, OSError, KeyboardInterrupt) as error:
        # what is stopped inside VapourSynth comes back as an error of its own
        print("demo: stopped" if stopped else f"demo: {' '.join(str(error).split())}", file=sys.stderr)
        return 130 if stopped else 1
    return 0


def _stop(number: int, frame: FrameType | None) -> None:
    global stopped
    stopped = True
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
