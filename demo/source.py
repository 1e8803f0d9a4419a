"""What the demo has to know of a clip before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import vapoursynth as vs
from files import DemoError
from scenes import mark_cuts, open_clip

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path

__all__ = ["Source"]

FEWEST = 3
UNSPECIFIED = 2


@dataclass(frozen=True)
class Source:
    """A clip that can be doubled.

    Args:
        path: absolute.
        frames: how many.
        fps: frames a second.
        width: of a picture.
        height: of a picture.
        cuts: the first frame of every shot but the first.
        matrix: H.273's number, guessed as players do where the clip does not say.
        tags: colours, range, chroma position and pixel shape as ffmpeg's options.
    """

    path: Path
    frames: int
    fps: Fraction
    width: int
    height: int
    cuts: tuple[int, ...]
    matrix: int
    tags: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> Source:
        """Opens and reads all of a clip.

        Raises:
            DemoError: it is no video, or one that cannot be doubled.
        """
        path = path.expanduser().absolute()
        if not path.is_file():
            raise DemoError(f"{path} is not there" if not path.exists() else f"{path} is no file")
        try:
            clip = open_clip(str(path))
        except vs.Error as error:
            reason = str(error).removeprefix("VideoSource: ")
            raise DemoError(f"{path.name} holds no video that can be opened ({reason})") from error
        try:
            if clip.num_frames < FEWEST:
                raise DemoError(f"{path.name} is too short: {clip.num_frames} frames, and at least {FEWEST} are needed")
            if not clip.fps:
                raise DemoError(f"{path.name} has no frame rate")
            vs.core.rife.RIFE(clip[0])  # whether RIFE takes it
            marks = (frame.props["_SceneChangeNext"] for frame in mark_cuts(clip).frames(close=True))
            cuts = tuple(n + 1 for n, cut in enumerate(marks) if cut)
            props = dict(clip.get_frame(0).props)
        except vs.Error as error:
            raise DemoError(f"{path.name} cannot be used: {error}") from error
        matrix = int(props.get("_Matrix", UNSPECIFIED))
        if matrix == UNSPECIFIED:
            matrix = 1 if clip.width >= 1280 or clip.height > 576 else 6
        return cls(path, clip.num_frames, clip.fps, clip.width, clip.height, cuts, matrix, _tags(props))

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return float(self.frames / self.fps)

    def __str__(self) -> str:
        cuts = f", cuts at {', '.join(map(str, self.cuts))}" if self.cuts else ""
        return (
            f"{self.path.name}: {self.width}x{self.height}, {float(self.fps):.5g} fps, "
            f"{self.frames} frames, {self.seconds:.2f} s{cuts}"
        )


def _tags(props: dict[str, object]) -> tuple[str, ...]:
    """Y4M says nothing of these; the numbers are H.273's, which ffmpeg counts one higher where 0 is unknown."""

    def number(name: str, absent: int) -> int:
        value = props.get(name)
        return int(value) if isinstance(value, int) else absent

    colours = {
        "range": number("_Range", -1) + 1,
        "color_primaries": number("_Primaries", UNSPECIFIED),
        "color_trc": number("_Transfer", UNSPECIFIED),
        "colorspace": number("_Matrix", UNSPECIFIED),
    }
    filters = "setparams=" + ":".join(f"{name}={value}" for name, value in colours.items())
    if number("_SARNum", 0) > 0 and number("_SARDen", 0) > 0:
        filters += f",setsar={props['_SARNum']}/{props['_SARDen']}"
    location = str(number("_ChromaLocation", -1) + 1)
    return "-vf", filters, "-chroma_sample_location:v", location
