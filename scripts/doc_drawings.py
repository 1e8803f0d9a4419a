"""Draws the SVG files of docs/how-it-works.md; a test compares them with this.

python scripts/doc_drawings.py
"""

from __future__ import annotations

from fractions import Fraction
from math import atan2, cos, sin
from pathlib import Path
from xml.sax.saxutils import escape

__all__ = ["FOLDER", "drawings"]

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
STYLE = """
text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1c232b; font-size: 14px }
.small { font-size: 12px; fill: #55606d }
.ground { fill: #ffffff; stroke: #d8dde3 }
.plain { fill: #f2f5f9; stroke: #8a97a6 }
.source { fill: #dcf2e0; stroke: #2f9a48 }
.made { fill: #d9e8fb; stroke: #2f7ad1 }
.cut { fill: #fbdfdc; stroke: #cf3a2e }
.line { stroke: #6b7785; fill: none; stroke-width: 1.4 }
.head { fill: #6b7785 }
.lane { fill: none; stroke: #b9c2cc; stroke-dasharray: 4 4 }
@media (prefers-color-scheme: dark) {
  text { fill: #e8edf3 }
  .small { fill: #a7b2bf }
  .ground { fill: #161b22; stroke: #343c46 }
  .plain { fill: #232a33; stroke: #76828f }
  .source { fill: #173d22; stroke: #4fc06b }
  .made { fill: #173457; stroke: #5aa2f2 }
  .cut { fill: #53201c; stroke: #f0695d }
  .line { stroke: #93a0ae }
  .head { fill: #93a0ae }
  .lane { stroke: #48525e }
}
"""
"""Colours for light and dark pages."""
WIDTH = 760
Point = tuple[float, float]


class Drawing:
    """An SVG drawing.

    Args:
        title: the alternative text.
        height: the height in pixels.
    """

    def __init__(self, title: str, height: int) -> None:
        self._title, self._height = title, height
        self._parts = [f'<rect class="ground" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>']

    def box(self, x: float, y: float, width: float, height: float, *lines: str, kind: str = "plain") -> None:
        """A box with lines in its middle; those after the first are small."""
        self._parts.append(
            f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="5"'
            ' stroke-width="1.3"/>'
        )
        top = y + height / 2 - 8.5 * (len(lines) - 1)
        for row, line in enumerate(lines):
            self.text(x + width / 2, top + 17 * row + 5, line, small=row > 0)

    def text(self, x: float, y: float, line: str, *, small: bool = False, anchor: str = "middle") -> None:
        """A line of text on its base."""
        kind = ' class="small"' if small else ""
        self._parts.append(f'<text{kind} x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(line)}</text>')

    def arrow(self, *points: Point) -> None:
        """A line with a head at its end."""
        (x0, y0), (x1, y1) = points[-2:]
        turn = atan2(y1 - y0, x1 - x0)
        ends = [(x1 - 9 * cos(turn + side), y1 - 9 * sin(turn + side)) for side in (0.42, -0.42)]
        back = (x1 - 7 * cos(turn), y1 - 7 * sin(turn))
        self.line(*points[:-1], back)
        self._parts.append(f'<polygon class="head" points="{_points((x1, y1), *ends)}"/>')

    def line(self, *points: Point, kind: str = "line") -> None:
        """A line."""
        self._parts.append(f'<polyline class="{kind}" points="{_points(*points)}"/>')

    def dot(self, x: float, y: float, kind: str) -> None:
        """A dot on a time line."""
        self._parts.append(f'<circle class="{kind}" cx="{x:g}" cy="{y:g}" r="6" stroke-width="1.6"/>')

    def svg(self) -> str:
        """The text of the file."""
        body = "\n".join(self._parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self._height}" role="img">\n'
            f"<title>{escape(self._title)}</title>\n<style>{STYLE}</style>\n{body}\n</svg>\n"
        )


