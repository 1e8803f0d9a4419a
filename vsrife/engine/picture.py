"""Video frames as tensors: their planes in the clip's own values, and the RGB picture that the network sees."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from vsrife.motion import SampleGrid
from vsrife.motion.field import resample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = [
    "MATRICES",
    "Colour",
    "HostFrame",
    "PictureFormat",
    "align_edges",
    "black",
    "chroma_grid",
    "plane_differences",
    "rgb_matrix",
    "to_rgb",
]

MATRICES: dict[int, tuple[float, float]] = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}
"""H.273 MatrixCoefficients → (Kr, Kb), table 4 of the specification. 10 is constant luminance, whose chroma is close
enough to 9's for a network."""
YCGCO, ICTCP = 8, 14
_ICTCP_TO_LMS = ((1, 0.00860904, 0.11102963), (1, -0.00860904, -0.11102963), (1, 0.56003134, -0.32062717))


@dataclass(frozen=True)
class PictureFormat:
    """A constant video format.

    Args:
        family: colour family.
        bits: bits of a sample.
        is_float: whether samples are half or single precision rather than integers.
        subsampling_w: log2 of luma columns to a chroma column.
        subsampling_h: log2 of luma rows to a chroma row.
    """

    family: Literal["gray", "rgb", "yuv"]
    bits: int
    is_float: bool
    subsampling_w: int
    subsampling_h: int
    width: int
    height: int

    @property
    def planes(self) -> int:
        return 1 if self.family == "gray" else 3

    @property
    def subsampled(self) -> bool:
        """Whether planes 1 and 2 are smaller than plane 0."""
        return bool(self.subsampling_w or self.subsampling_h)

    @property
    def dtype(self) -> np.dtype[np.generic]:
        if self.is_float:
            return np.dtype(np.float16 if self.bits == 16 else np.float32)
        return np.dtype(np.uint8 if self.bits == 8 else np.uint16)

    def shape(self, plane: int) -> tuple[int, int]:
        """Height and width of a plane."""
        if plane == 0:
            return self.height, self.width
        return self.height >> self.subsampling_h, self.width >> self.subsampling_w


@dataclass(frozen=True)
class Colour:
    """How samples become RGB, by H.273 numbers.

    Args:
        matrix: MatrixCoefficients, one of `MATRICES`, 8 (YCgCo) or 14 (ICtCp); only of use for YUV.
        full_range: full rather than limited range; only of use for integers.
        chroma_location: 0 left, 1 centre, 2 top left, 3 top, 4 bottom left, 5 bottom; only of use where subsampled.
        is_linear: whether samples are proportional to light.
    """

    matrix: int = 1
    full_range: bool = False
    chroma_location: int = 0
    is_linear: bool = False


@dataclass(frozen=True)
class HostFrame:
    """A source frame in host memory.

    Args:
        number: of the frame in its clip.
        planes: h×w each.
        colour: how their samples become RGB.
        clip: tells the companions of an interpolator apart.
    """

    number: int
    planes: Sequence[NDArray[np.generic]]
    colour: Colour
    clip: int = 0


def chroma_grid(form: PictureFormat, location: int) -> SampleGrid:
    """The grid of the chroma samples, in luma pixels."""
    step_y, step_x = 1 << form.subsampling_h, 1 << form.subsampling_w
    height, width = form.shape(1)
    across = 0 if location in (0, 2, 4) else (step_x - 1) / 2
    down = {2: 0, 3: 0, 4: step_y - 1, 5: step_y - 1}.get(location, (step_y - 1) / 2)
    return SampleGrid(height, width, step_y, step_x, down, across)


@dataclass(frozen=True)
class _Code:
    """Sample values of 0 (`low`, for chroma `middle`), and the spans from 0 to 1 (`luma`, `chroma`)."""

    low: float
    luma: float
    middle: float
    chroma: float


def _code(form: PictureFormat, colour: Colour) -> _Code:
    """H.273 clause 8.3, equations for full and limited range."""
    if form.is_float:
        return _Code(0, 1, 0, 1)
    peak, unit, middle = (1 << form.bits) - 1, 1 << (form.bits - 8), 1 << (form.bits - 1)
    if colour.full_range:
        return _Code(0, peak, middle, peak)
    # H.273 makes YCgCo from RGB that is scaled already
    return _Code(16 * unit, 219 * unit, middle, (219 if colour.matrix == YCGCO else 224) * unit)


def black(form: PictureFormat, colour: Colour) -> list[float]:
    """The value of black in each plane."""
    code = _code(form, colour)
    return [code.low] + [code.middle if form.family == "yuv" else code.low] * (form.planes - 1)


