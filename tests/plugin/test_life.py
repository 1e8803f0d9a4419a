"""Editors reload scripts, seek at random and throw environments away at any moment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).with_name("abandoned.py")


def test_environments_destroyed_with_requests_in_flight_leave_nothing() -> None:
    done = subprocess.run([sys.executable, PROGRAM], capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "12 rounds"), done.stderr
    assert "leak" not in done.stderr.lower()
