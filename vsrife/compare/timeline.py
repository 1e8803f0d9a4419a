"""The timeline: motion, cuts, repeats and stills, and how long frames are shown, along a whole clip."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from vsrife.compare.sheet import clock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from vsrife.compare.survey import Survey

__all__ = ["binned", "save_timeline"]

SIZE, DPI = (12.0, 5.0), 110
LOWER = 1.4
"""Inches that a panel of durations adds."""
BINS = 1500
"""The most points of a curve: more than the plot has columns."""
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
"""Seconds between ticks."""
TICKS = 14
MANY = 60
"""Cuts from which on they are drawn thin."""
ROUND = tuple(digit * 10.0**power for power in range(-1, 4) for digit in (1, 2, 5))
"""Pixels that are marked, as the root of which motion is drawn: a slow pan stays visible beside a fast one."""
LONGEST = 44
"""Letters of a name."""
BLUE, SKY, ORANGE, VERMILION, GREEN, INK = "#0072B2", "#56B4E9", "#E69F00", "#D55E00", "#009E73", "#222222"
"""Okabe and Ito's, which people tell apart who see few colours."""
CLOSE, LEVELS = 40, 4
"""Letters nearer to one another than a share of the width are put at different heights, of which there are so many."""
FLAG = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": INK, "linewidth": 0.8}


def save_timeline(path: Path, name: str, survey: Survey, moments: Mapping[str, float]) -> None:
    """Draw the timeline of a clip into a PNG.

    Args:
        path: path of the PNG.
        name: name of the clip.
        survey: survey of the clip.
        moments: letters and times in seconds of the sheet's moments.

    Raises:
        OSError: the file cannot be written.
    """
    uneven = survey.uneven
    figure = Figure(figsize=(SIZE[0], SIZE[1] + LOWER * uneven), layout=ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.08))
    ratios = [4.6, 1.5, 1.8][: 2 + uneven]
    axes: list[Axes] = list(figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios))
    figure.suptitle(f"{_plain(name)}: motion from frame to frame", fontsize=15, fontweight="bold", color=INK)
    handles = _motion(axes[0], survey, moments) + _marks(axes[1], survey)
    if uneven:
        _durations(axes[2], survey)
    _time_axes(axes, survey)
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=11, frameon=False)
    figure.savefig(path, dpi=DPI, format="png")


