"""The page of a comparison: whole in one file, and at work in a browser where there is one."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from vsrife.compare import Comparison, save_page
from vsrife.compare.moments import Place
from vsrife.compare.sheet import Shown
from vsrife.compare.survey import Survey
from vsrife.evaluation import Report, Score

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
TITLE = 'a <b>&"film".mkv</script>'
VOID = {"meta", "img", "input", "link", "br"}
REPORTED = """<script>
const said = {};
addEventListener("error", event => said.error = event.message);
const change = (id, value, kind) => { at(id).value = value; at(id).dispatchEvent(new Event(kind)); };
const names = side => [...at(side + "name").options].map(each => each.text);
Promise.all([...document.images].map(each => each.decode())).then(async () => {
  said.sizes = [...document.images].map(each => [each.naturalWidth, each.naturalHeight]);
  said.names = names("left");
  said.usual = [at("leftname").selectedOptions[0].text, at("rightname").selectedOptions[0].text];
  change("at", "25", "input");
  said.cut = getComputedStyle(at("right")).clipPath;
  change("leftname", "5", "change");
  said.truth = at("left").src === data.moments[0].pictures[5].source;
  change("size", "2", "change");
  said.width = at("left").getBoundingClientRect().width;
  at("moments").children[1].click();
  said.kept = names("left").includes("truth") ? "" : at("leftname").selectedOptions[0].text;
  said.what = at("what").textContent;
  at("worst").querySelector("button").click();
  said.back = at("what").textContent;
  said.loaded = performance.getEntriesByType("resource").filter(each => !each.name.startsWith("data:")).length;
}).catch(error => said.error = String(error)).finally(() => {
  document.body.textContent = JSON.stringify(said);
});
</script>"""


class Tags(HTMLParser):
    """Collects what a page refers to, and notices what is not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.identities: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.addresses += [text for name in ("src", "href", "action", "srcset") if (text := given.get(name))]
        self.identities += [text for name in ("id",) if (text := given.get(name))]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def moments(picture: Callable[..., Tensor]) -> list[Shown]:
    first, truth, last = (picture(4 * k) for k in range(3))
    blend = ((first.int() + last.int()) // 2).byte()
    flow = torch.zeros(2, 96, 160)
    known = Shown("A", "largest motion", Place(6, 8), 0.28, first, last, blend, truth, truth, flow, blend)
    return [known, Shown("B", "as asked for", Place(2, 3), 0.08, first, last, blend, truth, None, flow)]


@pytest.fixture
def page(moments: list[Shown], tmp_path: Path) -> Path:
    nothing = np.zeros(10, bool)
    survey = Survey(0, np.arange(10) / 25, nothing, nothing, np.ones(10), np.ones(10))
    scores = tuple(
        Score(model, case, 1 / 2, {"psnr": psnr, "ssim": 0.9, "sharpness": 1.0})
        for case, figures in {"6-8": (20, 24, 25.5), "0-2": (30, 34, 33)}.items()
        for model, psnr in zip(("blend", "published", "made"), figures, strict=True)
    )
    comparison = Comparison(survey, Report("film", ("psnr", "ssim", "sharpness"), scores), {})
    Image.new("RGB", (120, 50), "white").save(tmp_path / "timeline.png")
    save_page(tmp_path / "page.html", TITLE, ["a line <i>"], comparison, moments, tmp_path / "timeline.png")
    return tmp_path / "page.html"


def data(page: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text("utf-8"), re.S)
    assert found
    read: dict[str, Any] = json.loads(found[1])
    return read


def test_it_is_one_valid_file(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    assert tags.addresses == ["data:,"]
    assert len(set(tags.identities)) == len(tags.identities)
    used = set(re.findall(r'\bat\("(\w+)"\)', text))
    assert used <= set(tags.identities)
    assert text.startswith("<!doctype html>\n")
    assert "http" not in re.sub(r"base64,[\w+/=]+", "", text)
    assert "<title>a &lt;b&gt;&amp;&quot;film&quot;.mkv&lt;/script&gt;</title>" in text


def test_its_pictures_are_the_moments(page: Path, moments: list[Shown]) -> None:
    first, second = data(page)["moments"]
    assert [each["kind"] for each in first["pictures"]] == ["first", "last", "blend", "published", "vsrife", "truth"]
    assert [each["kind"] for each in second["pictures"]] == ["first", "last", "blend", "vsrife"]
    assert first["what"] == "0:00.28, between frames 6 and 8: largest motion"
    known = moments[0]
    tensors = (known.first, known.last, known.blend, known.published, known.made, known.truth)
    for each, tensor in zip(first["pictures"], tensors, strict=True):
        kind, _, text = each["source"].partition(",")
        assert kind == "data:image/jpeg;base64"
        assert tensor is not None
        with Image.open(io.BytesIO(base64.b64decode(text))) as image:
            pixels = np.asarray(image).transpose(2, 0, 1).astype(float)
        assert np.abs(pixels - tensor.numpy()).mean() < 1.5
    assert first["pictures"][4]["figures"] == "met exactly, sharpness 1.00"
    assert second["pictures"][3]["figures"] == ""


def test_the_worst_come_first(page: Path) -> None:
    found = data(page)
    assert found["worst"] == [
        ["", "time", "frame", "blend, dB", "published, dB", "vsrife, dB"],
        ["A", "0:00.28", "7", "20.00", "24.00", "25.50"],
        ["", "0:00.04", "1", "30.00", "34.00", "33.00"],
    ]
    assert found["figures"][1:] == [
        ["blend", "25.00", "0.9000", "1.000"],
        ["published", "29.00", "0.9000", "1.000"],
        ["vsrife", "29.25", "0.9000", "1.000"],
    ]


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
@pytest.mark.parametrize("width", [1366, 500])
def test_it_works_in_a_browser(page: Path, width: int, tmp_path: Path) -> None:
    assert BROWSER
    page.write_text(page.read_text(encoding="utf-8").replace("</body>", f"{REPORTED}</body>"), encoding="utf-8")
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile",
        f"--window-size={width},900", "--virtual-time-budget=5000", "--enable-logging=stderr", "--dump-dom",
        page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in done.stderr
    found = re.search(r"<body>(\{.*\})</body>", done.stdout)
    assert found, done.stdout[-500:]
    said = json.loads(found[1].replace("&lt;", "<").replace("&amp;", "&"))
    assert said == {
        "sizes": [[160, 96], [160, 96], [120, 50]],
        "names": ["frame 6", "frame 8", "blend", "published", "vsrife", "frame 7, the truth"],
        "usual": ["blend", "vsrife"],
        "cut": "inset(0px 0px 0px 25%)",
        "truth": True,
        "width": 320,
        "kept": "blend",
        "what": "0:00.08, between frames 2 and 3: as asked for",
        "back": "0:00.28, between frames 6 and 8: largest motion",
        "loaded": 0,
    }
