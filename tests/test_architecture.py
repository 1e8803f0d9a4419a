"""Who may import whom, and what importing costs.

`python tests/test_architecture.py` writes the table of CONTRIBUTING.md from `ALLOWED` and `DESCRIPTIONS`.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from slow_tests import SLOW
from support import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = ROOT / "vsrife"
ALLOWED = {
    "errors": set(),
    "colour": set(),
    "frame_properties": set(),
    "files": {"errors"},
    "tta": set(),
    "timing": {"errors"},
    "detect": {"frame_properties"},
    "networks": {"tta", "errors"},
    "weights": {"motion", "networks", "errors", "files"},
    "motion": {"tta", "errors"},
    "engine": {"motion", "networks", "weights", "tta", "detect", "files", "errors"},
    "evaluation": {"engine", "footage", "networks", "weights", "motion", "tta", "timing", "errors", "colour", "files"},
    "training": {"evaluation", "footage", "engine", "motion", "networks", "weights", "tta", "errors", "files"},
    "plugin": {"engine", "networks", "weights", "timing", "detect", "errors", "colour", "frame_properties"},
    "footage": {
        "engine",
        "motion",
        "networks",
        "timing",
        "detect",
        "errors",
        "colour",
        "files",
        "frame_properties",
    },
    "native": set(),
    "film": {
        "footage",
        "plugin",
        "engine",
        "networks",
        "weights",
        "timing",
        "errors",
        "colour",
        "files",
        "frame_properties",
    },
    "compare": {"engine", "evaluation", "film", "footage", "plugin", "timing", "detect", "errors", "colour", "files"},
    "cli": {
        "compare",
        "evaluation",
        "film",
        "footage",
        "plugin",
        "training",
        "weights",
        "networks",
        "errors",
        "files",
        "timing",
    },
    "__main__": {"cli"},
}
"""Part → parts it may import."""
LIGHT = {
    "detect/runs.py", "timing/timecodes.py", "timing/timeline.py", "timing/source_times.py", "timing/moments.py",
    "timing/rates.py", "timing/durations.py", "frame_properties.py",
    "networks/config.py", "networks/catalog.py", "networks/config_legacy.py", "errors.py", "colour.py",
}  # fmt: skip
"""Files that import the standard library and one another alone."""


HOSTS = {PACKAGE / "cli" / "interpolate.py"}
"""Files of other parts that import vapoursynth: for its log, when the command runs."""


def imports(path: Path) -> set[str]:
    """Every module a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrows_point_one_way(path: Path) -> None:
    inner = path.relative_to(PACKAGE).parts
    part = inner[0].removesuffix(".py")
    if part == "__init__":
        return
    used = {name.split(".")[1] for name in imports(path) if name.startswith("vsrife.")}
    known = {name for name in used if name in ALLOWED} - {part}
    assert known <= ALLOWED[part]
    if part not in {"plugin", "footage", "film", "compare"} and path not in HOSTS:
        assert not any(name.split(".")[0] == "vapoursynth" for name in imports(path))


@pytest.mark.parametrize("name", sorted(LIGHT))
def test_light_files_import_the_standard_library(name: str) -> None:
    light = {f"vsrife.{path.removesuffix('.py').replace('/', '.')}" for path in LIGHT}
    for module in imports(PACKAGE / name):
        top = module.split(".")[0]
        assert top in sys.stdlib_module_names or any(module.startswith(allowed) for allowed in light)


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_loads_no_torch() -> None:
    assert run("import sys, vsrife; print('torch' in sys.modules, 'vapoursynth' in sys.modules)") == "False False"
    assert run("import sys, vsrife.plugin; from vsrife import rife; print('torch' in sys.modules)") == "False"


def test_arguments_are_checked_before_torch_is_loaded() -> None:
    code = """
import sys, vapoursynth as vs
try:
    vs.core.rife.RIFE(vs.core.std.BlankClip(), scale=3)
except vs.Error as error:
    print(error, 'torch' in sys.modules)
"""
    assert run(code) == "RIFE: scale must be 0.25, 0.5, 1, 2 or 4, got 3 False"


def test_missing_torch_is_one_line() -> None:
    code = """
import sys, vapoursynth as vs
sys.modules['torch'] = None
try:
    vs.core.rife.RIFE(vs.core.std.BlankClip())
except vs.Error as error:
    print(error)
"""
    message = run(code)
    assert message.startswith("RIFE: PyTorch cannot be imported (")
    assert message.endswith("; pip install torch")