def binned(values: NDArray[np.float64], how: Any, most: int = BINS) -> NDArray[np.float64]:
    """As many values at most, each of equally many neighbours by what is not nan of them; the last of what is left."""
    each = -(-len(values) // most)
    if each == 1:
        return values
    padded = np.append(values, np.full(-len(values) % each, np.nan)).reshape(-1, each)
    known = ~np.isnan(padded).all(1)
    out = np.full(len(padded), np.nan)
    out[known] = how(padded[known], axis=1)
    return out


def _motion(axes: Axes, survey: Survey, moments: Mapping[str, float]) -> list[Any]:
    each = -(-len(survey) // BINS)
    times = survey.times[::each]
    middle, high = binned(survey.middle, np.nanmean), binned(survey.high, np.nanmax)
    axes.fill_between(times, high, color=SKY, alpha=0.35, linewidth=0, step=None)
    (upper,) = axes.plot(times, high, color=SKY, linewidth=1.2, label="fast parts (95th percentile)")
    (lower,) = axes.plot(times, middle, color=BLUE, linewidth=1.8, label="half of all detail (median)")
    top = max(1.0, float(np.nanmax(high, initial=0, where=~np.isnan(high)))) * 1.4
    axes.set_yscale("function", functions=(lambda x: np.sqrt(np.maximum(x, 0)), np.square))
    axes.set_ylim(0, top)
    axes.set_yticks(_root_ticks(top))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylabel("motion, px a frame", fontsize=12)
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    close, before, level = survey.seconds / CLOSE, -math.inf, 0
    for letter, second in sorted(moments.items(), key=lambda item: item[1]):
        level = (level + 1) % LEVELS if second - before < close else 0
        before = second
        axes.axvline(second, color=INK, linewidth=0.9, linestyle=(0, (2, 3)))
        axes.annotate(letter, (second, top), (0, -3 - 20 * level), textcoords="offset points", ha="center", va="top",
                      fontsize=12, fontweight="bold", color=INK, bbox=FLAG)  # fmt: skip
    shown = [Line2D([], [], color=INK, linewidth=0.9, linestyle=(0, (2, 3)), label="on the sheet")] if moments else []
    return [lower, upper, *shown]


def _root_ticks(top: float) -> list[float]:
    """Round numbers up to a limit, as far apart as there is room for on an axis of square roots."""
    ticks = [0.0]
    for value in ROUND:
        if value <= top and math.sqrt(value) - math.sqrt(ticks[-1]) >= math.sqrt(top) / 10:
            ticks.append(value)
    return ticks


def _marks(axes: Axes, survey: Survey) -> list[Any]:
    """Cuts, repeats and stills, one below another."""
    starts, ends = survey.times, survey.times + survey.durations
    rows = ((2, "cut", VERMILION), (1, "repeat", ORANGE), (0, "still", GREEN))
    for (row, _, colour), marks in zip(rows[1:], (survey.repeated, survey.still), strict=True):
        spans = [(starts[a], ends[b - 1] - starts[a]) for a, b in _stretches(marks)]
        axes.broken_barh(spans, (row - 0.36, 0.72), facecolor=colour, edgecolor=colour, linewidth=0.8)
    cuts = survey.times[survey.cut]
    axes.vlines(cuts, 1.64, 2.36, color=VERMILION, linewidth=2 if len(cuts) < MANY else 0.8)
    counts = (len(cuts), int(survey.repeated.sum()), int(survey.still.sum()))
    axes.set_yticks(
        [row for row, _, _ in rows],
        [f"{n} {name}{'s' * (n != 1)}" for (_, name, _), n in zip(rows, counts, strict=True)],
    )
    axes.tick_params(axis="y", length=0, labelsize=11)
    axes.set_ylim(-0.6, 2.6)
    for edge in ("top", "right", "left"):
        axes.spines[edge].set_visible(False)
    names = ("cut", "frame repeated", "picture at rest")
    return [Patch(color=colour, label=name) for (_, _, colour), name in zip(rows, names, strict=True)]


def _durations(axes: Axes, survey: Survey) -> None:
    each = -(-len(survey) // BINS)
    longest = 1000 * binned(survey.durations, np.nanmax)
    axes.step(survey.times[::each], longest, where="post", color=BLUE, linewidth=1.5)
    axes.set_yscale("log")
    axes.set_ylim(float(longest.min()) * 0.6, float(longest.max()) * 1.6)
    axes.yaxis.set_major_locator(LogLocator(subs=(1,) if longest.max() > 20 * longest.min() else (1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_ylabel("shown, ms", fontsize=12)
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)


def _time_axes(axes: list[Axes], survey: Survey) -> None:
    """Minutes and seconds below, frame numbers above."""
    begin, end = float(survey.times[0]), float(survey.times[0]) + survey.seconds
    lowest = axes[-1]
    lowest.set_xlim(begin, end)
    step = next((step for step in STEPS if (end - begin) / step <= TICKS), (end - begin) / TICKS)
    digits = 1 if step < 1 else 0
    lowest.set_xticks(np.arange(math.ceil(begin / step - 1e-9), math.floor(end / step + 1e-9) + 1) * step)
    lowest.xaxis.set_major_formatter(FuncFormatter(lambda second, _: clock(second, digits)))
    lowest.set_xlabel("time, minutes:seconds", fontsize=12)
    numbers = survey.first + np.arange(len(survey) + 1, dtype=float)
    times = np.append(survey.times, end)
    above = axes[0].secondary_xaxis(
        "top",
        functions=(
            lambda x: np.interp(np.asarray(x), times, numbers),
            lambda n: np.interp(np.asarray(n), numbers, times),
        ),
    )
    wanted = MaxNLocator(TICKS, integer=True).tick_values(numbers[0], numbers[-1])
    above.set_xticks([number for number in wanted if numbers[0] <= number < numbers[-1]])
    above.set_xlabel("frame", fontsize=12)
    for each in axes:
        each.tick_params(axis="x", labelsize=11)
    axes[0].tick_params(axis="y", labelsize=11)
    above.tick_params(labelsize=11)


def _stretches(marks: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Begin and end of what is marked without a gap."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], marks, [False])).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _plain(text: str) -> str:
    """A text of which nothing is taken for mathematics, and not longer than the plot is wide."""
    short = text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
    return short.replace("$", r"\$")