def _points(*points: Point) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def way() -> str:
    """The way of an output frame through the filter."""
    draw = Drawing("The way of an output frame through the filter", 350)
    draw.box(20, 30, 150, 56, "VapourSynth", "asks for output n")
    draw.box(215, 30, 150, 56, "the native node", "in C, many at once")
    draw.box(410, 30, 330, 56, "plan(n)", "exact time → required source frames")
    draw.arrow((170, 58), (215, 58))
    draw.arrow((365, 58), (410, 58))
    draw.box(410, 126, 330, 56, "render(n, frames)", "a pair of frames, and whether to interpolate")
    draw.arrow((575, 86), (575, 126))
    draw.text(565, 111, "VapourSynth hands over the frames", small=True, anchor="end")
    draw.box(20, 126, 345, 56, "a source frame, unchanged", "on a frame · at a cut · a still · the tail", kind="source")
    draw.arrow((410, 154), (365, 154))
    draw.box(
        515,
        222,
        225,
        100,
        "encode",
        "each source frame once:",
        "RGB and features,",
        "cached while needed",
        kind="made",
    )
    draw.box(
        268, 222, 225, 100, "estimate motion", "flow and mask as small maps,", "one pair and one time", kind="made"
    )
    draw.box(
        20,
        222,
        225,
        100,
        "warp and blend",
        "each plane in its own depth,",
        "into the output frame",
        kind="made",
    )
    draw.arrow((628, 182), (628, 222))
    draw.text(638, 207, "to interpolate", small=True, anchor="start")
    draw.arrow((515, 272), (493, 272))
    draw.arrow((268, 272), (245, 272))
    return draw.svg()


def planes() -> str:
    """The network estimates motion, and the planes are warped."""
    draw = Drawing("The network estimates motion; the filter moves the planes as they are", 330)
    for y, name in ((30, "left frame"), (200, "right frame")):
        draw.text(84, y - 8, name)
        draw.box(20, y, 80, 60, "Y", kind="source")
        draw.box(106, y, 42, 28, "U", kind="source")
        draw.box(106, y + 32, 42, 28, "V", kind="source")
    draw.box(200, 112, 110, 66, "RGB", "network input")
    draw.box(345, 112, 110, 66, "network")
    draw.box(490, 112, 110, 66, "flow, mask", "small maps", kind="made")
    draw.arrow((148, 60), (180, 60), (180, 135), (200, 135))
    draw.arrow((148, 230), (180, 230), (180, 155), (200, 155))
    draw.arrow((310, 145), (345, 145))
    draw.arrow((455, 145), (490, 145))
    draw.box(345, 205, 255, 50, "warp and blend", "at each plane's sample sites", kind="made")
    draw.arrow((545, 178), (545, 205))
    draw.arrow((148, 240), (345, 240))
    draw.arrow((148, 50), (620, 50), (620, 218), (600, 218))
    draw.text(400, 42, "the planes themselves", small=True)
    draw.box(640, 200, 54, 60, "Y", kind="made")
    draw.box(699, 200, 40, 28, "U", kind="made")
    draw.box(699, 232, 40, 28, "V", kind="made")
    draw.text(690, 192, "interpolated")
    draw.arrow((600, 240), (640, 240))
    draw.text(380, 304, "interpolated = weight · warped left + (1 − weight) · warped right")
    return draw.svg()


