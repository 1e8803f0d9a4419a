"""What the tests share: made-up clips with known motion, frames as arrays, and the figures they are judged by."""

from __future__ import annotations

import hashlib
import os
import signal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import vapoursynth as vs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from vsrife.networks import IFNet, LegacyNetwork

    Shift = float | NDArray[np.float32]

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("VSRIFE_DATA", ROOT.parent / "shared" / "data"))


def heed_interrupts() -> None:
    """In a process to be: SIGINT as usual, which what is run in the background ignores."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def data(relative: str) -> Path:
    """A development file; the test is skipped where it is absent."""
    path = DATA / relative
    if not path.exists():
        pytest.skip(f"development data {relative} is not here (VSRIFE_DATA names its folder)")
    return path


def texture(width: int, height: int, shift_x: Shift, shift_y: Shift, seed: int = 7) -> NDArray[np.float32]:
    """A smooth random RGB picture (3×H×W, 0..1) seen through a window that is moved by any shift in pixels.

    A shift may be an array, one for each column.
    """
    rng = np.random.default_rng(seed)
    waves = 24
    angle, phase = rng.uniform(0, 2 * np.pi, (2, 3, waves))
    frequency = rng.uniform(0.02, 0.35, (3, waves))
    amplitude = rng.uniform(0.2, 1, (3, waves))
    across, down = (frequency * turn for turn in (np.cos(angle), np.sin(angle)))
    # the sine of a sum, of what depends on the column and of what depends on the row
    columns = across[..., None] * (np.arange(width) + shift_x) + down[..., None] * shift_y + phase[..., None]
    rows = down[..., None] * np.arange(height)
    total = np.swapaxes(amplitude[..., None] * np.cos(rows), 1, 2) @ np.sin(columns)
    total += np.swapaxes(amplitude[..., None] * np.sin(rows), 1, 2) @ np.cos(columns)
    return np.clip(0.5 + 0.45 * 2.2 * total / amplitude.sum(1)[:, None, None], 0, 1).astype(np.float32)


LETTERS = np.kron(np.random.default_rng(5).random((5, 14)) < 0.5, np.ones((3, 3))) > 0


def lettered(picture: NDArray[np.float32], top: int = 24, left: int = 8) -> NDArray[np.float32]:
    """A picture (3×H×W) with white blocks on it, 15×42 pixels, that are as angular as letters."""
    out = picture.copy()
    out[:, top : top + LETTERS.shape[0], left : left + LETTERS.shape[1]][:, LETTERS] = 1
    return out


def clip_of(frames: list[NDArray[np.float32]]) -> vs.VideoNode:
    """An RGBS clip of given pictures (3×H×W)."""
    height, width = frames[0].shape[1:]
    blank = vs.core.std.BlankClip(format=vs.RGBS, width=width, height=height, length=len(frames), fpsnum=24, keep=True)

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        for plane in range(3):
            np.copyto(np.asarray(out[plane]), frames[n][plane])
        return out

    return vs.core.std.ModifyFrame(blank, blank, fill)


def moving_clip(
    width: int = 128, height: int = 96, length: int = 5, step: tuple[float, float] = (4.0, 1.5), form: int = vs.RGBS
) -> vs.VideoNode:
    """A texture that moves by `step` pixels a frame, in any format."""
    clip = clip_of([texture(width, height, n * step[0], n * step[1]) for n in range(length)])
    return converted(clip, form)


def gray_clip(frames: list[NDArray[np.float32]]) -> vs.VideoNode:
    """H×W arrays as a GRAYS clip."""
    height, width = frames[0].shape
    blank = vs.core.std.BlankClip(format=vs.GRAYS, width=width, height=height, length=len(frames), keep=True)

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        np.copyto(np.asarray(out[0]), frames[n])
        return out

    return vs.core.std.ModifyFrame(blank, blank, fill)


def logged(work: Callable[[], object]) -> list[str]:
    """The lines that work leaves in VapourSynth's log, of ours."""
    lines: list[str] = []
    handle = vs.core.add_log_handler(lambda kind, message: lines.append(message))
    try:
        work()
    finally:
        vs.core.remove_log_handler(handle)
    return [line for line in lines if line.startswith("RIFE: ")]


def converted(clip: vs.VideoNode, form: int) -> vs.VideoNode:
    """The clip in another format, YUV by BT.709."""
    family = vs.core.get_video_format(form).color_family
    matrix = {"matrix": vs.MATRIX_BT709} if family in (vs.YUV, vs.GRAY) else {}
    return clip.resize.Bicubic(format=form, **matrix)


def planes(frame: vs.VideoFrame) -> list[NDArray[np.generic]]:
    """A frame's planes, copied."""
    return [np.array(frame[plane]) for plane in range(frame.format.num_planes)]


def digest(frame: vs.VideoFrame) -> str:
    """A hash of a frame's pixels and properties, those of its alpha included."""
    texts = [
        (name, digest(value) if isinstance(value, vs.VideoFrame) else str(value)) for name, value in frame.props.items()
    ]
    state = hashlib.sha256(repr(sorted(texts)).encode())
    for plane in planes(frame):
        state.update(plane.tobytes())
    return state.hexdigest()


def psnr(a: NDArray[np.generic], b: NDArray[np.generic], peak: float) -> float:
    """In dB; infinite where equal."""
    error = float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(peak**2 / error))


def peak(form: vs.VideoFormat) -> float:
    """The largest value of a format's samples."""
    return 1.0 if form.sample_type == vs.FLOAT else float((1 << form.bits_per_sample) - 1)


def video(name: str) -> vs.VideoNode:
    """A development clip; skips where it or the source filter is absent."""
    path = data(f"clips/{name}")
    if not hasattr(vs.core, "bs"):
        pytest.skip("vapoursynth-bestsource is not installed")
    return vs.core.bs.VideoSource(str(path), cachemode=0)


@cache
def trained(name: str = "4.26") -> IFNet | LegacyNetwork:
    """A bundled network, loaded once: it stays as it is."""
    from vsrife.weights import load_network

    return load_network(name, None)


def random_network(name: str) -> IFNet | LegacyNetwork:
    """A network whose layers neither die out nor explode, with motion of a few pixels."""
    import torch

    from vsrife.networks import CONFIGS, make

    torch.manual_seed(11)
    network = make(CONFIGS[name]).eval().requires_grad_(False)
    for key, parameter in network.named_parameters():
        if key.endswith("beta"):
            torch.nn.init.uniform_(parameter, 0.2, 1)
        elif parameter.dim() > 1:
            torch.nn.init.normal_(parameter, 0, parameter[0].numel() ** -0.5)
    return network


def positions(clip: vs.VideoNode) -> list[Fraction]:
    """Where in the source each output lies."""
    found = []
    for frame in clip.frames():
        props = frame.props
        t = Fraction(props["RifeTimeNum"], props["RifeTimeDen"])
        found.append(props["RifeLeft"] + t * (props["RifeRight"] - props["RifeLeft"]))
    return found


def kernel_variant(name: str) -> Iterator[str]:
    """A fixture's body: the C kernels in a variant, where this CPU runs it."""
    from vsrife.motion.library import kernel_library

    library = kernel_library()
    assert library is not None, "the native library is not installed"
    best = library.variant
    try:
        library.use(name)
    except ValueError:
        pytest.skip(f"this CPU does not run {name}")
    yield name
    library.use(best)
