"""Parts of a measurement, each a process of its own with a time limit: one that hangs costs its time alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["run_part", "run_parts", "say"]

MARK = "part-result:"


def say(result: Mapping[str, Any]) -> None:
    """Called by a part: its result so far. The last one counts, also where the part does not come to its end."""
    print(MARK + json.dumps(result), flush=True)


def run_part(command: Sequence[str], limit: float) -> dict[str, Any]:
    """The result of a part; `failed`, one line, where it did not come to its end, and `seconds`.

    Args:
        command: starts the process; what that starts is ended with it.
        limit: seconds after which it is ended.
    """
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            status = process.wait(limit)
            failed = f"ended with status {status}" if status else ""
        except subprocess.TimeoutExpired:
            failed = f"no end after {limit:g} s"
        finally:
            _end(process)
        out.seek(0)
        lines = [line.strip() for line in out if line.strip()]
    results = [line.removeprefix(MARK) for line in lines if line.startswith(MARK)]
    result: dict[str, Any] = json.loads(results[-1]) if results else {}
    if failed or not results:
        last = next((line for line in reversed(lines) if not line.startswith(MARK)), "")
        result["failed"] = f"{failed or 'no result'}: {last}"[:400].removesuffix(": ")
    return result | {"seconds": round(time.perf_counter() - started, 1)}


def run_parts(
    script: Path, parts: Mapping[str, float], arguments: Sequence[str], target: Path | None
) -> dict[str, Any]:
    """The results of the parts of a script, by name, which are printed and written to a file one after another.

    Args:
        script: is run with `--part NAME` and the arguments.
        parts: the limit of each in seconds.
        arguments: of the script.
        target: JSON; None for none.
    """
    found: dict[str, Any] = {}
    for name, limit in parts.items():
        found[name] = run_part([sys.executable, str(script), "--part", name, *arguments], limit)
        print(f"{name}: {json.dumps(found[name])}", flush=True)
        if target:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return found


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it has started."""
    with suppress(OSError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
