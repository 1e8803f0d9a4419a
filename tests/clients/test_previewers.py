"""The filter in real previewers, without a screen, where they are installed: seeking, loading anew, a picture."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

HERE = Path(__file__).parent
SEEKS = [1, 101, 3, 77, 2, 235, 0, 51]
RELOADS = 2


@pytest.mark.parametrize("name", ["vsview", "vspreview"])
def test_seeking_and_loading_anew(name: str, tmp_path: Path) -> None:
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    picture = tmp_path / "window.png"
    done = subprocess.run(
        [sys.executable, HERE / f"in_{name}.py", HERE / "moving.vpy", picture, str(RELOADS)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"HOME": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"},
    )
    if "cannot open shared object file" in done.stderr:
        pytest.skip(f"{name} does not start here: {done.stderr.splitlines()[-1][:200]}")
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told == {"seen": [*SEEKS, *(SEEKS[-1] + 2 * k for k in range(RELOADS))], "frames": 240}
    with Image.open(picture) as image:
        window = np.asarray(image.convert("RGB")).astype(int)
    assert (chroma(window) > 100).sum() > 1000  # the picture's own colours: the windows are grey


def chroma(picture: NDArray[np.int_]) -> NDArray[np.int_]:
    """How far each pixel is from grey."""
    return picture.max(2) - picture.min(2)