def coarse_to_fine() -> str:
    """The blocks of 4.26 on a picture of 1920×1080."""
    draw = Drawing("The five blocks of RIFE 4.26, from coarse to fine", 330)
    scales, left, step = (16, 8, 4, 2, 1), 20, 147
    draw.text(380, 30, "RIFE 4.26 on 1920×1080, padded to 1920×1088")
    for index, scale in enumerate(scales):
        x = left + step * index
        draw.box(x, 50, 132, 66, f"block {index}", f"at 1/{scale}" if scale > 1 else "at full size",
                 f"{1920 // scale}×{1088 // scale}")  # fmt: skip
        draw.box(x + 16, 150, 100, 44, f"map {index}", "flow, mask", kind="made")
        draw.arrow((x + 66, 116), (x + 66, 150))
        draw.arrow((x + 66, 194), (x + 66, 226))
        if index < len(scales) - 1:
            draw.arrow((x + 116, 172), (x + 140, 172), (x + 140, 83), (x + step, 83))
    draw.box(20, 226, 720, 40, "motion = the sum of the maps, evaluated only where it is needed", kind="made")
    note = "A block sees both pictures warped with the sum so far, at just the pixels that its scale reads."
    draw.text(380, 292, note, small=True)
    draw.text(380, 312, "The mask is that of the last map; flows add up.", small=True)
    return draw.svg()


def timeline() -> str:
    """24 to 60 frames a second."""
    draw = Drawing("Where the output frames of 24 to 60 frames a second lie between the source frames", 250)
    left, unit = 60, 160
    draw.text(left - 30, 34, "source, 24 a second", small=True, anchor="start")
    draw.text(left - 30, 224, "output, 60 a second: frame n lies at n · 24/60 = n · 2/5", small=True, anchor="start")
    draw.line((left, 74), (left + 4 * unit, 74))
    draw.line((left, 160), (left + 4 * unit, 160))
    for frame in range(5):
        x = left + unit * frame
        draw.line((x, 74), (x, 160), kind="lane")
        draw.dot(x, 74, "source")
        draw.text(x, 58, str(frame))
    for n in range(11):
        position = n * Fraction(2, 5)
        x = left + unit * float(position)
        whole, rest = divmod(position, 1)
        draw.dot(x, 160, "made" if rest else "source")
        draw.text(x, 185, f"{whole} + {rest}" if rest and whole else str(position), small=True)
        draw.text(x, 146, str(n)) if rest else None
    draw.dot(440, 220, "source")
    draw.text(452, 224, "a source frame, bit for bit", small=True, anchor="start")
    draw.dot(640, 220, "made")
    draw.text(652, 224, "interpolated", small=True, anchor="start")
    return draw.svg()


def cuts() -> str:
    """How a cut is detected, and what is shown."""
    draw = Drawing("How the filter decides whether there is a cut between two frames", 300)
    draw.box(20, 30, 130, 60, "two frames", "left and right", kind="source")
    draw.box(200, 30, 230, 60, "frame properties?", "_SceneChangeNext, …Prev, sc_clip")
    draw.arrow((150, 60), (200, 60))
    draw.box(200, 130, 230, 60, "two thumbnails of 32×20", "each part searched in the other")
    draw.arrow((315, 90), (315, 130))
    draw.text(325, 114, "no", small=True, anchor="start")
    draw.box(200, 230, 230, 50, "do neighbours move alike?", "the less, the higher the score")
    draw.arrow((315, 190), (315, 230))
    draw.box(500, 30, 110, 60, "0 or 1")
    draw.arrow((430, 60), (500, 60))
    draw.text(465, 52, "yes", small=True)
    draw.box(500, 130, 110, 60, "score", "0 to 1")
    draw.arrow((430, 255), (555, 255), (555, 190))
    draw.arrow((555, 90), (555, 130))
    draw.box(640, 80, 100, 60, "a cut", "sc_mode", kind="cut")
    draw.box(640, 180, 100, 60, "one shot", "interpolated", kind="made")
    draw.arrow((610, 150), (640, 120))
    draw.arrow((610, 170), (640, 200))
    draw.text(690, 164, "sc_threshold: 0.15", small=True)
    return draw.svg()


def drawings() -> dict[str, str]:
    """Each file's name and text."""
    return {
        "way.svg": way(),
        "planes.svg": planes(),
        "coarse-to-fine.svg": coarse_to_fine(),
        "timeline-exact.svg": timeline(),
        "cuts.svg": cuts(),
    }


if __name__ == "__main__":
    for name, text in drawings().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