def test_missing_package_is_one_line() -> None:
    code = """
import sys, vapoursynth as vs
sys.modules['vsrife'] = None
try:
    vs.core.rife.RIFE(vs.core.std.BlankClip())
except vs.Error as error:
    print(error)
"""
    assert run(code).startswith("RIFE: the Python package vsrife cannot be used: ")


def test_importing_changes_no_global_state() -> None:
    code = """
import os, warnings, torch
before = (dict(os.environ), list(warnings.filters), torch.get_num_threads(), torch.is_grad_enabled(),
          torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark, torch.get_default_dtype())
import vapoursynth as vs
made = vs.core.rife.RIFE(vs.core.std.BlankClip(width=64, height=64)).get_frame(1)
after = (dict(os.environ), list(warnings.filters), torch.get_num_threads(), torch.is_grad_enabled(),
         torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark, torch.get_default_dtype())
print(before == after)
"""
    assert run(code) == "True"


@pytest.mark.parametrize("name", SLOW)
def test_slow_tests_are_listed_under_their_names(name: str) -> None:
    text = (ROOT / "tests" / name).read_text(encoding="utf-8")
    assert [function for function in SLOW[name] if f"def {function}(" not in text] == []


DESCRIPTIONS = {
    "native": "the C plugin: signatures, bridge to Python, frame-server node; the kernels for CPUs",
    "plugin": "the filter: arguments, schedule, the source frames of an output frame, frame properties",
    "timing": "all arithmetic on time: timelines, timestamps, durations, variable frame rate; standard library only",
    "engine": "interpolation: recovery ladder, device executor, frame maker, motion estimators, compose, frame cache",
    "motion": "`block_input`, the correction of a motion and `warp_and_blend`: the reference in PyTorch, C for CPUs, "
    "Triton for GPUs",
    "networks": "one config per network and the catalog; the networks in their published form",
    "weights": "weights files: the manifest, download, detection of the network, conversion, export to other engines",
    "detect": "scene changes, repeated and still frames: stateless functions of two pictures",
    "footage": "videos, scripts and folders of pictures as RGB frames with times, cuts and repeats",
    "evaluation": "metrics, test sets and clips as cases, the runner, tables and sheets",
    "film": "whole films: planning, segments, encoding, joining; segments on a Dask cluster",
    "compare": "what the filter makes of a clip: survey, sheet, timeline, video",
    "training": "options, synthetic scenes, triplets, losses, the loop, checkpoints, reports",
    "cli": "the command `vsrife`",
    "tta": "the views of a pair that test-time augmentation averages",
    "files": "the atomic writer",
    "colour": "the H.273 matrices, and the guess for a clip that states none",
    "frame_properties": "what a frame's properties say of its duration",
    "errors": "the structured errors, and `named`, which adds the name of the function",
    "__main__": "`python -m vsrife`",
}
"""Part → what it does, in the order of CONTRIBUTING's table."""
GUIDE = ROOT / "CONTRIBUTING.md"
BEGIN, END = "<!-- table of tests/test_architecture.py -->\n", "<!-- end of the table -->\n"


def architecture_table() -> str:
    """The rows of CONTRIBUTING.md, one for each part."""
    rows = ["| part of `vsrife` | what it does | may import |", "|---|---|---|"]
    for part, text in DESCRIPTIONS.items():
        allowed = ", ".join(other for other in DESCRIPTIONS if other in ALLOWED[part])
        rows.append(f"| `{part}` | {text} | {allowed or '–'} |")
    return "\n".join(rows) + "\n"


def guide_with_table(text: str) -> str:
    """CONTRIBUTING.md with the table between its markers."""
    before, _, rest = text.partition(BEGIN)
    _, marker, after = rest.partition(END)
    assert marker, "CONTRIBUTING.md lacks the markers of the table"
    return f"{before}{BEGIN}{architecture_table()}{END}{after}"


def test_every_part_is_described() -> None:
    assert DESCRIPTIONS.keys() == ALLOWED.keys()


def test_the_guide_has_the_table() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    assert text == guide_with_table(text), "run python tests/test_architecture.py"


if __name__ == "__main__":
    GUIDE.write_text(guide_with_table(GUIDE.read_text(encoding="utf-8")), encoding="utf-8")
