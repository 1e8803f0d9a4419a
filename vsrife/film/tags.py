"""How a film's samples are shown: colours, chroma sites, pixel aspect, HDR10's static metadata."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import av

__all__ = ["Mastering", "Tags"]

UNSPECIFIED = 2
"""H.273's number for an unspecified matrix, primaries or transfer."""
HDR_TRANSFERS = (16, 18)
"""PQ and HLG."""
LARGEST_SIDE = 2**31 - 1


@dataclass(frozen=True)
class Mastering:
    """The display a film was graded on (SMPTE ST 2086), and its light levels (CTA-861.3).

    Args:
        primaries: x and y of red, green, blue and white, empty where unknown.
        luminance: minimum and maximum, in cd/m², empty where unknown.
        light: MaxCLL and MaxFALL in cd/m², empty where unknown.
    """

    primaries: tuple[float, ...] = ()
    luminance: tuple[float, ...] = ()
    light: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool((self.primaries and self.luminance) or self.light)

    def display(self, *, integers: bool) -> str | None:
        """The display as encoders take it: in x265's integer units or SVT-AV1's decimals; None where unknown."""
        if not (self.primaries and self.luminance):
            return None
        rx, ry, gx, gy, bx, by, wx, wy = (_scaled(value, 50000, integers=integers) for value in self.primaries)
        low, high = (_scaled(value, 10000, integers=integers) for value in self.luminance)
        return f"G({gx},{gy})B({bx},{by})R({rx},{ry})WP({wx},{wy})L({high},{low})"

    @property
    def levels(self) -> str | None:
        """The light levels as encoders take them; None where unknown."""
        return ",".join(map(str, self.light)) if self.light else None


@dataclass(frozen=True)
class Tags:
    """How a film is shown; None where it does not specify something.

    Args:
        matrix: H.273's number, like `primaries` and `transfer`.
        full: whether samples have the full range.
        chroma: chroma sites, as VapourSynth counts: left 0, centre 1, top left 2 …
        aspect: a pixel's width over its height, as a fraction's text.
        mastering: HDR10's metadata.
    """

    matrix: int | None = None
    primaries: int | None = None
    transfer: int | None = None
    full: bool | None = None
    chroma: int | None = None
    aspect: str = "1"
    mastering: Mastering = Mastering()

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> Tags:
        """The tags in a frame's properties."""
        full = properties.get("_Range")
        if full is None and "_ColorRange" in properties:
            full = int(properties["_ColorRange"] == 0)
        num, den = properties.get("_SARNum", 0), properties.get("_SARDen", 0)
        valid = 0 < num <= LARGEST_SIDE and 0 < den <= LARGEST_SIDE
        chroma = properties.get("_ChromaLocation")
        return cls(
            _specified(properties.get("_Matrix")),
            _specified(properties.get("_Primaries")),
            _specified(properties.get("_Transfer")),
            None if full is None else bool(full),
            None if chroma is None else int(chroma),
            str(Fraction(num, den)) if valid else "1",
            _mastering(properties),
        )

    @property
    def hdr(self) -> bool:
        """Whether the film is of high dynamic range."""
        return self.transfer in HDR_TRANSFERS or bool(self.mastering)

    def put_on(self, context: av.VideoCodecContext, *, subsampled: bool) -> None:
        """Set the tags of an encoder that is not open yet."""
        context.colorspace = UNSPECIFIED if self.matrix is None else self.matrix
        context.color_primaries = self.primaries or UNSPECIFIED
        context.color_trc = self.transfer or UNSPECIFIED
        context.color_range = {None: 0, False: 1, True: 2}[self.full]
        if subsampled and self.chroma is not None:
            context.chroma_sample_location = self.chroma + 1
        context.sample_aspect_ratio = Fraction(self.aspect)


def _specified(value: Any) -> int | None:
    return None if value is None or int(value) == UNSPECIFIED else int(value)


def _scaled(value: float, scale: int, *, integers: bool) -> str:
    return str(round(value * scale)) if integers else f"{value:.6f}".rstrip("0").rstrip(".")


def _mastering(properties: Mapping[str, Any]) -> Mastering:
    xs, ys = (properties.get(f"MasteringDisplayPrimaries{axis}") for axis in "XY")
    white: list[Any] = [properties.get(f"MasteringDisplayWhitePoint{axis}") for axis in "XY"]
    primaries: tuple[float, ...] = ()
    if xs and ys and len(xs) == len(ys) == 3 and None not in white:
        points = (*(value for pair in zip(xs, ys, strict=True) for value in pair), *white)
        primaries = tuple(float(value) for value in points)
    least, most = (properties.get(f"MasteringDisplay{name}Luminance") for name in ("Min", "Max"))
    light: list[Any] = [properties.get(f"ContentLightLevel{name}") for name in ("Max", "Average")]
    return Mastering(
        primaries,
        (float(least), float(most)) if least is not None and most else (),
        tuple(int(value) for value in light) if None not in light and any(light) else (),
    )
