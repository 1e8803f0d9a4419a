"""GitHub's workflows: pinned, without secrets, with few permissions, and what they run exists."""

from __future__ import annotations

import re
import runpy
import shlex
import subprocess
import sys
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from support import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
LOCK = dict(line.split("==") for line in (ROOT / "requirements/ci.txt").read_text().splitlines() if "==" in line)
WRITES = {("docs", "deploy"): {"pages", "id-token"}, ("release", "publish"): {"contents", "id-token", "attestations"}}
"""The jobs that may write, and what."""
PINNED = re.compile(r"uses: ([\w-]+/[\w-]+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+")


def workflow(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return read


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path in FILES:
        for name, job in workflow(path)["jobs"].items():
            yield path.stem, name, job


def commands() -> list[str]:
    return [line for *_, job in jobs() for step in job["steps"] for line in step.get("run", "").splitlines()]


def test_they_are_the_ones_a_project_has() -> None:
    assert {path.stem for path in FILES} == {"docs", "nightly", "release", "tests"}
    assert all(True in workflow(path) for path in FILES)  # YAML 1.1 reads the key `on` so


def test_actions_are_pinned_by_hash_and_everywhere_the_same() -> None:
    pins: dict[str, set[str]] = {}
    for path in FILES:
        for line in path.read_text(encoding="utf-8").splitlines():
            if "uses:" in line:
                found = PINNED.search(line)
                assert found, f"{path.name}: {line}"
                pins.setdefault(found[1], set()).add(found[2])
    assert len(pins) > 4
    assert {name: len(hashes) for name, hashes in pins.items() if len(hashes) > 1} == {}


def test_no_secrets_and_few_permissions() -> None:
    for path in FILES:
        assert "secrets." not in path.read_text(encoding="utf-8")
        assert workflow(path)["permissions"] == {"contents": "read"}
    for name, job, content in jobs():
        assert {each for each, to in content.get("permissions", {}).items() if to == "write"} == WRITES.get(
            (name, job), set()
        )
        assert content["timeout-minutes"] <= 120
        for step in content["steps"]:
            if "checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False
            assert not re.search(r"\$\{\{ *github\.(?!run_number)", step.get("run", "")), "a title could be a command"


def test_what_they_run_exists() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    called = [shlex.split(line.replace("${{", "").replace("}}", "")) for line in commands()]
    made = {words[1] for words in called if words[0] == "make"}
    assert {"check", "test", "setup"} <= made <= targets
    scripts = [words[1:] for words in called if words[0].endswith("python")]
    assert {words[0] for words in scripts} == {
        f"scripts/{name}.py" for name in ("sanitize", "fuzz_parsers", "dist", "release_notes")
    }
    for name, *rest in scripts:
        shown = subprocess.run([sys.executable, str(ROOT / name), "--help"], capture_output=True, text=True, check=True)
        assert {word for word in rest if word.startswith("--")} <= set(re.findall(r"--[a-z-]+", shown.stdout)), name


def test_what_they_install_by_the_lock_is_in_it() -> None:
    lines = [line.split("requirements/ci.txt ")[1].split() for line in commands() if "requirements/ci.txt" in line]
    assert len(lines) == 2
    assert {name for names in lines for name in names} <= set(LOCK)


def test_every_wheel_is_installed_on_its_platform() -> None:
    """But that for Macs with Intel's processors, which VapourSynth and PyTorch have no packages for."""
    release = workflow(ROOT / ".github/workflows/release.yml")
    patterns = [each["file"] for each in release["jobs"]["install"]["strategy"]["matrix"]["include"]]
    targets = runpy.run_path(str(ROOT / "hatch_build.py"))["TARGETS"]
    names = {name: f"vsrife-0.1.0-py3-none-{target.tag}.whl" for name, target in targets.items()}
    uninstalled = [name for name, file in names.items() if not any(fnmatch(file, pattern) for pattern in patterns)]
    assert uninstalled == ["x86_64-macos"]
    assert any(fnmatch("vsrife-0.1.0.tar.gz", pattern) for pattern in patterns)


@pytest.mark.parametrize("line", ["uses: a/b@v4", "uses: a/b@main", "uses: a/b@08c6903 # v5.0.0"])
def test_an_action_without_a_hash_is_noticed(line: str) -> None:
    assert not PINNED.search(line)
