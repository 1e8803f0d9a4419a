"""What the package's own text must not contain, read from its syntax."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest
from support import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDERS = ("vsrife", "demo", "scripts", "benchmarks", "examples")
FILES = sorted(
    [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".vpy")]
    + [ROOT / "hatch_build.py"]
)
CALLS = {
    "eval", "exec", "compile", "os.system", "os.popen", "os.spawnl", "os.spawnv", "os.execv", "os.execvp", "pty.spawn",
    "pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.load", "marshal.loads", "shelve.open", "dill.load",
    "joblib.load", "yaml.load", "tempfile.mktemp", "runpy.run_path", "runpy.run_module", "subprocess.getoutput",
    "subprocess.getstatusoutput", "ssl._create_unverified_context", "code.interact",
}  # fmt: skip
ALLOWED = {
    ("vsrife/footage/opening.py", "runpy.run_path"): "a .vpy script is a program of the user's, run to have its clip",
}
"""Where one of them is right, and why."""


def name_of(node: ast.expr) -> str:
    """A call's dotted name."""
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def faults_of(text: str) -> Iterator[str]:
    """What must not be, each as a name."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("http://"):
            yield node.value
        if not isinstance(node, ast.Call):
            continue
        name = name_of(node.func)
        given = {word.arg: word.value for word in node.keywords}
        if name in CALLS:
            yield name
        if _is(given.get("allow_pickle"), True):
            yield "allow_pickle=True"
        if name.split(".")[-1] == "load" and name.startswith("torch") and not _is(given.get("weights_only"), True):
            yield "torch.load without weights_only=True"
        if "shell" in given and not _is(given["shell"], False):
            yield "shell=True"
        if _is(given.get("verify"), False):
            yield "verify=False"
        if name.startswith("subprocess.") and node.args and isinstance(node.args[0], ast.Constant | ast.JoinedStr):
            yield f"{name} of a text"


def _is(node: ast.expr | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_of_the_kind(path: Path) -> None:
    where = path.relative_to(ROOT).as_posix()
    assert [fault for fault in faults_of(path.read_text(encoding="utf-8")) if (where, fault) not in ALLOWED] == []


def test_every_exception_is_still_needed() -> None:
    for where, fault in ALLOWED:
        assert fault in faults_of((ROOT / where).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "text",
    [
        "import os\nos.system('x')", "eval('1')", "exec('1')", "import torch\ntorch.load('x')",
        "import torch\ntorch.load('x', weights_only=False)", "import pickle\npickle.load(f)",
        "import subprocess\nsubprocess.run('x', shell=True)", "import subprocess\nsubprocess.run(f'{x}')",
        "import tempfile\ntempfile.mktemp()", "u = 'http://example.org'",
        "numpy.load(f, allow_pickle=True)", "import requests\nrequests.get(u, verify=False)",
    ],
)  # fmt: skip
def test_each_would_be_found(text: str) -> None:
    assert list(faults_of(text))


def test_downloads_ask_for_https_alone() -> None:
    from vsrife.networks.catalog import CATALOG, DEFAULT
    from vsrife.weights import download, manifest

    assert download.SCHEMES == ("https",)
    fetched = [entry for entry in manifest().values() if not entry.bundled]
    assert {entry.name for entry in fetched} >= CATALOG.keys() - {DEFAULT}
    assert all(entry.source.startswith("https://") for entry in fetched)
