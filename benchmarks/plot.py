"""A picture of a record of `compare.py`, for the README: `python benchmarks/plot.py RECORD.json OUT.png`.

A row for each size, the network alone at the left, whole vspipe runs in 4:2:0 at the right, doubled. A bar for each
candidate, as long as its made frames a second: longer is faster. Whiskers are quartiles; beside a bar stand its figure
and how like the published form its picture is; who did not run is named. Needs matplotlib.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from table import heading, likeness

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OURS, THEIRS, GRID = "#c8442b", "#8a94a3", "#dddddd"
BAR, HEAD, WIDTH, DPI = 0.24, 0.75, 6.4, 130
"""Inches of height for a bar and for a panel's title, of a panel's width; dots in an inch."""
COLUMNS = ("network", "yuv420p8")


def grid(record: dict[str, Any]) -> list[list[dict[str, Any] | None]]:
    """The doubled cases of `COLUMNS` that there are, a row for each size."""
    cases = {(case["size"], case["path"]): case for case in record["cases"] if case["rate"] == "2x"}
    sizes = dict.fromkeys(size for size, path in cases if path in COLUMNS)
    columns = [path for path in COLUMNS if any(path == other for _, other in cases)]
    return [[cases.get((size, path)) for path in columns] for size in sizes]


def draw(record: dict[str, Any], path: Path) -> None:
    """Write the picture.

    Raises:
        ValueError: nothing was doubled.
    """
    mpl.use("Agg")
    from matplotlib import pyplot

    rows = grid(record)
    if not rows:
        raise ValueError("plot: the record must hold a doubled case of a network or of 4:2:0")
    heights = [HEAD + BAR * max(len(case["candidates"]) for case in row if case) for row in rows]
    shape = len(rows), len(rows[0])
    size = WIDTH * shape[1], sum(heights) + 0.8
    figure, panels = pyplot.subplots(*shape, figsize=size, height_ratios=heights, squeeze=False, layout="constrained")
    for axes, case in zip(panels.flat, (case for row in rows for case in row), strict=True):
        if case:
            panel(axes, record, case)
        else:
            axes.set_axis_off()
    for axes in panels[-1]:
        axes.set_xlabel("made frames a second (longer is faster)", fontsize=9)
    here = record["machine"]
    figure.suptitle(f"RIFE 4.26 on {here['cpu']}, {here['cores']} cores", fontsize=12, fontweight="bold")
    flags = f"{', '.join(here['flags'])} · " if here["flags"] else ""
    about = (
        f"{flags}{here['date']} · revision {record['revision']} · medians of alternating rounds, whiskers: quartiles · "
        "dB: first made frame to the published form in fp32"
    )
    figure.supxlabel(about, fontsize=7, color="#555555")
    figure.savefig(path, dpi=DPI)
    pyplot.close(figure)


def panel(axes: Axes, record: dict[str, Any], case: dict[str, Any]) -> None:
    """One case, fastest above."""
    order = sorted(case["candidates"].items(), key=lambda one: one[1].get("made_fps", {"median": 0})["median"])
    longest = max((one["made_fps"]["high"] for _, one in order if "made_fps" in one), default=1)
    for place, (key, figures) in enumerate(order):
        made = figures.get("made_fps")
        if made is None:
            axes.text(0, place, " did not run" if "missing" in figures else " failed", va="center", fontsize=8)
            continue
        ours = key in record["ours"]
        around = [[made["median"] - made["low"]], [made["high"] - made["median"]]]
        axes.barh(place, made["median"], 0.72, color=OURS if ours else THEIRS, zorder=2)
        axes.errorbar(made["median"], place, xerr=around, color="#333333", capsize=2, linewidth=0.8, zorder=3)
        text = f"{made['median']:.2f}   {likeness(figures['psnr_to_published_fp32'], 0)}"
        weight = "bold" if ours else "normal"
        axes.text(made["high"] + longest / 80, place, text, va="center", fontsize=8, fontweight=weight)
    axes.set_yticks(range(len(order)), [record["labels"][key] for key, _ in order], fontsize=8)
    axes.set_title(heading(case), fontsize=9, loc="left")
    axes.set_xlim(0, longest * 1.3)
    axes.set_ylim(-0.6, len(order) - 0.4)
    axes.xaxis.grid(True, color=GRID, zorder=0)
    axes.tick_params(axis="x", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    """The command."""
    if len(sys.argv) != 3:
        sys.exit(f"usage: {Path(sys.argv[0]).name} RECORD.json OUT.png")
    draw(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), Path(sys.argv[2]))


if __name__ == "__main__":
    main()
