"""Markdown from a record of `compare.py`: `python benchmarks/table.py RECORD.json [PATH [PAGE.md]]`.

Of one path, or of all, which `all` names too. In a page it takes the place of what stands between
`<!-- table of RECORD.json -->` and `<!-- end of the table -->`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from vsrife.cli.figures import Spread

__all__ = ["PATHS", "RATES", "disturbed", "heading", "likeness", "replaced", "table"]

PATHS = {
    "network": "network alone, RGBS in memory",
    "yuv420p8": "vspipe, 8-bit 4:2:0 in and out",
    "rgb": "vspipe, RGB floats in and out",
}
WITHOUT = {"avx2": "AVX-512 not used"}
"""What is said of cases in which the CPU's instructions were limited."""
RATES = {"2x": "doubled", "24to60": "24 → 60"}

DISTURBED = 0.1
"""Cores that others use, from which it is said."""


def heading(case: dict[str, Any]) -> str:
    """A case in words."""
    limits = WITHOUT.get(case.get("instructions", ""))
    words = PATHS[case["path"]], case["size"].replace("x", "×"), RATES[case["rate"]], limits
    return ", ".join(filter(None, words))


def likeness(psnr: float, digits: int = 1) -> str:
    """In dB; beyond 100 it is rounding."""
    return f"{psnr:.{digits}f} dB" if psnr < 100 else "≥ 100 dB"


def table(record: dict[str, Any], path: str | None = None) -> str:
    """Each case's candidates, fastest first; then why others have no figure, and the machine.

    Args:
        record: what `compare.py` wrote.
        path: one of `PATHS`; None for all.
    """
    lines = [
        "| | made frames a second | to the published form | peak memory | first made frame |",
        "|---|---|---|---|---|",
    ]
    for case in record["cases"]:
        if path not in (None, case["path"]):
            continue
        lines.append(f"| **{heading(case)}** | | | | |")
        order = sorted(case["candidates"].items(), key=lambda one: -one[1].get("made_fps", {"median": 0})["median"])
        lines += [_row(record, key, figures) for key, figures in order]
    return "\n".join([*lines, "", _where(record)])


def _row(record: dict[str, Any], key: str, figures: dict[str, Any]) -> str:
    label = record["labels"][key]
    if "made_fps" not in figures:
        why = f"not run: {figures['missing']}" if "missing" in figures else f"failed: {figures['error']}"
        return f"| {label} | {why.replace('|', '/')} | | | |"
    made, start = Spread(**figures["made_fps"]), Spread(**figures["start_seconds"])
    median = f"{made.median:.2f}"
    if key in record["ours"]:
        label, median = f"**{label}**", f"**{median}**"
    quartiles = f" ({made.low:.2f}–{made.high:.2f})" if made.count > 1 else ""
    peak = f"{figures['peak_mib']} MiB" if "peak_mib" in figures else ""
    if "card_mib" in figures:
        peak += f", card {figures['card_mib']} MiB"
    like = likeness(figures["psnr_to_published_fp32"])
    cells = (label, median + quartiles, like, peak, f"{start.median:.1f} s")
    return "| " + " | ".join(cells) + " |"


def disturbed(record: dict[str, Any]) -> str:
    """A sentence on other programs, without its full stop; empty where they used next to nothing."""
    others = max((case["others_cores"] for case in record["cases"]), default=0)
    return f"Other programs used {others:.1f} cores meanwhile" if others >= DISTURBED else ""


def _where(record: dict[str, Any]) -> str:
    here = record["machine"]
    memory = f", {here['memory_gib']:.0f} GiB" if here["memory_gib"] else ""
    rounds = {case["rounds"] for case in record["cases"]}
    of = f"medians of {' and '.join(map(str, sorted(rounds)))} rounds" if rounds != {1} else "one round"
    packages = ", ".join(f"{name} {said}" for name, said in record["packages"].items())
    flags = f" ({', '.join(here['flags'])})" if here["flags"] else ""
    beside = f" {disturbed(record)}." if disturbed(record) else ""
    return (
        f"{here['date']}, {here['cpu']}{flags}, {here['cores']} cores{memory}, {here['system']}, "
        f"Python {here['python']}; {packages}; revision {record['revision']}; {record['clip']}; {of}, quartiles in "
        f"parentheses.{beside}"
    )


def replaced(page: str, record: str, text: str) -> str:
    """A page with the table of a record, of this name, replaced.

    Raises:
        ValueError: it has no place for the table.
    """
    before, begin, rest = page.partition(f"<!-- table of {record} -->\n")
    _, end, after = rest.partition("<!-- end of the table -->")
    if not end:
        raise ValueError(f"table: the page must have a place for the table of {record}")
    return f"{before}{begin}{text}\n{end}{after}"


def main() -> None:
    """The command."""
    if len(sys.argv) not in (2, 3, 4) or sys.argv[2:3] not in [[], *([path] for path in (*PATHS, "all"))]:
        sys.exit(f"usage: {Path(sys.argv[0]).name} RECORD.json [{' | '.join(PATHS)} | all [PAGE.md]]")
    record = Path(sys.argv[1])
    path = None if sys.argv[2:3] == ["all"] else next(iter(sys.argv[2:3]), None)
    text = table(json.loads(record.read_text(encoding="utf-8")), path)
    if len(sys.argv) < 4:
        print(text)
        return
    page = Path(sys.argv[3])
    page.write_text(replaced(page.read_text(encoding="utf-8"), record.name, text), encoding="utf-8")


if __name__ == "__main__":
    main()
