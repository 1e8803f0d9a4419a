"""What the pages name exists: arguments, options, links, pictures."""

from __future__ import annotations

import ast
import importlib.util
import re
from dataclasses import fields
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING

import pytest
from docs.pages import PAGES, options, parsed
from PIL import Image
from support import ROOT

from vsrife.colour import MATRIX_NAMES
from vsrife.networks.config import SCALES
from vsrife.plugin.arguments import CHOICES, RANGES, Arguments, arguments_of
from vsrife.plugin.pairing import Decision
from vsrife.plugin.properties import position

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

DOCS = ROOT / "docs"
NAMES = {field.name for field in fields(Arguments)}
FUNCTIONS = ("RIFE", "Motion", "At", "Replace")
OTHERS_NAMES = {"vf", "device_index", "min_scene_len"}
"""Of scripts for vsrife up to 5.7, and PySceneDetect's."""
OTHERS_OPTIONS = {"--filter-time", "--info", "--floors"}
"""vspipe's, and of files in benchmarks."""
GUIDES = (ROOT / "CONTRIBUTING.md", *sorted((ROOT / "models").glob("*.md")))
"""Pages of the repository that are not on the site."""
README_LINES = 150
EMPTY_PHRASES = re.compile(r"any device|see there|as above|\bditto\b", re.I)
PICTURES_LIMIT = 1_200_000
"""Bytes, of those that scripts/doc_pictures.py makes."""


def script(name: str) -> ModuleType:
    """A file of the folder scripts."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def spans(page: Path) -> list[str]:
    """Its inline code."""
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", prose(page))


@cache
def anchors(page: Path) -> set[str]:
    """What a link may jump to, as GitHub and mkdocs name headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_the_page_of_arguments_is_the_dataclass() -> None:
    made = script("arguments_page")
    assert made.PAGE.read_text(encoding="utf-8") == made.page(), "run python scripts/arguments_page.py"


def test_every_argument_has_an_entry_that_says_what_it_takes() -> None:
    text = (DOCS / "arguments.md").read_text(encoding="utf-8")
    entries = dict(re.findall(r"^### (\w+)\n\n(.+)$", text, re.M))
    assert list(entries) == [
        name for section in script("arguments_page").BESIDE["sections"] for name in section["names"]
    ]
    assert set(entries) == NAMES
    for name, entry in entries.items():
        takers = re.findall(r"`(RIFE|Motion|At|Replace)`", entry)
        assert takers == [function for function in FUNCTIONS if name in arguments_of(function)], name
        for choice in CHOICES.get(name, ()):
            assert f"`{choice}`" in entry.replace('"', ""), name
        if name in RANGES:
            assert "{} to {}".format(*RANGES[name]) in entry


def test_the_notes_are_of_arguments() -> None:
    made = script("arguments_page")
    assert set(made.BESIDE["notes"]) <= NAMES
    assert set(made.DEFAULTS) | set(made.ALLOWED) <= NAMES


def test_the_drawings_are_the_scripts() -> None:
    made = script("doc_drawings")
    for name, text in made.drawings().items():
        assert (made.FOLDER / name).read_text(encoding="utf-8") == text, "run python scripts/doc_drawings.py"


def test_the_readme_lists_arguments_that_exist() -> None:
    section = prose(ROOT / "README.md").split("\n## Arguments\n")[1].split("\n### ")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", section, re.M)
    listed = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert {"multi", "model", "device"} <= listed <= set(arguments_of("RIFE"))


@pytest.mark.parametrize("page", [*PAGES, *GUIDES], ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_pictures_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        assert page.parent != DOCS or found.is_relative_to(DOCS), f"{target} is not on the site"
        if anchor and found.suffix == ".md":
            assert anchor in anchors(found), target


def test_every_page_is_on_the_site_and_every_picture_on_a_page() -> None:
    site = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert {path.name for path in DOCS.glob("*.md")} == set(re.findall(r"(\S+\.md)$", site, re.M))
    shown = {target for page in PAGES for target in re.findall(r"pictures/([\w.-]+)", prose(page))}
    assert {path.name for path in (DOCS / "pictures").iterdir()} <= shown


def test_sliders_have_two_pictures_of_a_size() -> None:
    text = (DOCS / "gallery.md").read_text(encoding="utf-8")
    sliders = re.findall(r'<div class="slider" markdown>(.*?)</div>', text, re.S)
    assert len(sliders) == text.count("<div") == 5
    for slider in sliders:
        sizes = []
        for name in re.findall(r"!\[[^]]+\]\(pictures/([^)]+)\)", slider):
            with Image.open(DOCS / "pictures" / name) as picture:
                sizes.append(picture.size)
        assert len(sizes) == 2
        assert sizes[0] == sizes[1]


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= README_LINES


@pytest.mark.parametrize("page", [*PAGES, *GUIDES], ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_promises_or_points_vaguely(page: Path) -> None:
    assert not EMPTY_PHRASES.findall(prose(page))


def test_the_pictures_are_small() -> None:
    made = re.findall(r"pictures/([\w.-]+)", (DOCS / "arguments.md").read_text(encoding="utf-8"))
    assert sum((DOCS / "pictures" / name).stat().st_size for name in made) < PICTURES_LIMIT


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_that_are_named_exist(page: Path) -> None:
    top = parsed(["models"])
    known = options(top) | OTHERS_OPTIONS
    below = {name: parser for action in top._actions for name, parser in (action.choices or {}).items()}
    for span in spans(page):
        if re.match(r"--[a-z]", span):
            assert re.split(r"[ =]", span)[0] in known, span
        if words := re.match(r"vsrife ([a-z]+)(.*)", span):
            assert words[1] in below, span
            assert set(re.findall(r"--[a-z-]+", words[2])) <= options(below[words[1]]), span


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_arguments_that_are_named_exist(page: Path) -> None:
    for span in spans(page):
        if not re.match(r"[a-z_]+=", span):
            continue
        try:
            call = ast.parse(f"f({span})", mode="eval").body
        except SyntaxError:
            continue
        assert isinstance(call, ast.Call)
        for keyword in call.keywords:
            name = str(keyword.arg)
            assert name in NAMES | OTHERS_NAMES, span
            value = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
            if value is None:
                continue
            if name in CHOICES:
                assert value in CHOICES[name], span
            if name in RANGES:
                assert RANGES[name][0] <= value <= RANGES[name][1], span
            assert name != "scale" or value in SCALES, span
            assert name != "matrix" or value in MATRIX_NAMES, span


def test_the_properties_that_are_listed_are_the_ones_written() -> None:
    listed = set(re.findall(r"`(Rife\w+)`", (DOCS / "arguments.md").read_text(encoding="utf-8")))
    written = position(Decision("made", 0, 1, Fraction(1, 2)))
    assert listed == set(written)
