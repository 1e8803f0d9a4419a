"""Processes that a command starts, as what they run may crash or hang, and their answers. Imports no torch."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING, Any

from vsrife.errors import RifeError, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MARK", "answer_of", "describe_end", "one_line", "run_process"]

MARK = "vsrife-answer:"
"""The beginning of the line on which a script of this package prints its answer, as JSON."""
LONGEST_LINE = 500


def run_process(command: Sequence[str], limit: float) -> subprocess.CompletedProcess[str]:
    """Run a command to its end.

    Raises:
        RifeError: it cannot be started, or has not ended after `limit` seconds.
    """
    try:
        return subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", errors="replace", timeout=limit,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise RifeError(f"no answer after {limit:g} s") from error
    except OSError as error:
        raise RifeError(f"cannot be started: {error.strerror or one_line(str(error))}") from error


def answer_of(command: Sequence[str], limit: float) -> tuple[dict[str, Any], subprocess.CompletedProcess[str]]:
    """The answer of a script of this package; it has `error`, one line, where the script fails.

    Raises:
        RifeError: see `run_process`.
    """
    done = run_process(command, limit)
    marked = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    answer: dict[str, Any] = json.loads(marked[-1][len(MARK) :]) if marked else {}
    if done.returncode or not marked:
        answer["error"] = describe_end(done)
    return answer, done


def describe_end(done: subprocess.CompletedProcess[str]) -> str:
    """How a process ended, with the last line that it printed on stderr."""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    end = f"ended with status {done.returncode}"
    if done.returncode < 0:
        names = {int(item): item.name for item in signal.Signals}
        end = f"crashed, {names.get(-done.returncode, f'signal {-done.returncode}')}"
    return one_line(f"{end}: {lines[-1]}" if lines else end)


def one_line(text: str) -> str:
    """A text with its line breaks as spaces, shortened."""
    return shown(" ".join(text.split()), LONGEST_LINE)
