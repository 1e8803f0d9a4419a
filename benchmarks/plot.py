"""A picture of records of `compare.py`, for the documentation: `python benchmarks/plot.py RECORD.json… OUT.png`.

A row for each size, doubled. For one class of machines, the network alone at the left, whole vspipe runs in 4:2:0 at
the right; for several (records, or a CPU with AVX-512 and without it), a column of vspipe runs for each. A bar for each
candidate, as long as its made frames a second: longer is faster. Whiskers are quartiles; beside a bar stand its figure
and how like the published form its picture is; who did not run is named. Needs matplotlib.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
from table import disturbed, heading, likeness

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OURS, THEIRS, GRID = "#c8442b", "#8a94a3", "#dddddd"
BAR, HEAD, WIDTH, DPI = 0.24, 0.75, 6.4, 130
"""Inches of height for a bar and for a panel's title, of a panel's width; dots in an inch."""
COLUMNS = ("network", "yuv420p8")


class Column(NamedTuple):
    """A column of panels: the cases of one record, path and class of machines.

    Args:
        record: whose cases.
        path: of the cases.
        instructions: of the cases; empty for all that the CPU has.
    """

    record: dict[str, Any]
    path: str
    instructions: str

    def about(self) -> str:
        """The machine, for the title of a column."""
        here = self.record["machine"]
        flags = [flag for flag in here["flags"] if not (self.instructions and flag.startswith(("avx512", "amx")))]
        return ". ".join(
            filter(None, (f"{here['cpu']}, {here['cores']} cores ({', '.join(flags)})", disturbed(self.record)))
        )


def columns(records: list[dict[str, Any]]) -> list[Column]:
    """Those of doubled cases: the paths of `COLUMNS` for one class of machines, else whole scripts in 4:2:0 of each."""
    found = []
    for record in records:
        doubled = [case for case in record["cases"] if case["rate"] == "2x"]
        here = dict.fromkeys((case.get("instructions", ""), case["path"]) for case in doubled)
        found += [Column(record, path, limit) for limit, path in here if path in COLUMNS]
    classes = {(id(one.record), one.instructions) for one in found}
    if len(classes) > 1:
        return [one for one in found if one.path == "yuv420p8"]
    return sorted(found, key=lambda one: COLUMNS.index(one.path))


def grid(chosen: list[Column]) -> list[list[dict[str, Any] | None]]:
    """A row for each size, with the case of each column that there is."""
    cases = [
        {
            case["size"]: case
            for case in one.record["cases"]
            if (case["rate"], case["path"], case.get("instructions", "")) == ("2x", one.path, one.instructions)
        }
        for one in chosen
    ]
    sizes = dict.fromkeys(size for column in cases for size in column)
    return [[column.get(size) for column in cases] for size in sizes]


def draw(records: list[dict[str, Any]], path: Path) -> None:
    """Write the picture.

    Raises:
        ValueError: nothing was doubled.
    """
    mpl.use("Agg")
    from matplotlib import pyplot

    chosen = columns(records)
    rows = grid(chosen)
    if not rows:
        raise ValueError("plot: the record must hold a doubled case of a network or of 4:2:0")
    heights = [HEAD + BAR * max(len(case["candidates"]) for case in row if case) for row in rows]
    heights[0] += HEAD / 3
    shape = len(rows), len(chosen)
    size = WIDTH * shape[1], sum(heights) + 0.8
    figure, panels = pyplot.subplots(*shape, figsize=size, height_ratios=heights, squeeze=False, layout="constrained")
    for axes, column, case in zip(panels.flat, chosen * len(rows), (case for row in rows for case in row), strict=True):
        if case:
            panel(axes, column.record, case)
        else:
            axes.set_axis_off()
    for axes, column in zip(panels[0], chosen, strict=True):
        axes.set_title(f"{column.about()}\n{axes.get_title(loc='left')}", fontsize=9, loc="left")
    for axes in panels[-1]:
        axes.set_xlabel("made frames a second (longer is faster)", fontsize=9)
    figure.suptitle("RIFE 4.26 on CPUs", fontsize=12, fontweight="bold")
    dates = " and ".join(dict.fromkeys(f"{one['machine']['date']}, revision {one['revision']}" for one in records))
    about = (
        f"{dates} · medians of alternating rounds, whiskers: quartiles · "
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
    *records, out = map(Path, sys.argv[1:] or [""])
    if not records:
        sys.exit(f"usage: {Path(sys.argv[0]).name} RECORD.json… OUT.png")
    draw([json.loads(path.read_text(encoding="utf-8")) for path in records], out)


if __name__ == "__main__":
    main()
