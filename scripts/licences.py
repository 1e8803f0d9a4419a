"""Writes `docs/licences.md`: all that a wheel ships, with its licence and where it comes from.

`python scripts/licences.py`; with `--check` it only says whether the page is what it would write. The files are those
hatchling selects; nothing is built.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/licences.md"
PLUGIN = "vapoursynth/plugins/rife/"


class Kind(NamedTuple):
    """One category of shipped files.

    Args:
        name: what the page calls it.
        where: its files' places in the wheel, for people.
        pattern: of the files' places in the wheel.
        licence: SPDX expression.
        origin: where they come from.
    """

    name: str
    where: str
    pattern: str
    licence: str
    origin: str


KINDS = (
    Kind(
        "Python package and scripts", "`vsrife/`", r"vsrife/(?!models/).*\.(py|vpy|html|typed)", "MIT", "this project"
    ),
    Kind(
        "bundled weights",
        "`vsrife/models/*.safetensors`",
        r"vsrife/models/[^/]*\.safetensors",
        "MIT",
        "see [Weights](#weights)",
    ),
    Kind(
        "the weights' licence text",
        "`vsrife/models/LICENSE.Practical-RIFE`",
        r"vsrife/models/LICENSE\.Practical-RIFE",
        "MIT",
        "Practical-RIFE, © 2021 hzwer",
    ),
    Kind(
        "list of models, cards",
        "`vsrife/models/*.toml`, `*.md`",
        r"vsrife/models/[^/]*\.(toml|md)",
        "MIT",
        "this project",
    ),
    Kind(
        "plugin and kernels, compiled",
        "`vapoursynth/plugins/rife/`: `librife.so`, `librife.dylib` or `rife.dll`",
        PLUGIN + r"(librife\.so|librife\.dylib|rife\.dll)",
        "MIT",
        "`vsrife/native/*.c` and `*.h`, see [In the compiled library](#in-the-compiled-library)",
    ),
    Kind(
        "VapourSynth's plugin manifest",
        "`vapoursynth/plugins/rife/manifest.vs`",
        PLUGIN + r"manifest\.vs",
        "MIT",
        "written by `hatch_build.py`",
    ),
    Kind(
        "metadata, licence texts",
        "`vsrife-*.dist-info/`",
        r"vsrife-[^/]*\.dist-info/.*",
        "MIT",
        "written by hatchling from `pyproject.toml`",
    ),
)
TEXT = """\
# Licences

What a wheel ships, and under which licence. `python scripts/licences.py` writes this page, and a test compares it with
the files that hatchling selects.

| what | where in the wheel | licence | origin |
|---|---|---|---|
{rows}

Nothing else is shipped: no source of the native part, no other weights, no third-party library. PyTorch, NumPy,
VapourSynth and the other dependencies are separate packages, which pip installs under their own licences.

## Weights

| file | bytes | sha256 | licence | author | obtained from |
|---|---|---|---|---|---|
{weights}

## In the compiled library

| part | licence | origin |
|---|---|---|
| `plugin.c`, `plugin.h`, `node.c`, `kernels.c`, `kernels.h`, `kernels_variant.h` | MIT | this project |
| `VapourSynth4.h` (declarations, constants) | LGPL-2.1-or-later | VapourSynth's API; compiled in, not shipped |
| the compiler's helper routines | GPL-3.0 with GCC's exception, or Apache-2.0 with LLVM's | the system or `ziglang` |
| for Windows: mingw-w64's startup code | ZPL-2.1 and public domain | from `ziglang` |

The library only links against libc. VapourSynth passes its functions when it loads the plugin; Python's and OpenMP's
are looked up by name in the process.

## Downloaded, not shipped

The other published models are downloaded on first use from {hosts}, by https only.
According to the manifest their licence is {licences} and their authors are {authors}.
"""


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 where the page is another")
    options = parser.parse_args()
    if options.check:
        return int(PAGE.read_text(encoding="utf-8") != page())
    PAGE.write_text(page(), encoding="utf-8")
    return 0


def selected() -> dict[str, Path]:
    """Place in the wheel → file, as hatchling selects them; beside these the build hook adds `built`."""
    from hatchling.builders.wheel import WheelBuilder

    builder = WheelBuilder(str(ROOT))
    files = [*builder.recurse_included_files()]
    return {file.distribution_path.replace("\\", "/"): Path(file.path) for file in files}


def built() -> list[str]:
    """Places in a wheel of what is made when it is built."""
    sys.path.insert(0, str(ROOT))
    import hatch_build

    names = sorted({target.library for target in hatch_build.TARGETS.values()})
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    folder = f"vsrife-{project['version']}.dist-info"
    texts = [f"{folder}/licenses/{name}" for name in project["license-files"]]
    metadata = [f"{folder}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt")]
    return [f"{PLUGIN}{name}" for name in (*names, "manifest.vs")] + texts + metadata


def kind_of(place: str) -> Kind | None:
    """The category of a shipped file; None where it is in none, or in two."""
    found = [kind for kind in KINDS if re.fullmatch(kind.pattern, place)]
    return found[0] if len(found) == 1 else None


def page() -> str:
    """The page's text."""
    rows = [f"| {kind.name} | {kind.where} | {kind.licence} | {kind.origin} |" for kind in KINDS]
    manifest = tomllib.loads((ROOT / "models/manifest.toml").read_text(encoding="utf-8"))
    weights = []
    for name, own in manifest["models"].items():
        entry = manifest["defaults"] | own
        if "bundled" in entry:
            card = (ROOT / f"models/{name}.md").read_text(encoding="utf-8")
            origin = re.search(r"\| obtained from \| (.*?) \|", card)
            assert origin
            cells = [entry["bundled"], f"{entry['size']:,}", f"`{entry['sha256']}`", entry["license"], entry["author"]]
            weights.append(f"| {' | '.join([*cells, origin[1]])} |")
    others = [manifest["defaults"] | own for own in manifest["models"].values() if "bundled" not in own]
    return TEXT.format(
        rows="\n".join(rows),
        weights="\n".join(weights),
        licences=" and ".join(sorted({entry["license"] for entry in others})),
        authors=" and ".join(sorted({entry["author"] for entry in others})),
        hosts=" and ".join(sorted({"/".join(entry["source"].split("/")[:5]) for entry in others})),
    )


if __name__ == "__main__":
    sys.exit(main())
