"""What is to be done, and the frames it is done to. Imports no candidate."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import vapoursynth as vs
    from numpy.typing import NDArray

ALIGN = 64
"""Sides that the peers' 4.26 needs are multiples of this."""
SOURCE_FPS = 24


@dataclass(frozen=True)
class Job:
    """One run of a candidate.

    Args:
        folder: holds what `prepare.py` made: frames, networks and peers' weights.
        width: of the frames.
        height: of the frames.
        pairs: source frames are one more.
        num: of the factor, in lowest terms.
        den: of the factor.
        path: `network`, `yuv420p8` or `rgb`.
        half: whether RGB is half floats rather than single ones.
    """

    folder: str
    width: int
    height: int
    pairs: int
    num: int
    den: int
    path: str
    half: bool = False

    @classmethod
    def read(cls, text: str) -> Job:
        """From `written`."""
        return cls(**json.loads(text))

    def written(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @property
    def factor(self) -> Fraction:
        """Output frames for each source frame."""
        return Fraction(self.num, self.den)

    @property
    def padded(self) -> tuple[int, int]:
        """Width and height in multiples of `ALIGN`."""
        return -(-self.width // ALIGN) * ALIGN, -(-self.height // ALIGN) * ALIGN

    def file(self, name: str, kind: str) -> Path:
        """A file of this size in the folder."""
        return Path(self.folder) / f"{name}-{self.width}x{self.height}.{kind}"

    def reference(self, form: str) -> Path:
        """The first made frame by the published form in fp32: `rgb` (3×H×W fp32) or `yuv` (the planes' bytes)."""
        return self.file(f"reference-{self.num}-{self.den}", form)

    def is_made(self, n: int) -> bool:
        """Whether output n lies between source frames."""
        return n * self.den % self.num != 0

    def times(self) -> Iterator[tuple[int, Fraction]]:
        """Left source frame and time of each made frame."""
        for n in range(self.pairs * self.num // self.den):
            if self.is_made(n):
                place = Fraction(n * self.den, self.num)
                yield int(place), place % 1

    def pictures(self) -> NDArray[np.float32]:
        """Source frames as N×3×H×W."""
        shape = (-1, 3, self.height, self.width)
        return np.fromfile(self.file("clip", "rgb"), np.float32).reshape(shape)[: self.pairs + 1]

    def planes(self) -> list[list[NDArray[np.uint8]]]:
        """Source frames as 4:2:0."""
        luma, chroma = self.width * self.height, self.width * self.height // 4
        whole = np.fromfile(self.file("clip", "yuv"), np.uint8).reshape(-1, luma + 2 * chroma)[: self.pairs + 1]
        return [
            [
                frame[:luma].reshape(self.height, self.width),
                *(part.reshape(self.height // 2, self.width // 2) for part in np.split(frame[luma:], 2)),
            ]
            for frame in whole
        ]

    def clip(self) -> vs.VideoNode:
        """The source in the format of `path`, every frame in memory beforehand."""
        import vapoursynth as vs

        if self.path == "yuv420p8":
            return held(self.planes(), vs.YUV420P8)
        pictures = list(self.pictures())
        return held([p.astype(np.float16) for p in pictures], vs.RGBH) if self.half else held(pictures, vs.RGBS)


def held(frames: Any, form: int) -> vs.VideoNode:
    """Arrays, a list of planes for each frame, as a clip; BT.709 where it is YUV."""
    import vapoursynth as vs

    height, width = frames[0][0].shape
    core = vs.core
    blank = core.std.BlankClip(
        format=form, width=width, height=height, length=len(frames), fpsnum=SOURCE_FPS, keep=True
    )
    if blank.format.color_family == vs.YUV:
        blank = blank.std.SetFrameProps(_Matrix=vs.MATRIX_BT709, _Range=vs.RANGE_LIMITED)

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        for plane, values in enumerate(frames[n]):
            np.copyto(np.asarray(out[plane]), values)
        return out

    ready = list(core.std.ModifyFrame(blank, blank, fill).frames())
    return core.std.ModifyFrame(blank, blank, lambda n, f: ready[n])


def array(frame: vs.VideoFrame) -> NDArray[np.float32]:
    """An RGB frame as 3×H×W."""
    return np.stack([np.asarray(frame[plane]) for plane in range(3)]).astype(np.float32)
