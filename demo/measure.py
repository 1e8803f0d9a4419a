"""Pass 2: `rebuild.vpy` makes every other frame of the clip again, and they are held against those that were there."""

from __future__ import annotations

import math
import runpy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import vapoursynth as vs
from progress import Progress
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from source import Source

    Picture = NDArray[np.uint8]

__all__ = ["Moment", "Rebuilt", "Scores", "gradient_energy", "psnr"]

SCRIPT = Path(__file__).with_name("rebuild.vpy")
MOST = 150
"""Frames measured of a long clip, spread over it evenly: enough for a mean."""


@dataclass
class Scores:
    """How near pictures of one kind came to the true ones, frame by frame."""

    psnr: list[float] = field(default_factory=list)
    ssim: list[float] = field(default_factory=list)
    energy: list[float] = field(default_factory=list)
    true_energy: list[float] = field(default_factory=list)

    def add(self, picture: Picture, truth: Picture) -> None:
        """Measures one more frame."""
        self.psnr.append(psnr(picture, truth))
        self.ssim.append(float(structural_similarity(truth, picture, channel_axis=2)))
        self.energy.append(gradient_energy(picture))
        self.true_energy.append(gradient_energy(truth))

    @property
    def mean_psnr(self) -> float:
        """In dB."""
        return float(np.mean(self.psnr))

    @property
    def mean_ssim(self) -> float:
        """1 for the same picture."""
        return float(np.mean(self.ssim))

    @property
    def sharpness(self) -> float:
        """The pictures' gradient energy for each of the true ones': below 1 is blurred, no number without detail."""
        return sum(self.energy) / (sum(self.true_energy) or math.nan)


@dataclass(frozen=True)
class Moment:
    """One dropped frame: its neighbours, what was made of them, and itself."""

    frame: int
    before: Picture
    after: Picture
    made: Picture
    blend: Picture
    truth: Picture


class Rebuilt:
    """A clip whose odd frames were dropped and made again."""

    def __init__(self, source: Source) -> None:
        runpy.run_path(str(SCRIPT), init_globals={"clip": str(source.path)})
        outputs = [vs.get_output(index) for index in range(3)]
        nodes = [output.clip for output in outputs if isinstance(output, vs.VideoOutputTuple)]
        # one matrix for all: what is compared must not differ by its conversion
        self._made, self._blend, self._source = (
            node.resize.Bicubic(format=vs.RGB24, matrix_in=source.matrix) for node in nodes
        )
        self.made = Scores()
        self.blend = Scores()
        self.frames: list[int] = []
        """Those measured: not where a cut or the end lies between the neighbours."""

    def measure(self) -> None:
        """Fills `made`, `blend` and `frames`."""
        dropped = range(1, self._source.num_frames - 1, 2)
        chosen = [dropped[i * len(dropped) // MOST] for i in range(MOST)] if len(dropped) > MOST else list(dropped)
        made, blend, source = (
            vs.core.std.Splice([node[n] for n in chosen]).frames(close=True)
            for node in (self._made, self._blend, self._source)
        )
        with Progress("Rebuilding", len(chosen)) as progress:
            for done, (n, *frames) in enumerate(zip(chosen, made, blend, source, strict=True), 1):
                if frames[0].props["RifeMade"]:
                    picture, blended, truth = map(_picture, frames)
                    self.made.add(picture, truth)
                    self.blend.add(blended, truth)
                    self.frames.append(n)
                progress.show(done)

    def moments(self, count: int) -> list[Moment]:
        """Those where most moves, by how wrong the blend is, from different parts of the clip."""
        apart = self._source.num_frames // (2 * count)
        picked: list[int] = []
        for _, n in sorted(zip(self.blend.psnr, self.frames, strict=True)):
            if len(picked) < count and all(abs(n - other) >= apart for other in picked):
                picked.append(n)
        return [self._moment(n) for n in sorted(picked)]

    def _moment(self, n: int) -> Moment:
        before, truth, after = (_picture(self._source.get_frame(n + offset)) for offset in (-1, 0, 1))
        return Moment(n, before, after, _picture(self._made.get_frame(n)), _picture(self._blend.get_frame(n)), truth)


def psnr(picture: Picture, truth: Picture) -> float:
    """In dB, at most 60: a still frame is met exactly, and one infinite value would be the mean of all."""
    if np.array_equal(picture, truth):
        return 60.0
    return min(float(peak_signal_noise_ratio(truth, picture)), 60.0)


def gradient_energy(picture: Picture) -> float:
    """Mean square of the differences between neighbouring samples."""
    samples = picture.astype(np.float32)
    return float(sum(np.mean(np.square(np.diff(samples, axis=axis))) for axis in (0, 1)))


def _picture(frame: vs.VideoFrame) -> Picture:
    return np.stack([np.asarray(frame[plane]) for plane in range(3)], axis=-1)
