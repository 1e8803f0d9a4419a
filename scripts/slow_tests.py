"""Writes tests/slow_tests.py: the tests that `make check` leaves out, by measured times.

    python -m pytest --durations=0 --durations-min=0 -vv >times.log
    python scripts/slow_tests.py times.log

The dearest tests are left out until the others fit into BUDGET seconds of one core. Functions of the table that the log
does not name, as after `-m "not slow"`, stay in it while their file has them.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "tests" / "slow_tests.py"
BUDGET = 150
"""Seconds of one core that the quick tests may take, without the start of the processes."""
HEAD = f'''"""The slow tests: all others together take {BUDGET} s of one core. Written by `scripts/slow_tests.py`."""

SLOW: dict[str, tuple[str, ...]] = {{
'''
TAIL = '''}
"""File → functions. The file that takes longest is first, and is run first."""
'''
LINE = re.compile(r"^\s*([\d.]+)s (?:call|setup|teardown) +tests/([\w/]+\.py)::(?:\w+::)?(\w+)")

Times = dict[tuple[str, str], float]
"""File and function → seconds, for all parameters together."""


def read(log: str) -> Times:
    """The times of a log of pytest."""
    times: Times = defaultdict(float)
    for line in log.splitlines():
        if found := LINE.match(line):
            seconds, file, function = found.groups()
            times[file, function] += float(seconds)
    return dict(times)


def slow(times: Times, budget: float) -> set[tuple[str, str]]:
    """The dearest functions, without which the others fit into the budget."""
    left = sum(times.values())
    chosen = set()
    for place in sorted(times, key=lambda place: (-times[place], place)):
        if left <= budget:
            break
        left -= times[place]
        chosen.add(place)
    return chosen


def table(times: Times, earlier: dict[str, tuple[str, ...]], budget: float) -> str:
    """The text of tests/slow_tests.py."""
    chosen = slow(times, budget)
    for file, functions in earlier.items():
        path = TABLE.parent / file
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        chosen |= {(file, name) for name in functions if (file, name) not in times and f"def {name}(" in text}
    totals: dict[str, float] = defaultdict(float)
    for (file, _), seconds in times.items():
        totals[file] += seconds
    order = {file: place for place, file in enumerate(earlier)}
    lines = []
    for file in sorted({file for file, _ in chosen}, key=lambda file: (order.get(file, len(order)), -totals[file])):
        names = sorted(name for other, name in chosen if other == file)
        lines += [f'    "{file}": (', *(f'        "{name}",' for name in names), "    ),"]
    return HEAD + "\n".join(lines) + "\n" + TAIL


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path, nargs="+", help="what pytest printed")
    options = parser.parse_args()
    times = read("\n".join(log.read_text(encoding="utf-8", errors="replace") for log in options.log))
    earlier = ast.literal_eval(TABLE.read_text(encoding="utf-8").split(" = ", 1)[1].rsplit('"""', 2)[0])
    TABLE.write_text(table(times, earlier, BUDGET), encoding="utf-8")
    print(f"{sum(times.values()):.0f} s of {len(times)} functions in the log")


if __name__ == "__main__":
    main()