def to_rgb(planes: Sequence[Tensor], form: PictureFormat, colour: Colour) -> Tensor:
    """The RGB picture that a network sees: 1×3×H×W, clamped to 0..1, fp32.

    Chroma is upsampled bilinearly; transfer and primaries stay as they are.

    Args:
        planes: h×w each, in the clip's own values, any dtype.
        form: the clip's format.
        colour: how samples become RGB.
    """
    code = _code(form, colour)
    samples = [plane.float()[None, None] for plane in planes]
    if form.is_float:
        samples = [torch.nan_to_num(plane, nan=0.0, posinf=1.0, neginf=0.0) for plane in samples]
    if form.family != "yuv":
        return torch.cat([(plane - code.low) / code.luma for plane in samples], 1).clamp(0, 1).expand(-1, 3, -1, -1)
    luma = (samples[0] - code.low) / code.luma
    chroma = [(plane - code.middle) / code.chroma for plane in samples[1:]]
    if form.subsampled:
        grid = chroma_grid(form, colour.chroma_location)
        ys, xs = SampleGrid(form.height, form.width).coordinates(luma.device)
        ys, xs = (ys - grid.offset_y) / grid.step_y, (xs - grid.offset_x) / grid.step_x
        chroma = [resample(plane, ys, xs) for plane in chroma]
    return torch.cat(_rgb(luma, *chroma, matrix=colour.matrix), 1).clamp(0, 1)


@lru_cache(maxsize=16)
def rgb_matrix(form: PictureFormat, colour: Colour) -> list[list[float]]:
    """`to_rgb` as a 3×4 matrix: samples of the planes to R, G and B; the last column is added."""
    code = _code(form, colour)
    if form.family != "yuv":
        row = [1 / code.luma, -code.low / code.luma]
        if form.family == "gray":
            return [[row[0], 0, 0, row[1]]] * 3
        return [[row[0] if plane == channel else 0 for plane in range(3)] + [row[1]] for channel in range(3)]
    units = torch.stack(_rgb(*torch.eye(3, dtype=torch.float64), matrix=colour.matrix))
    gains = units / torch.tensor([code.luma, code.chroma, code.chroma], dtype=torch.float64)
    zeros = torch.tensor([code.low, code.middle, code.middle], dtype=torch.float64)
    matrix: list[list[float]] = torch.cat((gains, -(gains @ zeros)[:, None]), 1).tolist()
    return matrix


def align_edges(picture: Tensor, align: int) -> Tensor:
    """An N×C×H×W picture or map, its last row and column repeated up to a multiple of `align`."""
    height, width = picture.shape[-2:]
    return pad(picture, (0, -width % align, 0, -height % align), mode="replicate")


def plane_differences(rgb: Tensor, form: PictureFormat, colour: Colour) -> list[Tensor]:
    """A difference of RGB pictures as differences of planes, in the clip's own values.

    Args:
        rgb: 1×3×H×W, in units of the RGB range.
        form: the clip's format.
        colour: how samples become RGB; the conversion is linear, so that the pictures need not be converted.

    Returns:
        h×w for each plane, fp32.
    """
    code = _code(form, colour)
    if form.family == "rgb":
        return list(rgb[0] * code.luma)
    columns = _rgb(*torch.eye(3, dtype=torch.float64), matrix=colour.matrix)
    from_rgb = torch.linalg.inv(torch.stack(columns)).to(rgb)
    luma, *chroma = torch.einsum("pc,nchw->pnhw", from_rgb, rgb)
    if form.family == "gray":
        return [luma[0] * code.luma]
    ys, xs = chroma_grid(form, colour.chroma_location).coordinates(rgb.device)
    return [luma[0] * code.luma, *(resample(plane[None], ys, xs)[0, 0] * code.chroma for plane in chroma)]


def _rgb(y: Tensor, u: Tensor, v: Tensor, *, matrix: int) -> list[Tensor]:
    """H.273 clause 8.3, solved for R', G', B' (for ICtCp: for L', M', S', which look enough like a picture)."""
    if matrix == YCGCO:
        return [y - u + v, y + u, y - u - v]
    if matrix == ICTCP:
        return [a * y + b * u + c * v for a, b, c in _ICTCP_TO_LMS]
    kr, kb = MATRICES[matrix]
    red = y + 2 * (1 - kr) * v
    blue = y + 2 * (1 - kb) * u
    return [red, (y - kr * red - kb * blue) / (1 - kr - kb), blue]
