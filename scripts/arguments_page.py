"""Writes docs/arguments.md from `vsrife/plugin/arguments.py`; a test compares the two.

python scripts/arguments_page.py

Headings, notes and pictures of the page are in `scripts/arguments_page.toml`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_origin, get_type_hints

from vapoursynth import VideoNode as Clip

from vsrife.colour import MATRIX_NAMES
from vsrife.engine import CUT_THRESHOLD, DEVICES, PRECISIONS
from vsrife.networks.catalog import DEFAULT
from vsrife.networks.config import SCALES
from vsrife.plugin.arguments import CHOICES, RANGES, Arguments, descriptions

__all__ = ["BESIDE", "PAGE", "page"]

PAGE = Path(__file__).parents[1] / "docs" / "arguments.md"
BESIDE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
"""`head`, `sections` (title, text, names), `notes` for arguments, and `tail`."""


DEFAULTS = {
    "multi": "`2`",
    "factor_num": "`2`",
    "factor_den": "`1`",
    "model": f'`"{DEFAULT}"`',
    "sc_threshold": f"`{CUT_THRESHOLD:g}`",
    "vfr": "detected",
    "matrix": "from the frame properties",
}
"""Defaults that are None in the dataclass."""
ALLOWED = {
    "multi": "any number above 0",
    **dict.fromkeys(("factor_num", "factor_den", "fps_num", "fps_den"), "at least 1"),
    "positions": "each from 0 to below the clip's number of frames",
    "scale": ", ".join(f"`{scale:g}`" for scale in SCALES),
    "matrix": ", ".join(f'`"{name}"`' for name in MATRIX_NAMES) + ", or the H.273 number as text",
    "device": ", ".join(f'`"{name}"`' for name in DEVICES),
    "precision": ", ".join(f'`"{name}"`' for name in ("auto", *PRECISIONS)),
    "shutter": "above 0 and at most 360",
    "frames": "each from 0 to below the clip's number of frames",
    "prop_clip": "as many frames as the clip",
    "timestep_clip": "GRAYS, the clip's size; as many frames, or one",
    "sc_clip": "as many frames as the clip",
    "protect": "GRAY, the clip's size; as many frames, or one",
    "extra": "any format and size, as many frames as the clip",
}
"""Allowed values that are not in CHOICES or RANGES."""

NAMES = {int: "integer", float: "number", str: "text", Clip: "clip"}


def page() -> str:
    """The page's text."""
    texts = descriptions()
    parts = [BESIDE["head"]]
    for section in BESIDE["sections"]:
        parts.append(f"## {section['title']}\n\n{section['text']}")
        parts += [_entry(name, texts[name]) for name in section["names"]]
    return "\n".join([*parts, BESIDE["tail"]])


def _entry(name: str, text: str) -> str:
    field = {field.name: field for field in fields(Arguments)}[name]
    facts = [_kind(name), f"default: {_default(name, field.default)}"]
    if allowed := _allowed(name):
        facts.append(allowed)
    takers = ", ".join(f"`{function}`" for function in field.metadata["functions"])
    sentence = text[0].upper() + text[1:]
    lines = [f"### {name}", f"*{facts[0]}* · {' · '.join(facts[1:])} · {takers}", sentence]
    if note := BESIDE["notes"].get(name):
        lines.append(note.strip())
    return "\n\n".join(lines) + "\n"


def _kind(name: str) -> str:
    hint = get_type_hints(Arguments, localns={"Clip": Clip})[name]
    if get_origin(hint) is not Sequence and get_args(hint):
        hint = next(kind for kind in get_args(hint) if kind is not type(None))
    if get_origin(hint) is Sequence:
        return f"list of {NAMES[get_args(hint)[0]]}s"
    return NAMES[hint]


def _default(name: str, value: object) -> str:
    if value is None:
        return DEFAULTS.get(name, "none")
    return f'`"{value}"`' if isinstance(value, str) else f"`{value:g}`"


def _allowed(name: str) -> str:
    if name in CHOICES:
        return ", ".join(f'`"{value}"`' if isinstance(value, str) else f"`{value}`" for value in CHOICES[name])
    if name in RANGES:
        low, high = RANGES[name]
        return f"{low} to {high}"
    return ALLOWED.get(name, "")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
